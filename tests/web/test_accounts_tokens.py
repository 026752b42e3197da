"""A token can do what it was given and its owner may still do, from its networks and until its end, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import ApiToken, Group, Role, User
from web.browsers import Browser, entries, holder
from web.people import a_token, a_user

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

pytestmark = pytest.mark.django_db

ME = "/api/v1/me"


def _token_body(**changes: Any) -> dict[str, Any]:
    ends = (timezone.now() + timedelta(days=30)).isoformat()
    return {"name": "script", "actions": ["view"], "all_groups": True, "expires_at": ends} | changes


def _owner(name: str = "anna", role: str = "Operator", group: Group | None = None) -> Browser:
    holder(name, role, group=group)
    browser = Browser()
    browser.login(name)
    return browser


def _secret(browser: Browser, **changes: Any) -> str:
    answer = browser.post("/api/v1/tokens", _token_body(**changes))
    assert answer.status_code == 201, answer.content
    return str(answer.json()["secret"])  # type: ignore[attr-defined]


def _ask(
    secret: str, path: str = ME, address: str = "192.0.2.7", method: str = "GET", scheme: str = "Token"
) -> HttpResponse:
    client = APIClient(REMOTE_ADDR=address)
    return client.generic(method, path, HTTP_AUTHORIZATION=f"{scheme} {secret}")


def test_a_token_is_shown_once_and_only_its_hash_is_stored() -> None:
    browser = _owner()
    secret = _secret(browser)
    assert secret.startswith("sealbus_")
    row = ApiToken.objects.values().get()
    assert secret not in str(row)
    assert len(row["digest"]) == 128
    listed = browser.get("/api/v1/tokens").json()["results"]  # type: ignore[attr-defined]
    assert [each["name"] for each in listed] == ["script"]
    assert "secret" not in listed[0]
    assert "digest" not in listed[0]
    assert _ask(secret).json()["rights"] == [{"action": "view", "groups": None}]  # type: ignore[attr-defined]
    assert secret[15:] not in str([entry.detail for entry in entries("token.create")])


def test_the_last_use_of_a_token_is_recorded() -> None:
    secret = _secret(_owner())
    _ask(secret, address="192.0.2.44")
    token = ApiToken.objects.get()
    assert token.last_used_from == "192.0.2.44"
    assert token.last_used_at is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": (timezone.now() + timedelta(days=367)).isoformat()}, "expires_at"),
        ({"expires_at": (timezone.now() - timedelta(seconds=1)).isoformat()}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
        ({"actions": []}, "actions"),
        ({"actions": ["configure"]}, "actions"),
        ({"actions": ["administer"]}, "actions"),
        ({"actions": ["fly"]}, "actions"),
        ({"networks": ["10.0.0.0/33"]}, "networks"),
        ({"networks": ["example.com"]}, "networks"),
        ({"all_groups": False}, "groups"),
        ({"groups": [999]}, "groups"),
        ({"owner": "boss"}, "owner"),
        ({"user": 1}, "user"),
        ({"name": ""}, "name"),
    ],
)
def test_an_invalid_token_request_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    answer = _owner().post("/api/v1/tokens", _token_body(**changes))
    assert answer.status_code == 400
    assert field in answer.json()["errors"]  # type: ignore[attr-defined]
    assert not ApiToken.objects.exists()


def test_a_token_cannot_have_more_groups_than_its_owner() -> None:
    here, there = Group.objects.create(name="here"), Group.objects.create(name="there")
    browser = _owner(group=here)
    for changes in ({"all_groups": True}, {"all_groups": False, "groups": [here.pk, there.pk]}):
        assert browser.post("/api/v1/tokens", _token_body(**changes)).status_code == 400
    secret = _secret(browser, all_groups=False, groups=[here.pk], actions=["view", "write"])
    rights = _ask(secret).json()["rights"]  # type: ignore[attr-defined]
    assert rights == [{"action": "view", "groups": [here.pk]}, {"action": "write", "groups": [here.pk]}]


def test_a_token_loses_what_its_owner_loses() -> None:
    secret = _secret(_owner(), actions=["view", "write"])
    anna = User.objects.get()
    services.unassign(subject=SHELL, assignment=anna.assignments.get())
    assert _ask(secret).json()["rights"] == []  # type: ignore[attr-defined]
    assert _ask(secret, "/api/v1/access-review").status_code == 403


def test_a_token_cannot_create_tokens_or_change_an_account() -> None:
    secret = _secret(_owner("boss", "Engineer"), actions=["view", "configure"])
    for method, path in (
        ("POST", "/api/v1/tokens"),
        ("GET", "/api/v1/tokens"),
        ("DELETE", f"/api/v1/tokens/{ApiToken.objects.get().pk}"),
        ("POST", "/_allauth/browser/v1/account/password/change"),
        ("GET", "/_allauth/browser/v1/account/authenticators/totp"),
        ("GET", "/_allauth/browser/v1/auth/sessions"),
    ):
        answer = _ask(secret, path, method=method)
        assert (answer.status_code, answer.json()["type"]) == (403, "not-for-tokens"), path  # type: ignore[attr-defined]


@pytest.mark.parametrize("header", ["Token sealbus_unknown", "Bearer sealbus_unknown", "Token", ""])
def test_a_wrong_token_is_told_from_none(client: Client, header: str) -> None:
    assert client.get(ME).json()["type"] == "sign-in-needed"
    wrong = client.get(ME, HTTP_AUTHORIZATION=header)
    assert (wrong.status_code, wrong.json()["type"]) == (401, "invalid-token")
    assert "Authorization: Token" in wrong.json()["detail"]


def test_a_token_provides_accounts_and_their_roles() -> None:
    group, viewer = Group.objects.create(name="here"), Role.objects.get(name="Viewer")
    _, client = a_token(a_user("boss", *Action), Action.ADMINISTER, Action.VIEW, expiry=timedelta(days=1))
    user = client.post("/api/v1/users", {"username": "carla", "email": "carla@example.org"}, format="json")
    assert user.status_code == 201
    body = {"user": user.json()["id"], "role": viewer.pk, "group": group.pk}
    made = client.post("/api/v1/assignments", body, format="json")
    assert made.status_code == 201
    assert client.delete(f"/api/v1/assignments/{made.json()['id']}").status_code == 204
    assert client.delete(f"/api/v1/users/{user.json()['id']}").status_code == 204
    with_password = client.post(
        "/api/v1/users", {"username": "dora", "password": "correct horse battery"}, format="json"
    )
    assert (with_password.status_code, with_password.json()["type"]) == (403, "not-for-tokens")


def test_a_revoked_token_is_refused_and_stays_on_the_list() -> None:
    browser = _owner()
    secret = _secret(browser)
    token = ApiToken.objects.get()
    assert browser.send("DELETE", f"/api/v1/tokens/{token.pk}").status_code == 204
    assert _ask(secret).status_code == 401
    listed = browser.get("/api/v1/tokens").json()["results"]  # type: ignore[attr-defined]
    assert listed[0]["revoked_at"] is not None
    assert [entry.target_name for entry in entries("token.revoke")] == ["anna/script"]
    assert _secret(browser), "its name is free again"


def test_a_person_has_fifty_tokens_and_a_revoked_one_makes_room() -> None:
    browser = _owner()
    for number in range(50):
        _secret(browser, name=f"script {number}")
    refused = browser.post("/api/v1/tokens", _token_body(name="one more"))
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["name"])  # type: ignore[attr-defined]
    ApiToken.objects.filter(name="script 0").update(revoked_at=timezone.now())
    _secret(browser, name="one more")


def test_an_expired_token_is_refused_and_not_deleted() -> None:
    browser = _owner()
    secret, other = _secret(browser), _secret(browser, name="other")
    ApiToken.objects.filter(name="script").update(expiry=timezone.now() - timedelta(seconds=1))
    assert _ask(other).status_code == 200
    assert _ask(secret).status_code == 401
    assert ApiToken.objects.count() == 2


def _refused() -> list[tuple[str, str, str]]:
    return [(each.actor_kind, each.actor_name, each.address) for each in entries("access.refused")]


@pytest.mark.parametrize(
    "change",
    [
        {"networks": ["10.0.0.0/8"]},
        {"expiry": timezone.now() - timedelta(seconds=1)},
        {"revoked_at": timezone.now()},
    ],
)
def test_the_audit_names_a_known_token_that_is_refused(change: dict[str, Any]) -> None:
    secret = _secret(_owner())
    ApiToken.objects.update(**change)
    assert _ask(secret).status_code == 401
    assert _refused() == [("nobody", "anna/script", "192.0.2.7")]


def test_a_guessed_token_is_recorded_without_a_name() -> None:
    secret = _secret(_owner())
    assert _ask(secret[:-1] + ("0" if secret[-1] != "0" else "1")).status_code == 401
    assert _refused() == [("nobody", "", "192.0.2.7")]


def test_a_token_of_a_deactivated_user_is_refused() -> None:
    secret = _secret(_owner())
    services.change_user(subject=SHELL, user=User.objects.get(), changes=services.UserChanges(is_active=False))
    assert _ask(secret).status_code == 401


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (["10.0.0.0/8"], "10.1.2.3", 200),
        (["10.0.0.0/8"], "11.1.2.3", 401),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", 200),
        (["2001:db8::/32"], "2001:db8::1", 200),
        (["2001:db8::/32"], "10.1.2.3", 401),
        (["10.1.2.3"], "10.1.2.4", 401),
    ],
)
def test_a_token_works_from_its_networks_only(networks: list[str], address: str, status: int) -> None:
    assert _ask(_secret(_owner(), networks=networks), address=address).status_code == status


def test_a_token_is_read_from_its_header_only() -> None:
    secret = _secret(_owner())
    client = APIClient()
    for path in (f"{ME}?token={secret}", f"{ME}?access_token={secret}", f"{ME}?Authorization=Token%20{secret}"):
        assert client.get(path).status_code == 401
    client.cookies["token"] = secret
    assert client.get(ME).status_code == 401
    assert _ask(secret, scheme="Bearer").status_code == 401
    assert _ask(secret, scheme="token").status_code == 200


@pytest.mark.parametrize("secret", ["", "x", "sealbus_" + "0" * 64, "\xe9" * 20, "a" * 10_000, "sealbus_"])
def test_no_other_secret_is_a_token(secret: str) -> None:
    real = _secret(_owner())
    assert _ask(secret).status_code == 401
    assert _ask(real[:-1] + ("0" if real[-1] != "0" else "1")).status_code == 401


def test_an_invalid_token_gives_no_rights_even_with_a_valid_session() -> None:
    browser = _owner()
    assert browser.get(ME, HTTP_AUTHORIZATION="Token nonsense").status_code == 401
    assert browser.get(ME).status_code == 200


def test_users_list_and_revoke_their_own_tokens_and_administrators_those_of_all() -> None:
    anna, ben = _owner("anna"), _owner("ben")
    _secret(anna)
    token = ApiToken.objects.get()
    assert ben.get("/api/v1/tokens").json()["results"] == []  # type: ignore[attr-defined]
    assert ben.get(f"/api/v1/tokens/{token.pk}").status_code == 404
    assert ben.send("DELETE", f"/api/v1/tokens/{token.pk}").status_code == 404
    boss = User.objects.get(username="ben")
    wanted = services.RoleChanges(name="Helper", actions=frozenset(_administer()))
    services.assign(subject=SHELL, user=boss, role=services.create_role(subject=SHELL, wanted=wanted), group=None)
    assert len(ben.get("/api/v1/tokens").json()["results"]) == 1  # type: ignore[attr-defined]
    assert ben.send("DELETE", f"/api/v1/tokens/{token.pk}").status_code == 204
    assert entries("token.revoke")[0].actor_name == "ben"


def _administer() -> list[Any]:
    from sealbus.web.access.actions import Action

    return [Action.ADMINISTER]


def test_two_tokens_of_a_user_cannot_have_the_same_name() -> None:
    browser = _owner()
    _secret(browser)
    assert browser.post("/api/v1/tokens", _token_body()).status_code == 409
