"""A person without a password confirms who is there by signing in at the provider again, before anything lasting changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator

from sealbus.web.accounts.models import User
from web.browsers import AUTH, PASSWORD, Browser, entries, holder, totp
from web.identity_provider import Provider
from web.single_sign_on import set_up_for, sign_in, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web.clocks import Clock

pytestmark = pytest.mark.django_db

CHANGE, TOTP = f"{AUTH}account/password/change", f"{AUTH}account/authenticators/totp"
NEW = {"new_password": "another good phrase"}


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the site is set up for."""
    with Provider() as running:
        set_up_for(running, settings)
        yield running


@pytest.fixture
def carla(provider: Provider) -> Browser:
    """A browser that has signed in by the provider."""
    browser = Browser()
    sign_in(browser, provider)
    return browser


def _confirm(browser: Browser, provider: Provider) -> str:
    return str(browser.get(provider.approve(start(browser, "/settings"))).headers["Location"])


def _add_totp(browser: Browser) -> int:
    secret = browser.get(TOTP).json()["meta"]["secret"]  # type: ignore[attr-defined]
    return browser.post(TOTP, {"code": totp(secret)}).status_code


def test_a_session_from_the_provider_alone_sets_no_password_and_adds_no_factor(carla: Browser) -> None:
    assert carla.post(CHANGE, NEW).status_code == 401
    assert not User.objects.get().has_usable_password()
    assert _add_totp(carla) == 401
    assert carla.send("DELETE", f"{AUTH}account/providers", {"provider": "sso", "account": "x"}).status_code in (
        400,
        401,
    )
    assert not Authenticator.objects.exists()
    assert carla.get("/api/v1/me").status_code == 200


def test_after_signing_in_at_the_provider_again_a_factor_can_be_added(carla: Browser, provider: Provider) -> None:
    before = carla.session_id
    assert _confirm(carla, provider) == "/settings"
    assert (provider.requested["prompt"], provider.requested["max_age"]) == ("login", "0")
    assert carla.session_id == before, "the session goes on"
    assert _add_totp(carla) == 200
    assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}
    assert User.objects.count() == 1


def test_after_signing_in_at_the_provider_again_a_password_can_be_set(carla: Browser, provider: Provider) -> None:
    _confirm(carla, provider)
    assert carla.post(CHANGE, NEW).status_code == 200
    assert Browser("192.0.2.8").login("carla", NEW["new_password"]).status_code == 200
    assert len(entries("password.change")) == 1


def test_the_confirmation_ends_after_five_minutes(provider: Provider, clock: Clock) -> None:
    browser = Browser()
    sign_in(browser, provider)
    _confirm(browser, provider)
    clock.pass_by(301)
    assert browser.post(CHANGE, NEW).status_code == 401


@pytest.mark.parametrize("auth_time", [0, "two minutes ago", None, "now", True])
def test_a_provider_that_did_not_ask_the_person_again_confirms_nothing(
    carla: Browser, provider: Provider, auth_time: object
) -> None:
    provider.id_token_changes = {"auth_time": time.time() - 120 if auth_time == "two minutes ago" else auth_time}
    assert "error=" in _confirm(carla, provider)
    assert carla.post(CHANGE, NEW).status_code == 401
    assert carla.get("/api/v1/me").status_code == 200
    assert "auth_time" in entries("session.single-sign-on")[0].detail["reason"]


def test_another_person_at_the_provider_confirms_nothing_and_takes_over_nothing(
    carla: Browser, provider: Provider
) -> None:
    provider.claims = {"sub": "1", "preferred_username": "mallory"}
    assert "error=" in _confirm(carla, provider)
    assert carla.me()["name"] == "carla"
    assert carla.post(CHANGE, NEW).status_code == 401
    assert User.objects.count() == 1


def test_an_answer_that_confirms_is_for_the_session_that_asked(carla: Browser, provider: Provider) -> None:
    back = provider.approve(start(carla))
    carla.send("DELETE", f"{AUTH}auth/session")
    assert "error=" in carla.get(back).headers["Location"]
    assert carla.get("/api/v1/me").status_code == 401


def test_a_user_with_a_password_needs_it_as_before(provider: Provider) -> None:
    anna = holder("anna", "Operator")
    browser = Browser()
    browser.login("anna")
    assert browser.post(CHANGE, NEW).status_code == 400
    assert _add_totp(browser) == 401
    assert browser.reauthenticate(PASSWORD).status_code == 200
    assert _add_totp(browser) == 200
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)
