"""A user from the operator's provider gets an account without rights; nobody else gets one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from sealbus.web.accounts.models import Assignment, Role, User
from web.browsers import AUTH, Browser, entries, holder
from web.identity_provider import CLIENT_ID, SECRET, Provider

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the site is set up for."""
    with Provider() as running:
        app = {
            "provider_id": "sso",
            "name": "Plant login",
            "client_id": CLIENT_ID,
            "secret": SECRET,
            "settings": {"server_url": running.url},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        yield running


def _start(browser: Browser, back_to: str = "/", process: str = "login") -> str:
    """Where the browser is sent."""
    browser.get(f"{AUTH}config")
    form = {"provider": "sso", "callback_url": back_to, "process": process}
    token = {"HTTP_X_CSRFTOKEN": browser.client.cookies["sealbus-csrf"].value}
    answer = browser.client.post(f"{AUTH}auth/provider/redirect", form, **token)  # type: ignore[arg-type]
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def _sign_in(browser: Browser, provider: Provider) -> str:
    """The whole way: where the browser ends."""
    return str(browser.get(provider.approve(_start(browser))).headers["Location"])


def test_a_new_user_of_the_provider_gets_an_account_without_rights(provider: Provider) -> None:
    browser = Browser()
    assert _sign_in(browser, provider) == "/"
    assert "openid" in provider.requested["scope"].split()
    me = browser.me()
    assert (me["name"], me["rights"]) == ("carla", [])
    assert browser.get("/api/v1/users").status_code == 403
    carla = User.objects.get()
    assert not carla.has_usable_password()
    Assignment.objects.create(user=carla, role=Role.objects.get(name="Operator"))
    again = Browser("192.0.2.8")
    _sign_in(again, provider)
    assert "write" in again.actions()
    assert User.objects.count() == 1
    assert entries("session.login")[0].detail == {"by": ["socialaccount"]}


def test_a_taken_or_unusable_name_does_not_give_the_account_of_another_user(provider: Provider) -> None:
    anna = holder("anna", "Administrator")
    User.objects.filter(pk=anna.pk).update(email="anna@example.com")
    provider.claims = {
        "sub": "1", "preferred_username": "ANNA", "email": "anna@example.com", "email_verified": True,
    }  # fmt: skip
    browser = Browser()
    _sign_in(browser, provider)
    assert browser.me()["user_id"] != anna.pk
    assert browser.me()["rights"] == []
    provider.claims = {"sub": "2", "preferred_username": "<b>ü"}
    other = Browser("192.0.2.8")
    _sign_in(other, provider)
    assert other.me()["rights"] == []
    assert User.objects.count() == 3


LIES: list[tuple[str, dict[str, Any]]] = [
    ("id_token_changes", {"iss": "https://evil.example"}),
    ("id_token_changes", {"aud": "another client"}),
    ("id_token_changes", {"exp": int(time.time()) - 3600}),
    ("id_token_changes", {"nonce": "of another attempt"}),
    ("id_token_changes", {"nonce": None}),
    ("id_token_changes", {"sub": "somebody else"}),
    ("profile_changes", {"sub": "somebody else"}),
    ("profile_changes", {"name": "a\0b"}),
]


@pytest.mark.parametrize(("what", "lie"), LIES)
def test_an_invalid_id_token_does_not_sign_in(provider: Provider, what: str, lie: dict[str, Any]) -> None:
    setattr(provider, what, lie)
    browser = Browser()
    assert "error=" in _sign_in(browser, provider)
    assert browser.get("/api/v1/me").status_code == 401
    assert not User.objects.exists()
    assert entries("session.single-sign-on")[0].result == "refused"


def test_a_provider_that_sends_no_id_token_does_not_sign_in(provider: Provider) -> None:
    provider.sends_id_token = False
    browser = Browser()
    assert "error=" in _sign_in(browser, provider)
    assert not User.objects.exists()


def test_an_answer_is_valid_once_and_only_in_the_browser_that_requested_it(provider: Provider) -> None:
    victim, attacker = Browser(), Browser("192.0.2.8")
    back = provider.approve(_start(attacker))
    assert "error=" in victim.get(back).headers["Location"]
    assert victim.get("/api/v1/me").status_code == 401
    assert attacker.get(back).headers["Location"] == "/"
    assert attacker.get("/api/v1/me").status_code == 200
    attacker.send("DELETE", f"{AUTH}auth/session")
    assert "error=" in attacker.get(back).headers["Location"]
    forged = provider.approve(_start(victim)).replace("state=", "state=x")
    assert "error=" in victim.get(forged).headers["Location"]


def test_single_sign_on_starts_with_the_csrf_token_and_ends_on_this_site(provider: Provider) -> None:
    browser = Browser()
    browser.get(f"{AUTH}config")
    form = {"provider": "sso", "callback_url": "/", "process": "login"}
    assert browser.client.post(f"{AUTH}auth/provider/redirect", form).status_code == 403
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        location = _start(browser, elsewhere)
        assert location.startswith(("/login?", "http://testserver/login?"))
    assert browser.get("/accounts/oidc/sso/login/").status_code == 403


def test_an_account_is_linked_to_the_provider_only_after_the_password_is_given_again(provider: Provider) -> None:
    holder("anna", "Operator")
    browser = Browser()
    browser.login("anna")
    assert (
        "error=reauthentication_required"
        in browser.get(provider.approve(_start(browser, process="connect"))).headers["Location"]
    )
    browser.reauthenticate()
    assert browser.get(provider.approve(_start(browser, process="connect"))).headers["Location"] == "/"
    other = Browser("192.0.2.8")
    _sign_in(other, provider)
    assert other.me()["name"] == "anna"
    assert len(entries("single-sign-on.add")) == 1


def test_a_provider_that_is_down_is_an_error_page_and_not_a_crash(provider: Provider) -> None:
    browser = Browser()
    back = provider.approve(_start(browser))
    provider.codes.clear()
    assert "error=" in browser.get(back).headers["Location"]
    assert browser.get("/api/v1/me").status_code == 401
