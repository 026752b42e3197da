"""A user from the operator's provider gets an account without rights; nobody else gets one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealbus.web.accounts.models import Assignment, Role, User
from web.browsers import AUTH, Browser, entries, holder
from web.identity_provider import CLIENT_ID, Provider, forge_with_public_key, unsigned
from web.single_sign_on import answer_of, set_up_for, sign_in, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the site is set up for."""
    with Provider() as running:
        set_up_for(running, settings)
        yield running


def test_a_new_user_of_the_provider_gets_an_account_without_rights(provider: Provider) -> None:
    browser = Browser()
    assert sign_in(browser, provider) == "/"
    assert "openid" in provider.requested["scope"].split()
    me = browser.me()
    assert (me["name"], me["rights"]) == ("carla", [])
    assert browser.get("/api/v1/users").status_code == 403
    carla = User.objects.get()
    assert not carla.has_usable_password()
    Assignment.objects.create(user=carla, role=Role.objects.get(name="Operator"))
    again = Browser("192.0.2.8")
    sign_in(again, provider)
    assert "write" in again.actions()
    assert User.objects.count() == 1
    assert entries("session.login")[0].detail == {"by": ["socialaccount"]}


def test_an_account_that_the_provider_brings_is_in_the_audit_with_its_issuer(provider: Provider) -> None:
    provider.claims |= {"name": "Carla Costa", "email": "carla@example.com"}
    sign_in(Browser(), provider)
    made = entries("user.create")[0]
    assert (made.actor_kind, made.actor_name, made.address) == ("nobody", "single sign-on", "192.0.2.7")
    assert made.detail == {
        "new": {"username": "carla", "name": "Carla Costa", "email": "carla@example.com"},
        "provider": {"issuer": provider.url, "sub": "4711"},
    }
    sign_in(Browser("192.0.2.8"), provider)
    assert len(entries("user.create")) == 1


def test_the_same_sub_of_another_issuer_is_another_person(provider: Provider, settings: Any) -> None:
    sign_in(Browser(), provider)
    with Provider() as second:
        second.claims = {"sub": "4711", "preferred_username": "mallory"}
        set_up_for(second, settings)
        other = Browser("192.0.2.8")
        sign_in(other, second)
        assert other.me()["name"] == "mallory"
    assert User.objects.count() == SocialAccount.objects.count() == 2


def test_a_taken_or_unusable_name_does_not_give_the_account_of_another_user(provider: Provider) -> None:
    anna = holder("anna", "Administrator")
    User.objects.filter(pk=anna.pk).update(email="anna@example.com")
    provider.claims = {
        "sub": "1", "preferred_username": "ANNA", "email": "anna@example.com", "email_verified": True,
    }  # fmt: skip
    browser = Browser()
    sign_in(browser, provider)
    assert browser.me()["user_id"] != anna.pk
    assert browser.me()["rights"] == []
    provider.claims = {"sub": "2", "preferred_username": "<b>ü"}
    other = Browser("192.0.2.8")
    sign_in(other, provider)
    assert other.me()["rights"] == []
    assert User.objects.count() == 3


def _with_key(key: Any, algorithm: str) -> Callable[[Provider, dict[str, Any]], str]:
    return lambda provider, content: provider.signed(content, key, algorithm)


NOW = int(time.time())
LIES: list[tuple[str, Any]] = [
    ("id_token_changes", {"iss": "https://evil.example"}),
    ("id_token_changes", {"iss": None}),
    ("id_token_changes", {"aud": "another client"}),
    ("id_token_changes", {"aud": ["another client"]}),
    ("id_token_changes", {"aud": None}),
    ("id_token_changes", {"aud": [CLIENT_ID, "another client"]}),
    ("id_token_changes", {"aud": [CLIENT_ID, "another client"], "azp": "another client"}),
    ("id_token_changes", {"azp": "another client"}),
    ("id_token_changes", {"azp": 5}),
    ("id_token_changes", {"exp": NOW - 3600}),
    ("id_token_changes", {"exp": None}),
    ("id_token_changes", {"exp": "soon"}),
    ("id_token_changes", {"exp": True}),
    ("id_token_changes", {"exp": float("inf")}),
    ("id_token_changes", {"nbf": NOW + 86_400}),
    ("id_token_changes", {"nbf": []}),
    ("id_token_changes", {"iat": NOW + 86_400}),
    ("id_token_changes", {"iat": None}),
    ("id_token_changes", {"iat": {}}),
    ("id_token_changes", {"nonce": "of another attempt"}),
    ("id_token_changes", {"nonce": None}),
    ("id_token_changes", {"nonce": ["x"]}),
    ("id_token_changes", {"sub": "somebody else"}),
    ("profile_changes", {"sub": "somebody else"}),
    ("profile_changes", {"sub": None}),
    ("profile_changes", {"name": "a\0b"}),
    ("sign", unsigned),
    ("sign", forge_with_public_key),
    ("sign", _with_key(rsa.generate_private_key(65537, 2048), "RS256")),
    ("sign", _with_key(ec.generate_private_key(ec.SECP256R1()), "ES256")),
    ("sign", _with_key("a shared secret of this client, long enough", "HS256")),
    ("sign", lambda provider, content: provider.signed(content)[:-8] + "AAAAAAAA"),
    ("sign", lambda provider, content: "not.a.token"),
    ("kid", "a key that the provider does not publish"),
]


@pytest.mark.parametrize(("what", "lie"), LIES)
def test_an_invalid_id_token_does_not_sign_in(provider: Provider, what: str, lie: Any) -> None:
    if what == "kid":
        published = provider.public_key()
        provider.replies["/jwks"] = answer_of({"keys": [published]})
    setattr(provider, what, lie)
    browser = Browser()
    assert "error=" in sign_in(browser, provider)
    assert browser.get("/api/v1/me").status_code == 401
    assert not User.objects.exists()
    assert entries("session.single-sign-on")[0].result == "refused"


@pytest.mark.parametrize("aud", [CLIENT_ID, [CLIENT_ID]])
def test_the_forms_of_the_audience_that_name_this_client_alone_sign_in(provider: Provider, aud: Any) -> None:
    provider.id_token_changes = {"aud": aud, "azp": CLIENT_ID, "nbf": NOW - 60}
    assert sign_in(Browser(), provider) == "/"


FORMS: list[tuple[str, Any]] = [
    ("claims", {"sub": 5}),
    ("claims", {"sub": ""}),
    ("claims", {"sub": ["x"]}),
    ("claims", {"sub": True}),
    ("claims", {"sub": "x" * 256}),
    ("claims", {"sub": "a\0b"}),
    ("claims", {"sub": "\ud800"}),
    ("claims", {}),
    ("claims", {"sub": "1", "preferred_username": ["x"]}),
    ("claims", {"sub": "1", "preferred_username": 5}),
    ("claims", {"sub": "1", "name": {"a": 1}}),
    ("claims", {"sub": "1", "email": 5}),
    ("claims", {"sub": "1", "name": "\ud800"}),
    ("token_changes", {"access_token": 5}),
    ("token_changes", {"access_token": None}),
    ("token_changes", {"id_token": 5}),
    ("token_changes", {"id_token": None}),
    ("token_changes", {"id_token": "x" * 100}),
    ("replies", {"/userinfo": answer_of([])}),
    ("replies", {"/userinfo": answer_of("text")}),
    ("replies", {"/userinfo": answer_of(None, status=500)}),
    ("replies", {"/token": answer_of([{"access_token": "x"}])}),
    ("replies", {"/token": answer_of(b"access_token=x&id_token=y", kind="text/plain")}),
    ("replies", {"/token": answer_of(b"[" * 100_000)}),
    ("replies", {"/jwks": answer_of([])}),
    ("replies", {"/jwks": answer_of({"keys": {"kid": "1"}})}),
    ("replies", {"/jwks": answer_of({"keys": [5, {"kid": "1"}, {"kid": "1", "kty": "RSA", "n": 5, "e": []}]})}),
]


@pytest.mark.parametrize(("what", "form"), FORMS)
def test_an_answer_of_another_form_is_a_refusal_with_a_reason(provider: Provider, what: str, form: Any) -> None:
    setattr(provider, what, form)
    browser = Browser()
    assert "error=" in sign_in(browser, provider)
    assert browser.get("/api/v1/me").status_code == 401
    assert not User.objects.exists()
    assert "PeerError" not in str(entries("session.single-sign-on")[0].detail["reason"])


@pytest.mark.parametrize(
    ("claims", "username", "name"),
    [
        ({"preferred_username": "x" * 101}, "sso-", ""),
        ({"preferred_username": "carla", "name": "N" * 200}, "carla", "N" * 150),
        ({"preferred_username": "carla", "expires_in": "x", "email": "no address"}, "carla", ""),
        ({}, "sso-", ""),
    ],
)
def test_a_long_or_missing_claim_that_is_only_shown_does_not_keep_a_person_out(
    provider: Provider, claims: dict[str, Any], username: str, name: str
) -> None:
    provider.claims = {"sub": "s" * 255} | claims
    assert sign_in(Browser(), provider) == "/"
    user = User.objects.get()
    assert user.username.startswith(username)
    assert (user.name, user.email) == (name, "")


def test_a_key_that_the_provider_has_changed_is_fetched_again(provider: Provider) -> None:
    assert sign_in(Browser(), provider) == "/"
    provider.key, provider.kid = rsa.generate_private_key(65537, 2048), "2"
    assert sign_in(Browser("192.0.2.8"), provider) == "/"
    assert provider.counts["/jwks"] == 2


def test_a_weak_key_of_the_provider_is_not_used(provider: Provider) -> None:
    provider.key = rsa.generate_private_key(65537, 1024)
    assert "error=" in sign_in(Browser(), provider)


def test_an_answer_is_valid_once_and_only_in_the_browser_that_requested_it(provider: Provider) -> None:
    victim, attacker = Browser(), Browser("192.0.2.8")
    back = provider.approve(start(attacker))
    assert "error=" in victim.get(back).headers["Location"]
    assert victim.get("/api/v1/me").status_code == 401
    assert attacker.get(back).headers["Location"] == "/"
    assert attacker.get("/api/v1/me").status_code == 200
    attacker.send("DELETE", f"{AUTH}auth/session")
    assert "error=" in attacker.get(back).headers["Location"]
    forged = provider.approve(start(victim)).replace("state=", "state=x")
    assert "error=" in victim.get(forged).headers["Location"]


def test_single_sign_on_starts_with_the_csrf_token_and_ends_on_this_site(provider: Provider) -> None:
    browser = Browser()
    browser.get(f"{AUTH}config")
    form = {"provider": "sso", "callback_url": "/", "process": "login"}
    assert browser.client.post(f"{AUTH}auth/provider/redirect", form).status_code == 403
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        location = start(browser, elsewhere)
        assert location.startswith(("/login?", "http://testserver/login?"))
    assert browser.get("/accounts/oidc/sso/login/").status_code in (403, 404)


def test_an_account_is_linked_to_the_provider_only_after_the_password_is_given_again(provider: Provider) -> None:
    holder("anna", "Operator")
    browser = Browser()
    browser.login("anna")
    assert (
        "error=reauthentication_required"
        in browser.get(provider.approve(start(browser, process="connect"))).headers["Location"]
    )
    browser.reauthenticate()
    assert browser.get(provider.approve(start(browser, process="connect"))).headers["Location"] == "/"
    other = Browser("192.0.2.8")
    sign_in(other, provider)
    assert other.me()["name"] == "anna"
    assert len(entries("single-sign-on.add")) == 1


def test_a_provider_that_is_down_is_an_error_page_and_not_a_crash(provider: Provider) -> None:
    browser = Browser()
    back = provider.approve(start(browser))
    provider.codes.clear()
    assert "error=" in browser.get(back).headers["Location"]
    assert browser.get("/api/v1/me").status_code == 401
    assert "invalid_grant" in entries("session.single-sign-on")[0].detail["reason"]


def test_a_user_who_cancels_at_the_provider_comes_back_and_nothing_is_recorded(provider: Provider) -> None:
    browser = Browser()
    back = provider.approve(start(browser)).replace("code=", "error=access_denied&x=")
    assert "error=cancelled" in browser.get(back).headers["Location"]
    assert not entries("session.single-sign-on")


def test_a_deactivated_user_of_the_provider_stays_out(provider: Provider) -> None:
    sign_in(Browser(), provider)
    User.objects.update(is_active=False)
    browser = Browser("192.0.2.8")
    assert "error=" in sign_in(browser, provider)
    assert browser.get("/api/v1/me").status_code == 401
    assert entries("session.login")[-1].detail == {"reason": "the account is deactivated"}
