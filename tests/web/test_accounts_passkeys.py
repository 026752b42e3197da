"""A passkey stands for password and second factor; a security key for the second factor. For this site, this challenge,
and its owner.
"""

from __future__ import annotations

from typing import Any

import pytest

from web.browsers import AUTH, Browser, holder
from web.passkeys import SoftKey

pytestmark = pytest.mark.django_db

MANAGE = f"{AUTH}account/authenticators/webauthn"
LOGIN = f"{AUTH}auth/webauthn/login"


def _browser(address: str = "192.0.2.7") -> Browser:
    return Browser(address, HTTP_HOST="localhost:8000")


def _options(browser: Browser, path: str, name: str) -> dict[str, Any]:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"][name]  # type: ignore[attr-defined, no-any-return]


def _add(name: str = "boss", *, passkey: bool = True, key: SoftKey | None = None) -> SoftKey:
    holder(name, "Administrator")
    browser, key = _browser("192.0.2.50"), key or SoftKey(origin="http://localhost:8000")
    browser.login(name)
    browser.reauthenticate()
    options = _options(browser, f"{MANAGE}{'?passwordless' if passkey else ''}", "creation_options")
    answer = browser.post(MANAGE, {"name": "key", "credential": key.create(options)})
    assert answer.status_code == 200, answer.content
    return key


def test_a_passkey_signs_in_with_all_rights() -> None:
    key = _add()
    browser = _browser()
    signed = key.get(_options(browser, LOGIN, "request_options"))
    assert browser.post(LOGIN, {"credential": signed}).status_code == 200
    assert "administer" in browser.actions()
    assert browser.me()["second_factor"]["used"] is True


def test_an_answer_is_good_for_one_challenge_once() -> None:
    key = _add()
    browser, other = _browser(), _browser("192.0.2.8")
    signed = key.get(_options(browser, LOGIN, "request_options"))
    _options(other, LOGIN, "request_options")
    assert other.post(LOGIN, {"credential": signed}).status_code == 400
    assert browser.post(LOGIN, {"credential": signed}).status_code == 200
    _options(other, LOGIN, "request_options")
    assert other.post(LOGIN, {"credential": signed}).status_code == 400
    assert other.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("change", ["origin", "site", "verifies", "user_handle", "private"])
def test_a_passkey_of_another_site_does_not_sign_in(change: str) -> None:
    key = _add()
    stranger = SoftKey()
    values = {
        "origin": "http://evil.example",
        "site": "evil.example",
        "verifies": False,
        "user_handle": b"zzzzzzzzzzzzzzzzzzzzz",
        "private": stranger.private,
    }
    setattr(key, change, values[change])
    browser = _browser()
    signed = key.get(_options(browser, LOGIN, "request_options"))
    assert browser.post(LOGIN, {"credential": signed}).status_code == 400
    assert browser.get("/api/v1/me").status_code == 401


def test_a_security_key_is_a_second_factor_and_not_a_first() -> None:
    key = _add(passkey=False)
    browser = _browser()
    assert browser.login("boss").status_code == 401
    path = f"{AUTH}auth/webauthn/authenticate"
    wrong = SoftKey(origin=key.origin, user_handle=key.user_handle, id=key.id)
    options = _options(browser, path, "request_options")
    assert browser.post(path, {"credential": wrong.get(options)}).status_code == 400
    assert browser.post(path, {"credential": key.get(options)}).status_code == 200
    assert "administer" in browser.actions()


def test_an_added_key_counts_once_it_was_used_in_this_session() -> None:
    holder("boss", "Administrator")
    browser, key = _browser(), SoftKey(origin="http://localhost:8000")
    browser.login("boss")
    browser.reauthenticate()
    options = _options(browser, MANAGE, "creation_options")
    assert browser.post(MANAGE, {"name": "key", "credential": key.create(options)}).status_code == 200
    assert browser.actions() == set()
    path = f"{AUTH}auth/webauthn/reauthenticate"
    assert browser.post(path, {"credential": key.get(_options(browser, path, "request_options"))}).status_code == 200
    assert "administer" in browser.actions()


@pytest.mark.parametrize(
    "credential",
    [None, "text", 5, [], {}, {"id": "x"}, {"response": "text"}, {"response": {"userHandle": 5}}, {"rawId": {}}],
)
def test_malformed_data_of_a_key_is_an_error_of_the_client(credential: object) -> None:
    browser = _browser()
    _options(browser, LOGIN, "request_options")
    assert browser.post(LOGIN, {"credential": credential}).status_code == 400
