"""Ways around a right that were found once: each is closed, and the allowed case beside it works."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import OneTimeLink
from sealbus.web.audit.models import Entry
from sealbus.web.devices.models import Connection, Tag
from web.browsers import AUTH, Browser, entries, holder
from web.people import a_token, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from django.test import Client
    from rest_framework.test import APIClient

    from sealbus.web.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

PASSWORD = "another good horse"


def _import(client: APIClient, table: str, *rows: dict[str, Any]) -> Any:
    return client.post(f"/api/v1/{table}/import", {table: list(rows)}, "json")


def _switch(user: User, *, on: bool) -> None:
    services.change_user(subject=SHELL, user=user, changes=services.UserChanges(is_active=on))


# -- signing in


def test_a_session_from_before_the_second_factor_ends_with_it(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Any]]],
) -> None:
    holder("anna", "Administrator")
    old, new = Browser(), Browser()
    old.login("anna")
    new.login("anna")
    with django_capture_on_commit_callbacks(execute=True):
        new.add_totp()
    assert old.get("/api/v1/me").status_code == 401
    assert old.reauthenticate().status_code == 401
    assert new.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("meanwhile", ["switched off and on", "another password"])
def test_an_unfinished_sign_in_ends_with_a_new_password_or_deactivation(meanwhile: str) -> None:
    anna = holder("anna", "Viewer")
    first = Browser()
    first.login("anna")
    first.add_totp()
    codes = first.get(f"{AUTH}account/authenticators/recovery-codes").json()["data"]["unused_codes"]  # type: ignore[attr-defined]
    half = Browser()
    assert half.login("anna").status_code == 401
    if meanwhile == "another password":
        anna.set_password(PASSWORD)
        anna.save()
    else:
        _switch(anna, on=False)
    second = half.post(f"{AUTH}auth/2fa/authenticate", {"code": codes[0]})
    assert second.status_code in (401, 403)
    _switch(anna, on=True)
    assert half.get("/api/v1/me").status_code == 401


def test_activating_a_user_again_restores_no_session_token_or_link() -> None:
    anna = a_user("anna", Action.VIEW)
    _, client = a_token(anna, Action.VIEW)
    link = services.password_link(subject=SHELL, user=anna)
    assert client.get("/api/v1/me").status_code == 200
    _switch(anna, on=False)
    _switch(anna, on=True)
    assert client.get("/api/v1/me").status_code == 401
    assert not OneTimeLink.objects.filter(user=anna).exists()
    body = {"secret": link.url.partition("#")[2], "password": PASSWORD}
    assert Browser().post("/api/v1/password", body).status_code in (403, 404, 405)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("users", {"username": "carl", "password": PASSWORD}),
        ("roles", {"name": "all", "text": "", "actions": ["administer"], "needs_second_factor": False}),
        ("users/{user}/password-link", {}),
        ("users/{user}/reset-second-factor", {}),
    ],
)
def test_a_token_gives_no_rights_and_no_way_into_an_account(path: str, body: dict[str, Any]) -> None:
    boss = a_user("boss", Action.ADMINISTER)
    _, client = a_token(boss, Action.ADMINISTER)
    answer = client.post(f"/api/v1/{path.format(user=boss.pk)}", body, "json")
    assert (answer.status_code, answer.json()["type"]) == (403, "not-for-tokens")
    assert client.get("/api/v1/users").status_code == 200


def test_a_token_gives_nobody_a_right_that_it_does_not_have() -> None:
    boss = a_user("boss", *Action)
    _, client = a_token(boss, Action.ADMINISTER)
    body = {"user": boss.pk, "role": boss.assignments.get().role_id, "group": a_group("mine").pk}
    answer = client.post("/api/v1/assignments", body, "json")
    assert (answer.status_code, answer.json()["type"]) == (403, "no-right")
    assert boss.assignments.count() == 1


def test_an_invisible_group_is_refused_like_one_that_does_not_exist() -> None:
    a_user("anna", Action.VIEW, group=a_group("mine"))
    anna = signed_in(a_user("anna", Action.VIEW, group=a_group("mine")))
    body = {"name": "t", "actions": ["view"], "expires_at": (timezone.now() + timedelta(days=1)).isoformat()}
    foreign = anna.post("/api/v1/tokens", body | {"groups": [a_group("theirs").pk]}, "json").json()["errors"]
    nobodys = anna.post("/api/v1/tokens", body | {"groups": [99_999]}, "json").json()["errors"]
    assert str(foreign).replace(str(a_group("theirs").pk), "99999") == str(nobodys)


# -- devices


def test_endpoints_are_configured_only_by_users_who_may_configure_all_groups() -> None:
    mine = a_group("mine")
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE, group=mine))
    line = a_connection("line", group=mine)
    body = {"name": "other", "group": mine.pk, "url": "tcp://10.0.0.9"}
    assert anna.post("/api/v1/connections", body, "json").status_code == 403
    assert _import(anna, "connections", {"group": "mine", "name": "other", "url": "tcp://10.0.0.9"}).status_code == 400
    for changes in ({"url": "tcp://10.0.0.9"}, {"url": "mbaps://10.0.0.5", "identity": "collector"}):
        assert anna.patch(f"/api/v1/connections/{line.pk}", changes, "json").status_code == 403
        assert _import(anna, "connections", {"group": "mine", "name": "line", **changes}).status_code == 400
    assert Connection.objects.get().url == "tcp://10.0.0.5:502"
    assert anna.patch(f"/api/v1/connections/{line.pk}", {"timeout_s": 2}, "json").status_code == 200
    assert _import(anna, "connections", {"group": "mine", "name": "line", "timeout_s": 3}).status_code == 200
    berta = signed_in(a_user("berta", Action.VIEW, Action.CONFIGURE))
    assert berta.post("/api/v1/connections", body, "json").status_code == 201


def test_the_unit_on_a_connection_of_another_group_cannot_be_changed_by_form_or_by_table() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE, group=mine))
    guest = a_device("guest", group=mine, connection=a_connection("line", group=theirs), unit_id=9)
    assert anna.patch(f"/api/v1/devices/{guest.pk}", {"unit_id": 3}, "json").status_code == 403
    refused = _import(anna, "devices", {"group": "mine", "name": "guest", "unit_id": 3})
    assert (refused.status_code, refused.json()["errors"][0]["column"]) == (400, "group")
    guest.refresh_from_db()
    assert guest.unit_id == 9
    assert _import(anna, "devices", {"group": "mine", "name": "guest", "text": "fine"}).status_code == 200


def test_importing_an_export_keeps_a_connection_that_the_user_does_not_see() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    guest = a_device("guest", group=mine, connection=a_connection("line", group=theirs), unit_id=9)
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE, group=mine))
    table = b"".join(anna.get("/api/v1/devices/export?file=csv"))
    assert b"line" not in table
    taken = anna.post("/api/v1/devices/import", table, content_type="text/csv").json()
    assert (taken["changed"], taken["unchanged"]) == (0, 1)
    guest.refresh_from_db()
    assert guest.connection is not None


def test_a_formula_with_an_invisible_input_cannot_be_changed_by_form_or_by_table() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    secret = a_tag(a_device("b", group=theirs), "level")
    sums = a_tag(a_device("a", group=mine), "sum", place="", type="", expression="b > 1", inputs={"b": secret.pk})
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE, group=mine))
    assert anna.patch(f"/api/v1/tags/{sums.pk}", {"expression": "b"}, "json").status_code == 400
    refused = _import(anna, "tags", {"group": "mine", "device": "a", "name": "sum", "expression": "b"})
    assert (refused.status_code, refused.json()["errors"][0]["column"]) == (400, "inputs")
    assert Tag.objects.get(pk=sums.pk).expression == "b > 1"


def test_the_audit_lists_the_changes_of_an_import() -> None:
    tag = a_tag(a_device("a"), "set", place="holding:0", writable=True, write_max=10.0)
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE))
    row = {"group": "plant", "device": "a", "name": "set", "write_max": 100_000}
    assert _import(anna, "tags", row).status_code == 200
    (entry,) = (each for each in entries("tag.import") if "rows" in each.detail)
    assert entry.detail["rows"] == [
        {"id": tag.pk, "name": "set", "old": {"write_max": 10.0}, "new": {"write_max": 100_000.0}}
    ]


def test_a_token_withdraws_only_its_own_commands() -> None:
    anna = a_user("anna", Action.VIEW, Action.CONFIGURE, group=a_group())
    line = a_connection()
    command = signed_in(anna).post(f"/api/v1/connections/{line.pk}/test", {}, "json").json()["id"]
    _, viewing = a_token(anna, Action.VIEW)
    assert viewing.post(f"/api/v1/commands/{command}/withdraw").status_code == 403
    _, testing = a_token(anna, Action.VIEW, Action.CONFIGURE, name="tests")
    own = testing.post(f"/api/v1/connections/{line.pk}/test", {}, "json").json()["id"]
    assert testing.post(f"/api/v1/commands/{own}/withdraw").status_code == 200


# -- what was refused is in the audit


def test_refusals_inside_the_services_are_recorded() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    line = a_connection("line", group=mine)
    a_device("guest", group=theirs, connection=line)
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE, group=mine))
    assert anna.delete(f"/api/v1/connections/{line.pk}").status_code == 403
    assert _import(anna, "devices", {"group": "theirs", "name": "guest", "text": "x"}).status_code == 400
    refused = Entry.objects.filter(result="refused", actor_name="anna")
    assert refused.count() >= 1
    browser = Browser()
    holder("carl", "Viewer")
    browser.login("carl")
    assert browser.post("/api/v1/tokens", {}, HTTP_X_CSRFTOKEN="").status_code == 403
    assert Entry.objects.filter(result="refused", actor_name="carl", detail__reason="csrf").count() == 1


def test_an_unknown_parameter_is_refused_so_that_a_misspelt_dry_run_changes_nothing() -> None:
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE))
    device = a_device("a")
    row = {"device": device.pk, "name": "t", "place": "input:0", "type": "uint16"}
    assert anna.post("/api/v1/tags?dry_run=1", row, "json").status_code == 400
    assert not Tag.objects.exists()
    template = anna.get("/api/v1/templates").json()["results"][0]["id"]
    preview = anna.post(f"/api/v1/templates/{template}/apply?dry_run=1", {"device": device.pk}, "json")
    assert (preview.status_code, preview.json()["dry_run"], Tag.objects.count()) == (200, True, 0)
    assert anna.post(f"/api/v1/templates/{template}/apply?dryrun=1", {"device": device.pk}, "json").status_code == 400
    assert (
        anna.post(f"/api/v1/templates/{template}/apply", {"device": device.pk, "dry_run": True}, "json").status_code
        == 400
    )
    assert not Tag.objects.exists()


def test_the_first_page_of_a_new_site_names_the_next_step(client: Client) -> None:
    page = client.get("/login")
    assert (page.status_code, b"sealbus web setup-link" in page.content) == (200, True)
    holder("anna", "Administrator")
    assert b"setup-link" not in client.get("/login").content


def test_an_unknown_word_is_refused_with_the_known_ones() -> None:
    anna = signed_in(a_user("anna", Action.VIEW, Action.CONFIGURE))
    row = {"device": a_device("a").pk, "name": "t", "place": "input:0", "type": "flot32"}
    (text,) = anna.post("/api/v1/tags", row, "json").json()["errors"]["type"]
    assert text.startswith('"flot32" is not one of: ')
    assert "float32" in text
