"""A new site has no account; one link creates the first administrator, once. The other links work once too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.utils import timezone

from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import OneTimeLink, Role, User
from sealbus.web.errors import Conflict, Invalid
from web.browsers import AUTH, PASSWORD, Browser, entries, holder

pytestmark = pytest.mark.django_db

SETUP = "/api/v1/setup"


def _secret(url: str) -> str:
    return url.partition("#")[2]


def _body(secret: str, **changes: str) -> dict[str, str]:
    return {"secret": secret, "username": "boss", "password": PASSWORD} | changes


def test_a_new_site_has_the_six_roles_and_no_user() -> None:
    assert not User.objects.exists()
    roles = {role.name: {grant.action for grant in role.grants.all()} for role in Role.objects.all()}
    assert roles == {
        "Viewer": {"view"},
        "Operator": {"view", "acknowledge", "write"},
        "Engineer": {"view", "acknowledge", "write", "configure"},
        "Security officer": {"view", "audit", "administer"},
        "Auditor": {"view", "audit"},
        "Administrator": {"view", "acknowledge", "write", "configure", "administer", "audit"},
    }
    careful = Role.objects.filter(needs_second_factor=True).values_list("name", flat=True)
    assert set(careful) == {"Security officer", "Administrator"}


def test_the_setup_link_makes_the_first_administrator_once() -> None:
    browser = Browser()
    url = services.setup_link()
    assert url.startswith("http://127.0.0.1:8000/setup#")
    assert browser.get(SETUP).json() == {"open": True}  # type: ignore[attr-defined]
    assert browser.post(SETUP, _body(_secret(url))).status_code == 201
    assert browser.get(SETUP).json() == {"open": False}  # type: ignore[attr-defined]
    assert browser.post(SETUP, _body(_secret(url), username="second")).status_code == 409
    assert [user.username for user in User.objects.all()] == ["boss"]
    assert browser.login("boss").status_code == 200
    assert browser.me()["second_factor"] == {"kinds": [], "used": False, "needed": True}
    with pytest.raises(Conflict):
        services.setup_link()
    assert entries("setup.done")[0].target_name == "boss"
    assert "secret" not in str([entry.detail for entry in entries("setup.link")])


@pytest.mark.parametrize("secret", ["", "x" * 200, "x" * 201, "\ud83d\ude00", "a\0b"])
def test_no_other_secret_sets_up_the_site(secret: str) -> None:
    services.setup_link()
    assert Browser().post(SETUP, _body(secret)).status_code in (400, 403)
    assert not User.objects.exists()


def test_a_new_setup_link_ends_the_previous_one_and_each_expires() -> None:
    first, second = services.setup_link(), services.setup_link()
    assert Browser().post(SETUP, _body(_secret(first))).status_code == 403
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Browser().post(SETUP, _body(_secret(second))).status_code == 403
    assert Browser().post(SETUP, _body(_secret(services.setup_link()))).status_code == 201


def test_only_the_hash_of_a_link_is_stored() -> None:
    secret = _secret(services.setup_link())
    row = OneTimeLink.objects.values().get()
    assert secret not in str(row)
    assert len(row["digest"]) == 64


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "123456789012"}, "password"),
        ({"username": "anna.turbine", "password": "anna.turbine1"}, "password"),
        ({"username": "no spaces"}, "username"),
        ({"username": ""}, "username"),
        ({"is_active": "true"}, "is_active"),
    ],
)
def test_invalid_data_of_the_first_administrator_is_refused_and_the_link_stays_valid(
    changes: dict[str, str], field: str
) -> None:
    secret = _secret(services.setup_link())
    answer = Browser().post(SETUP, _body(secret, **changes))
    assert answer.status_code == 400
    assert field in answer.json()["errors"]  # type: ignore[attr-defined]
    assert Browser().post(SETUP, _body(secret)).status_code == 201


def test_the_printed_setup_link_works_as_a_page_without_inline_script() -> None:
    secret = _secret(services.setup_link())
    browser = Browser()
    page = browser.get("/setup")
    assert page.status_code == 200
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
    text = page.content.decode()
    assert "<script>" not in text
    assert "style=" not in text
    script = finders.find("pages/core.js")  # served in front of Django
    assert script
    assert "location.hash" in Path(script).read_text()
    form = {"secret": secret, "username": "boss", "password": PASSWORD, "again": PASSWORD}
    assert browser.client.post("/setup", form).status_code == 403  # no CSRF token
    token = {"csrfmiddlewaretoken": browser.client.cookies["sealbus-csrf"].value}
    differing = browser.client.post("/setup", form | token | {"again": "other"})
    assert differing.status_code == 422
    assert secret in differing.content.decode()
    assert browser.client.post("/setup", form | token | {"username": "<b>"}).status_code == 422
    done = browser.client.post("/setup", form | token)
    assert (done.status_code, done.headers["Location"]) == (302, "/second-factor")
    assert browser.me()["name"] == "boss"
    assert browser.me()["rights"] == []  # until the second factor that the role demands has been used


def test_a_password_link_sets_a_password_once_and_ends_all_sessions() -> None:
    user = holder("anna", "Viewer")
    old = Browser()
    assert old.login("anna").status_code == 200
    secret = _secret(services.password_link(subject=SHELL, user=user).url)
    stranger = Browser("192.0.2.9")
    bad = {"secret": secret, "password": "anna"}
    assert stranger.post("/api/v1/password", bad).status_code == 400
    good = {"secret": secret, "password": "another good phrase"}
    assert stranger.post("/api/v1/password", good).status_code == 204
    assert stranger.post("/api/v1/password", good).status_code == 403
    assert old.get("/api/v1/me").status_code == 401
    assert stranger.login("anna").status_code == 400
    assert stranger.login("anna", "another good phrase").status_code == 200
    assert [entry.actor_name for entry in entries("password.set")] == ["anna"]


def test_a_password_link_of_a_deactivated_user_does_not_work() -> None:
    user = holder("anna", "Viewer")
    secret = _secret(services.password_link(subject=SHELL, user=user).url)
    User.objects.update(is_active=False)
    body = {"secret": secret, "password": "another good phrase"}
    assert Browser().post("/api/v1/password", body).status_code == 403
    with pytest.raises(Conflict):
        services.password_link(subject=SHELL, user=User.objects.get())


def test_an_emergency_link_opens_a_view_without_an_account() -> None:
    holder("boss", "Administrator")
    secret = _secret(services.emergency_link(1))
    browser = Browser()
    browser.get(f"{AUTH}config")
    assert browser.post("/api/v1/emergency", {"secret": secret}).status_code == 204
    assert browser.actions() == {"view"}
    me = browser.me()
    assert (me["kind"], me["name"], me["user_id"]) == ("emergency", "emergency", None)
    assert browser.get("/api/v1/groups").status_code == 200
    assert browser.get("/api/v1/users").status_code == 403
    assert browser.post("/api/v1/tokens", {}).status_code == 403
    assert browser.get(f"{AUTH}account/authenticators/totp").status_code == 403
    assert Browser().post("/api/v1/emergency", {"secret": secret}).status_code == 403
    assert len(entries("emergency.link")) == 1
    opened = [(entry.result, entry.actor_kind, entry.address) for entry in entries("emergency.open")]
    assert opened == [("done", "emergency", "192.0.2.7"), ("refused", "nobody", "192.0.2.7")]


def test_an_emergency_session_ends_at_its_expiry_and_with_a_newer_link() -> None:
    browser = Browser()
    assert browser.post("/api/v1/emergency", {"secret": _secret(services.emergency_link(1))}).status_code == 204
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.get("/api/v1/me").status_code == 401
    assert browser.post("/api/v1/emergency", {"secret": _secret(services.emergency_link(1))}).status_code == 204
    assert browser.get("/api/v1/me").status_code == 200
    services.emergency_link(1)
    assert browser.get("/api/v1/me").status_code == 401


def test_an_emergency_session_gets_a_new_id_and_drops_the_signed_in_user() -> None:
    holder("anna", "Operator")
    browser = Browser()
    browser.login("anna")
    before = browser.session_id
    assert browser.post("/api/v1/emergency", {"secret": _secret(services.emergency_link(1))}).status_code == 204
    assert browser.session_id not in ("", before)
    assert browser.actions() == {"view"}


@pytest.mark.parametrize("hours", [0, -1, 73, float("nan")])
def test_an_emergency_link_has_a_bounded_duration(hours: float) -> None:
    with pytest.raises(Invalid, match="up to 72"):
        services.emergency_link(hours)


def test_without_a_declared_proxy_forwarding_headers_are_ignored() -> None:
    holder("anna", "Viewer")
    browser = Browser("198.51.100.4", HTTP_X_FORWARDED_FOR="10.0.0.1")
    browser.login("anna")
    assert browser.me()["address"] == "198.51.100.4"
