"""The administration in the browser."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts.models import ApiToken, Assignment, Group, OneTimeLink, Role, User
from sealbus.web.audit.services import Event, append
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern
from web.people import ALL_ACTIONS, a_token, a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db
_MARKUP = "<img src=x onerror=alert(1)>"
_ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"
_FRAGMENT: Any = {"HTTP_HX_REQUEST": "true"}
_FRAME = 5
_LISTS = (
    "/administration", "/administration/people/new", "/administration/roles", "/administration/roles/new",
    "/administration/groups", "/administration/groups/new", "/administration/tokens", "/administration/sessions",
    "/administration/networks", "/administration/retention", "/administration/retention/new", "/administration/state",
    "/administration/licences",
)  # fmt: skip


def _admin() -> Client:
    return signed_in(a_user("root", *ALL_ACTIONS))


def _text(answer: Any) -> str:
    return str(answer.content.decode())


def _is_active(user: User) -> bool:
    return User.objects.filter(pk=user.pk, is_active=True).exists()


def _session(user: User, key: str = "k" * 32) -> UserSession:
    return UserSession.objects.create(user=user, session_key=key, ip="192.0.2.4", user_agent="Mozilla/5.0 Firefox/1")


@pytest.mark.parametrize("path", _LISTS)
def test_only_an_administrator_of_all_groups_opens_a_page(path: str) -> None:
    assert _admin().get(path).status_code == 200
    for client in (
        signed_in(a_user("north", Action.ADMINISTER, Action.VIEW, group=a_group())),
        signed_in(a_user("auditor", Action.AUDIT, Action.VIEW)),
    ):
        assert client.get(path).status_code == 403
        assert 'href="/administration"' not in _text(client.get("/"))
    assert Client().get(path).status_code == 302


def test_a_token_reads_a_list_and_changes_nothing() -> None:
    owner = a_user("owner", *ALL_ACTIONS)
    client = a_token(owner, *ALL_ACTIONS)[1]
    assert client.get("/administration").status_code == 200
    assert client.post("/administration/groups/new", {"name": "by token"}).status_code == 403
    assert not Group.objects.filter(name="by token").exists()


def test_a_form_of_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user("root", *ALL_ACTIONS))
    victim = a_user("victim", Action.VIEW)
    for path in ("/administration/groups/new", f"/administration/people/{victim.pk}/off"):
        assert client.post(path, {"name": "x"}).status_code == 403
    victim.refresh_from_db()
    assert victim.is_active and not Group.objects.filter(name="x").exists()


def test_the_people_are_listed_with_roles_factor_and_last_seen_in_few_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        user = a_user(f"person{number}", Action.VIEW, group=a_group(f"group {number % 3}"))
        a_user(user.username, Action.WRITE)
        _session(user, f"{number:032}")
    Authenticator.objects.create(user=User.objects.get(username="person3"), type="totp", data={})
    client = _admin()
    with django_assert_max_num_queries(_FRAME + 3):
        page = _text(client.get("/administration"))
    assert page.count('href="/administration/people/') == 31 + 1  # and the new one
    only = _text(client.get("/administration?q=person3&state=on"))
    assert "person3</a>" in only and "person4</a>" not in only
    without = _text(client.get("/administration?state=without-factor"))
    assert "person3</a>" not in without and "person4</a>" in without


def test_a_person_has_all_rights_on_one_page_in_few_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    user = a_user("olga", Action.VIEW, Action.CONFIGURE, group=a_group("north"))
    a_user("olga", Action.VIEW, Action.WRITE, group=a_group("south"))
    a_user("olga", Action.ADMINISTER, group=a_group("south"))
    for name in ("one", "two"):
        a_token(user, Action.VIEW, name=name, expiry=timedelta(days=30))
    _session(user)
    append(Event(Actor(ActorKind.USER, user.pk, "olga"), "tag.change"))
    client = _admin()
    with django_assert_max_num_queries(_FRAME + 8):
        page = _text(client.get(f"/administration/people/{user.pk}"))
    assert "<b>configure</b>" in page and "north, south" in page
    assert "without effect" in page, "administer counts in all groups only"
    assert "not in 90 days" in page and "2 not used in 90 days" in page
    assert page.count('/revoke" hx-get') == 2 and "Firefox" in page


def test_last_use_is_not_shown_to_an_administrator_who_may_not_read_the_audit() -> None:
    user = a_user("olga", Action.CONFIGURE)
    page = _text(signed_in(a_user("lesser", Action.ADMINISTER)).get(f"/administration/people/{user.pk}"))
    assert "Last use</th>" not in page and "What this person did" not in page


def test_a_person_is_made_with_a_role_and_a_link_that_is_shown_once() -> None:
    role, group = Role.objects.get(name="Operator"), a_group("north")
    client = _admin()
    typed = {"username": "boris", "name": "Boris", "email": "", "role": role.pk, "group": group.pk}
    answer = client.post("/administration/people/new", typed)
    assert answer.status_code == 200
    link = re.search(r'value="(http[^"]+/password#[^"]+)"', _text(answer))
    assert link is not None
    user = User.objects.get(username="boris")
    assert not user.has_usable_password()
    assert [(each.role, each.group) for each in user.assignments.all()] == [(role, group)]
    assert link[1] not in _text(client.get(f"/administration/people/{user.pk}"))
    assert Assignment.objects.filter(user=user).count() == OneTimeLink.objects.filter(user=user).count() == 1


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"username": "", "group": "all"}, 'id="field-username-problems"'),
        ({"username": "a b"}, 'id="field-username-problems"'),
        ({"username": "new", "email": "nobody"}, 'id="field-email-problems"'),
        ({"username": "new", "role": "1", "group": ""}, 'id="field-group-problems"'),
        ({"username": "new", "role": "999999", "group": "all"}, 'id="field-role-problems"'),
    ],
)
def test_a_person_that_cannot_be_made_is_refused_beside_the_field(typed: dict[str, str], problem: str) -> None:
    answer = _admin().post("/administration/people/new", typed)
    assert answer.status_code == 422
    assert problem in _text(answer)
    assert User.objects.count() == 1 and not OneTimeLink.objects.exists()


def test_a_taken_name_is_said_and_what_was_typed_stays() -> None:
    client = _admin()
    answer = client.post("/administration/people/new", {"username": "Root", "name": "typed before"})
    assert answer.status_code == 422
    page = _text(answer)
    assert 'class="problem"' in page and 'value="typed before"' in page


def test_an_act_is_explained_first_and_done_by_post_only() -> None:
    user = a_user("olga", Action.VIEW)
    session = _session(user)
    token = a_token(user, Action.VIEW, expiry=timedelta(days=30))[0]
    client = _admin()
    path = f"/administration/people/{user.pk}/off"
    part = _text(client.get(path, **_FRAGMENT))
    assert "<html" not in part and "signed out everywhere" in part and 'method="post"' in part
    assert _is_active(user)
    answer = client.post(path)
    assert answer.status_code == 303 and answer["Location"] == f"/administration/people/{user.pk}?done=off"
    token.refresh_from_db()
    assert not _is_active(user) and token.revoked_at is not None
    assert not UserSession.objects.filter(pk=session.pk).exists()
    page = _text(client.get(answer["Location"]))
    assert "Switched off." in page and "switched off</span>" in page
    assert client.post(f"/administration/people/{user.pk}/on").status_code == 303
    assert _is_active(user)


def test_the_last_administrator_is_not_switched_off_and_keeps_the_role() -> None:
    user = a_user("root", *ALL_ACTIONS)
    client = signed_in(user)
    answer = client.post(f"/administration/people/{user.pk}/off")
    assert answer.status_code == 409 and "no administrator" in _text(answer)
    held = Assignment.objects.get(user=user)
    answer = client.post(f"/administration/assignments/{held.pk}/take")
    assert answer.status_code == 409 and "no administrator" in _text(answer)
    assert client.post(f"/administration/roles/{held.role_id}/delete").status_code == 409
    user.refresh_from_db()
    assert user.is_active and Assignment.objects.filter(pk=held.pk).exists()


def test_a_role_is_given_in_one_group_or_in_all_and_taken_again() -> None:
    user, role, group = a_user("olga"), Role.objects.get(name="Viewer"), a_group("north")
    client, path = _admin(), f"/administration/people/{user.pk}/role"
    refused = client.post(path, {"role": role.pk, "group": ""})
    assert refused.status_code == 422 and 'id="field-group-problems"' in _text(refused)
    assert client.post(path, {"role": role.pk, "group": group.pk}).status_code == 303
    assert client.post(path, {"role": role.pk, "group": "all"}).status_code == 303
    again = client.post(path, {"role": role.pk, "group": "all"})
    assert again.status_code == 409 and "taken" in _text(again)
    held = Assignment.objects.get(user=user, role=role, group=None)
    assert client.post(f"/administration/assignments/{held.pk}/take").status_code == 303
    assert not Assignment.objects.filter(pk=held.pk).exists()


def test_a_person_is_changed_unless_somebody_else_was_faster() -> None:
    user, client = a_user("olga"), _admin()
    path = f"/administration/people/{user.pk}/change"
    assert client.post(path, {"name": "Olga", "email": "", "version": "1"}).status_code == 303
    late = client.post(path, {"name": "Other", "email": "", "version": "1"})
    assert late.status_code == 409 and "meanwhile" in _text(late) and 'value="Other"' in _text(late)
    assert client.post(path, {"name": "x", "email": "nonsense", "version": "2"}).status_code == 422
    user.refresh_from_db()
    assert user.name == "Olga"


def test_sessions_and_second_factors_end_with_everything_that_was_handed_out() -> None:
    user, client = a_user("olga"), _admin()
    Authenticator.objects.create(user=user, type="totp", data={})
    _session(user)
    assert client.post(f"/administration/people/{user.pk}/sessions").status_code == 303
    assert not UserSession.objects.filter(user=user).exists()
    assert client.post(f"/administration/people/{user.pk}/factor").status_code == 303
    assert not Authenticator.objects.filter(user=user).exists()


def test_a_password_link_is_shown_once_and_not_for_somebody_who_is_switched_off() -> None:
    user, client = a_user("olga"), _admin()
    path = f"/administration/people/{user.pk}/link"
    assert "/password#" not in _text(client.get(path))
    assert "/password#" in _text(client.post(path))
    User.objects.filter(pk=user.pk).update(is_active=False)
    refused = client.post(path)
    assert refused.status_code == 409 and "deactivated" in _text(refused)


def test_one_session_ends_and_the_others_stay() -> None:
    user, client = a_user("olga"), _admin()
    one, other = _session(user, "a" * 32), _session(user, "b" * 32)
    assert "192.0.2.4" in _text(client.get("/administration/sessions?q=olga"))
    assert client.post(f"/administration/sessions/{one.pk}/end").status_code == 303
    assert list(UserSession.objects.filter(user=user)) == [other]


def test_a_token_of_somebody_is_revoked() -> None:
    token = a_token(a_user("olga", Action.VIEW), Action.VIEW, expiry=timedelta(days=30))[0]
    client = _admin()
    assert f"/administration/tokens/{token.pk}/revoke" in _text(client.get("/administration/tokens"))
    assert client.post(f"/administration/tokens/{token.pk}/revoke").status_code == 303
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert f"/administration/tokens/{token.pk}/revoke" not in _text(client.get("/administration/tokens?state=all"))


def test_a_role_is_made_changed_and_deleted() -> None:
    client = _admin()
    refused = client.post("/administration/roles/new", {"name": "", "actions": ["view", "fly"]})
    assert refused.status_code == 422
    assert 'id="field-name-problems"' in _text(refused) and 'id="field-actions-problems"' in _text(refused)
    typed = {"name": "Shift", "text": "", "actions": ["view", "write"], "needs_second_factor": "true"}
    assert client.post("/administration/roles/new", typed).status_code == 303
    role = Role.objects.get(name="Shift")
    assert role.needs_second_factor and sorted(each.action for each in role.grants.all()) == ["view", "write"]
    path = f"/administration/roles/{role.pk}"
    assert 'value="write" checked' in _text(client.get(path))
    changed = {"name": "Shift", "text": "nights", "actions": ["view"], "version": role.version}
    assert client.post(path, changed).status_code == 303
    stored = Role.objects.get(pk=role.pk)
    assert not stored.needs_second_factor and [each.action for each in stored.grants.all()] == ["view"]
    assert client.post(path, changed | {"name": "late"}).status_code == 409
    user = a_user("olga")
    Assignment.objects.create(user=user, role=role)
    assert "olga" in _text(client.get(f"{path}/delete"))
    assert client.post(f"{path}/delete").status_code == 303
    assert not Role.objects.filter(pk=role.pk).exists()


def test_a_group_is_archived_only_when_nothing_is_polled_in_it() -> None:
    client = _admin()
    assert client.post("/administration/groups/new", {"name": "north"}).status_code == 303
    assert client.post("/administration/groups/new", {"name": "north"}).status_code in (409, 422)
    group = Group.objects.get(name="north")
    device = a_device("meter", group=group)
    explained = _text(client.get(f"/administration/groups/{group.pk}/archive"))
    assert "1 devices and 1 connections" in explained and ">Archive</button>" not in explained
    assert client.post(f"/administration/groups/{group.pk}/archive").status_code == 409
    now = timezone.now()
    type(device).objects.filter(pk=device.pk).update(archived_at=now)
    assert device.connection is not None
    type(device.connection).objects.filter(pk=device.connection.pk).update(archived_at=now)
    assert client.post(f"/administration/groups/{group.pk}/archive").status_code == 303
    assert "north</a>" not in _text(client.get("/administration/groups"))
    assert "north</a>" in _text(client.get("/administration/groups?archived=1"))
    assert client.post(f"/administration/groups/{group.pk}/restore").status_code == 303
    renamed = {"name": "far north", "text": "", "version": "1"}
    assert client.post(f"/administration/groups/{group.pk}", renamed).status_code == 303
    group.refresh_from_db()
    assert group.archived_at is None and group.name == "far north"


def test_networks_and_serial_patterns_are_added_and_removed_with_problems_in_place() -> None:
    client, path = _admin(), "/administration/networks"
    refused = client.post(path, {"what": "network", "network": "10.0.0.0/33", "ports": "502"})
    assert refused.status_code == 422 and 'id="field-network-problems"' in _text(refused)
    refused = client.post(path, {"what": "network", "network": "10.0.0.0/10", "ports": "x"})
    assert refused.status_code == 422 and 'id="field-ports-problems"' in _text(refused)
    assert client.post(path, {"what": "network", "network": "10.0.0.0/10", "ports": "502"}).status_code == 303
    refused = client.post(path, {"what": "serial", "serial_pattern": "/etc/*"})
    assert refused.status_code == 422 and 'id="field-serial_pattern-problems"' in _text(refused)
    assert client.post(path, {"what": "serial", "serial_pattern": "/dev/ttyXR*"}).status_code == 303
    network, pattern = (
        AllowedNetwork.objects.get(network="10.0.0.0/10"),
        SerialPattern.objects.get(pattern="/dev/ttyXR*"),
    )
    assert client.post(f"/administration/networks/{network.pk}/remove").status_code == 303
    assert client.post(f"/administration/serial/{pattern.pk}/remove").status_code == 303
    assert (
        not AllowedNetwork.objects.filter(pk=network.pk).exists()
        and not SerialPattern.objects.filter(pk=pattern.pk).exists()
    )


def test_a_retention_class_is_made_changed_and_removed_once_no_tag_needs_it() -> None:
    client = _admin()
    typed = {"name": "brief", "raw_days": "7", "minute_days": "30", "hour_days": "90", "day_days": "", "hold_s": "3600"}
    refused = client.post("/administration/retention/new", typed | {"minute_days": "3"})
    assert refused.status_code == 422 and 'id="field-minute_days-problems"' in _text(refused)
    assert client.post("/administration/retention/new", typed).status_code == 303
    row = RetentionClass.objects.get(name="brief")
    assert row.day_days is None
    path = f"/administration/retention/{row.pk}"
    assert client.post(path, typed | {"raw_days": "8", "version": "1"}).status_code == 303
    assert client.post(path, typed | {"raw_days": "9", "version": "1"}).status_code == 409
    tag = a_tag(a_device())
    used = f"/administration/retention/{tag.retention_id}/remove"
    assert ">Remove</button>" not in _text(client.get(used)) and client.post(used).status_code == 409
    assert client.post(f"{path}/remove").status_code == 303


def test_the_state_says_what_to_do_for_each_problem() -> None:
    page = _text(_admin().get("/administration/state"))
    assert "Start the process “sealbus collect”" in page
    assert "part has a problem" in page or "parts have problems" in page


def test_the_licences_of_the_sent_files_are_listed() -> None:
    page = _text(_admin().get("/administration/licences"))
    assert "htmx.org" in page and "0BSD" in page and "PERFORMANCE OF THIS SOFTWARE" in page


def test_what_does_not_exist_is_not_found() -> None:
    client = _admin()
    for pk in (999_999, 10**30):
        for path in (
            f"people/{pk}", f"people/{pk}/off", f"people/{pk}/role", f"people/{pk}/change", f"roles/{pk}",
            f"groups/{pk}", f"groups/{pk}/archive", f"tokens/{pk}/revoke", f"sessions/{pk}/end", f"retention/{pk}",
            f"networks/{pk}/remove", f"serial/{pk}/remove", f"assignments/{pk}/take",
        ):  # fmt: skip
            assert client.get(f"/administration/{path}").status_code == 404, path


def test_stored_markup_comes_out_as_text_everywhere() -> None:
    group = Group.objects.create(name=_MARKUP, text=_MARKUP)
    role = Role.objects.create(name=_MARKUP, text=_MARKUP)
    user = User.objects.create_user("olga", name=_MARKUP)
    held = Assignment.objects.create(user=user, role=role, group=group)
    token = a_token(user, Action.VIEW, name=_MARKUP, expiry=timedelta(days=30))[0]
    assert isinstance(token, ApiToken)
    session = _session(user)
    UserSession.objects.filter(pk=session.pk).update(user_agent=_MARKUP)
    network = AllowedNetwork.objects.create(network="10.0.0.0/9", text=_MARKUP)
    row = RetentionClass.objects.create(name=_MARKUP)
    assert network.pk
    client = _admin()
    for path in (
        "", f"/people/{user.pk}", f"/people/{user.pk}/role", "/roles", f"/roles/{role.pk}", f"/roles/{role.pk}/delete",
        "/groups", f"/groups/{group.pk}/archive", "/tokens", f"/tokens/{token.pk}/revoke", "/sessions", "/networks",
        "/retention", f"/retention/{row.pk}/remove", f"/assignments/{held.pk}/take", "/people/new",
    ):  # fmt: skip
        page = _text(client.get(f"/administration{path}"))
        assert "<img src=x" not in page, path
        assert _ESCAPED in page, path
