"""Users, roles, groups and assignments: changed by administrators, recorded, and never without an administrator left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Assignment, Grant, Group, Role, User
from sealbus.web.coordination.versions import read_version
from web.browsers import PASSWORD, Browser, entries, holder
from web.people import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

API = "/api/v1/"


@pytest.fixture
def boss() -> APIClient:
    """An administrator whose role asks for no second factor."""
    Role.objects.update(needs_second_factor=False)
    return signed_in(holder("boss", "Administrator"))


def test_a_user_is_created_changed_and_deactivated(boss: APIClient) -> None:
    made = boss.post(f"{API}users", {"username": "anna", "password": PASSWORD}, format="json")
    assert made.status_code == 201
    assert "password" not in made.json()
    path = f"{API}users/{made.json()['id']}"
    assert boss.patch(path, {"name": "Anna", "email": "anna@example.com"}, format="json").json()["name"] == "Anna"
    assert Browser().login("anna").status_code == 200
    assert boss.delete(path).status_code == 204
    assert boss.get(path).json()["is_active"] is False
    assert Browser().login("anna").status_code != 200
    changed = [entry.detail for entry in entries("user.change")]
    assert changed[0]["old"] == {"name": "", "email": ""}
    assert changed[0]["new"] == {"name": "Anna", "email": "anna@example.com"}
    assert changed[1]["new"] == {"is_active": False}
    assert PASSWORD not in str(changed) + str(entries("user.create")[0].detail)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "a b"}, "username"),
        ({"username": "BOSS"}, "username"),
        ({"username": "anna", "password": "short"}, "password"),
        ({"username": "anna", "email": "no"}, "email"),
        ({"username": "anna", "is_active": False}, "is_active"),
        ({"username": "anna", "is_superuser": True}, "is_superuser"),
        ({"username": "anna", "version": 7}, "version"),
        ({"username": "a\0b"}, "username"),
        ({"username": True}, "username"),
        ({}, "username"),
        ([], "non_field_errors"),
    ],
)
def test_invalid_data_of_a_user_is_refused_by_field(boss: APIClient, body: Any, field: str) -> None:
    answer = boss.post(f"{API}users", body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert User.objects.count() == 1


def test_a_user_without_a_password_signs_in_after_a_password_link(boss: APIClient) -> None:
    user = boss.post(f"{API}users", {"username": "anna"}, format="json").json()
    assert Browser().login("anna", "").status_code == 400
    link = boss.post(f"{API}users/{user['id']}/password-link")
    assert link.status_code == 201
    body = {"secret": link.json()["url"].partition("#")[2], "password": PASSWORD}
    assert Browser().post("/api/v1/password", body).status_code == 204
    assert Browser().login("anna").status_code == 200
    assert entries("password.link")[0].actor_name == "boss"


def test_an_administrator_ends_the_sessions_of_another(boss: APIClient) -> None:
    anna = holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    assert boss.post(f"{API}users/{anna.pk}/end-sessions").status_code == 204
    assert browser.get(f"{API}me").status_code == 401
    assert entries("session.end")[0].detail == {"ended": {"sessions": 1, "tokens": 0, "links": 0}}


def _switch_off(boss: APIClient) -> Any:
    return boss.patch(f"{API}users/{User.objects.get().pk}", {"is_active": False}, format="json")


def _delete_user(boss: APIClient) -> Any:
    return boss.delete(f"{API}users/{User.objects.get().pk}")


def _delete_role(boss: APIClient) -> Any:
    return boss.delete(f"{API}roles/{Role.objects.get(name='Administrator').pk}")


def _cut_role(boss: APIClient) -> Any:
    path = f"{API}roles/{Role.objects.get(name='Administrator').pk}"
    return boss.patch(path, {"actions": ["view"]}, format="json")


def _unassign(boss: APIClient) -> Any:
    return boss.delete(f"{API}assignments/{Assignment.objects.get().pk}")


@pytest.mark.parametrize("operation", [_switch_off, _delete_user, _delete_role, _cut_role, _unassign])
def test_the_last_administrator_cannot_be_removed_and_the_second_last_can(
    boss: APIClient, operation: Callable[[APIClient], Any]
) -> None:
    refused = operation(boss)
    assert (refused.status_code, refused.json()["type"]) == (409, "last-administrator")
    assert boss.get(f"{API}users").status_code == 200
    second = User.objects.create_user("zoe")
    helper = Role.objects.create(name="Helper")
    Grant.objects.create(role=helper, action=Action.ADMINISTER.value)
    group = Group.objects.create(name="one")
    in_one_group = Assignment.objects.create(user=second, role=helper, group=group)
    held, mine = Assignment.objects.exclude(pk=in_one_group.pk).get(), User.objects.get(username="boss")
    path = f"{API}assignments/{held.pk}" if operation is _unassign else f"{API}users/{mine.pk}"
    assert boss.delete(path).status_code == 409, "an administrator of one group does not count"
    Assignment.objects.create(user=second, role=helper)
    assert boss.delete(path).status_code == 204


def test_every_shipped_role_can_be_changed_and_removed(boss: APIClient) -> None:
    helper = Role.objects.create(name="Helper")
    Grant.objects.create(role=helper, action=Action.ADMINISTER.value)
    Assignment.objects.create(user=User.objects.get(), role=helper)
    for role in Role.objects.exclude(pk=helper.pk):
        path = f"{API}roles/{role.pk}"
        body = {"name": f"our {role.name}", "text": "ours", "actions": ["view"], "needs_second_factor": False}
        assert boss.patch(path, body, format="json").json() | body == boss.get(path).json()
        assert boss.delete(path).status_code == 204
    assert [role.name for role in Role.objects.all()] == ["Helper"]
    change = entries("role.change")[0].detail
    assert change["old"]["actions"] == sorted(change["old"]["actions"])
    assert change["new"]["actions"] == ["view"]
    assert entries("role.delete")[0].detail["old"]["holders"] in ([], ["boss"])


def test_a_role_is_created_and_assigned_in_one_group(boss: APIClient) -> None:
    anna = holder("anna")
    here = boss.post(f"{API}groups", {"name": "here"}, format="json").json()
    there = boss.post(f"{API}groups", {"name": "there"}, format="json").json()
    role = boss.post(f"{API}roles", {"name": "Night shift", "actions": ["view", "write"]}, format="json").json()
    assert role["actions"] == ["view", "write"]
    hers = signed_in(anna)
    assert hers.get(f"{API}groups").json()["results"] == []
    body = {"user": anna.pk, "role": role["id"], "group": here["id"]}
    held = boss.post(f"{API}assignments", body, format="json")
    assert held.status_code == 201
    assert boss.post(f"{API}assignments", body, format="json").status_code == 409
    assert [group["name"] for group in hers.get(f"{API}groups").json()["results"]] == ["here"]
    assert hers.get(f"{API}groups/{there['id']}").status_code == 404
    assert hers.patch(f"{API}groups/{here['id']}", {"name": "mine"}, format="json").status_code == 403
    assert hers.get(f"{API}me").json()["rights"][0] == {"action": "view", "groups": [here["id"]]}
    assert boss.delete(f"{API}assignments/{held.json()['id']}").status_code == 204
    assert hers.get(f"{API}me").json()["rights"] == []
    assert entries("role.assign")[0].detail == {"new": {"role": "Night shift", "group": "here"}}
    assert entries("role.unassign")[0].detail == {"old": {"role": "Night shift", "group": "here"}}


def test_all_groups_must_be_explicit(boss: APIClient) -> None:
    anna, viewer = holder("anna"), Role.objects.get(name="Viewer")
    body: dict[str, Any] = {"user": anna.pk, "role": viewer.pk}
    assert boss.post(f"{API}assignments", body, format="json").status_code == 400
    assert boss.post(f"{API}assignments", body | {"group": None}, format="json").status_code == 201
    assert boss.post(f"{API}assignments", body | {"group": None}, format="json").status_code == 409


def test_an_archived_group_gets_no_new_assignments_and_keeps_the_existing(boss: APIClient) -> None:
    group = Group.objects.create(name="old")
    anna = holder("anna", "Viewer", group=group)
    assert boss.delete(f"{API}groups/{group.pk}").status_code == 204
    assert boss.get(f"{API}groups/{group.pk}").json()["archived_at"] is not None
    assert signed_in(anna).get(f"{API}groups/{group.pk}").status_code == 200
    body = {"user": anna.pk, "role": Role.objects.get(name="Operator").pk, "group": group.pk}
    assert boss.post(f"{API}assignments", body, format="json").status_code == 400


@pytest.mark.parametrize("what", ["users", "roles", "groups"])
def test_a_change_of_another_user_is_not_overwritten(boss: APIClient, what: str) -> None:
    Group.objects.create(name="one")
    row = boss.get(f"{API}{what}").json()["results"][0]
    path = f"{API}{what}/{row['id']}"
    field = "name" if what == "users" else "text"
    assert boss.patch(path, {field: "first", "version": row["version"]}, format="json").status_code == 200
    late = boss.patch(path, {field: "second", "version": row["version"]}, format="json")
    assert (late.status_code, late.json()["type"]) == (409, "changed-meanwhile")
    assert boss.get(path).json()[field] == "first"


@pytest.mark.parametrize("query", ["is_active=perhaps", "who=1", "username=a&username=b"])
def test_an_invalid_query_is_refused(boss: APIClient, query: str) -> None:
    assert boss.get(f"{API}users?{query}").status_code == 400
    assert boss.get(f"{API}users?is_active=true").status_code == 200


@pytest.mark.parametrize("pk", ["0", "999999999999999999", "x", "-1", "1.0"])
def test_an_object_that_does_not_exist_is_404(boss: APIClient, pk: str) -> None:
    assert boss.get(f"{API}users/{pk}").status_code == 404


def test_every_change_of_rights_bumps_the_version(boss: APIClient) -> None:
    anna = holder("anna")
    role, group = Role.objects.get(name="Viewer"), Group.objects.create(name="one")
    changes: list[Callable[[], Any]] = [
        lambda: boss.post(f"{API}assignments", {"user": anna.pk, "role": role.pk, "group": None}, format="json"),
        lambda: boss.patch(f"{API}roles/{role.pk}", {"actions": ["view", "write"]}, format="json"),
        lambda: boss.patch(f"{API}users/{anna.pk}", {"is_active": False}, format="json"),
        lambda: boss.delete(f"{API}groups/{group.pk}"),
        lambda: boss.delete(f"{API}roles/{role.pk}"),
    ]
    for change in changes:
        before = read_version("rights")
        assert change().status_code < 300
        assert read_version("rights") > before


def test_the_review_shows_who_can_do_what_in_a_fixed_number_of_statements(
    boss: APIClient, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    group = Group.objects.create(name="one")
    for n in range(12):
        holder(f"user{n:02}", "Operator", "Auditor", group=group)
    with django_assert_max_num_queries(16):
        rows = boss.get(f"{API}access-review").json()["results"]
    assert len(rows) == 13
    row = next(row for row in rows if row["username"] == "user03")
    assert row["roles"] == [{"role": "Auditor", "group": "one"}, {"role": "Operator", "group": "one"}]
    assert {right["action"]: right["groups"] for right in row["rights"]} == {
        "view": [group.pk], "acknowledge": [group.pk], "write": [group.pk],
    }  # fmt: skip
    assert row["tokens"] == []
    assert signed_in(User.objects.get(username="user03")).get(f"{API}access-review").status_code == 403


def test_the_name_of_an_archived_group_is_refused_with_the_group_that_has_it(boss: APIClient) -> None:
    archived = boss.post(f"{API}groups", {"name": "north"}, "json").json()["id"]
    assert boss.delete(f"{API}groups/{archived}").status_code == 204
    other = boss.post(f"{API}groups", {"name": "south"}, "json").json()["id"]
    said = f"Group {archived}, which is archived, has this name: restore it, or write another name"
    for answer in (
        boss.post(f"{API}groups", {"name": "north"}, "json"),
        boss.patch(f"{API}groups/{other}", {"name": "north"}, "json"),
    ):
        assert (answer.status_code, answer.json()["type"], answer.json()["detail"]) == (409, "taken", said)
    assert boss.post(f"{API}groups", {"name": "south"}, "json").status_code == 400
    assert boss.post(f"{API}groups/{archived}/restore").status_code == 200
    assert boss.post(f"{API}groups", {"name": "east"}, "json").status_code == 201


@pytest.mark.parametrize("what", ["users", "roles", "groups", "assignments", "tokens"])
def test_a_list_takes_a_fixed_number_of_statements(
    boss: APIClient, what: str, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for n in range(10):
        holder(f"user{n:02}", "Operator")
        Group.objects.create(name=f"group {n}")
    with django_assert_max_num_queries(9):
        assert boss.get(f"{API}{what}").status_code == 200
