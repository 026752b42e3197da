"""A passkey stands for password and second factor; a security key for the second factor. For this site, this challenge,
and its owner.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services
from sealbus.web.accounts.models import User
from sealbus.web.accounts.passkeys import is_own_origin
from sealbus.web.errors import Conflict
from web.browsers import AUTH, Browser, entries, holder
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


OTHER_ORIGINS = [
    "http://localhost", "http://localhost:8001", "https://localhost:8000", "http://localhost:8000.evil.example",
    "http://x.localhost:8000", "http://LOCALHOST:8000", "http://localhost:8000/", "", "null",
]  # fmt: skip


@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_a_key_is_for_the_origin_of_the_public_url_and_no_other(origin: str) -> None:
    key = _add()
    key.origin = origin
    browser = _browser()
    assert browser.post(LOGIN, {"credential": key.get(_options(browser, LOGIN, "request_options"))}).status_code == 400
    assert browser.get("/api/v1/me").status_code == 401
    assert _try_to_add(holder("ben", "Viewer").username, SoftKey(origin=origin)) == 400


@pytest.mark.parametrize("cross_origin", [True, "false", 1, None])
def test_a_key_in_a_frame_of_another_origin_does_not_sign_in(cross_origin: object) -> None:
    key = _add()
    key.cross_origin = cross_origin
    browser = _browser()
    assert browser.post(LOGIN, {"credential": key.get(_options(browser, LOGIN, "request_options"))}).status_code == 400
    framed = SoftKey(origin=key.origin, cross_origin=cross_origin)
    assert _try_to_add(holder("ben", "Viewer").username, framed) == 400


def test_a_site_with_a_name_has_one_origin(settings: Any) -> None:
    settings.SEALBUS = dataclasses.replace(settings.SEALBUS, public_url="https://plant.example:443")
    assert is_own_origin("https://plant.example")
    for other in ("https://plant.example:8443", "http://plant.example", "https://a.plant.example", "https://localhost"):
        assert not is_own_origin(other)


def _signed_in(name: str) -> Browser:
    browser = _browser("192.0.2.51")
    browser.login(name)
    browser.reauthenticate()
    return browser


def _try_to_add(name: str, key: SoftKey, *, label: str = "key", browser: Browser | None = None) -> int:
    browser = browser or _signed_in(name)
    answer = browser.get(MANAGE)
    if answer.status_code != 200:
        return answer.status_code
    created = key.create(answer.json()["data"]["creation_options"])  # type: ignore[attr-defined]
    return browser.post(MANAGE, {"name": label, "credential": created}).status_code


def test_a_counter_that_does_not_rise_is_a_copied_key_and_is_recorded() -> None:
    key = _add()
    for count, status in [(4, 200), (4, 400), (2, 400), (-1, 400), (5, 200)]:
        browser = _browser()
        key.count = count
        signed = key.get(_options(browser, LOGIN, "request_options"))
        assert browser.post(LOGIN, {"credential": signed}).status_code == status, count
    failed = entries("second-factor.use")
    assert [entry.result for entry in failed] == ["failed"] * 3
    assert failed[0].actor_name == "boss"
    assert "counter" in failed[0].detail["reason"]


def test_a_copied_key_does_not_raise_the_rights_of_a_session() -> None:
    key = _add(passkey=False)
    browser = _browser()
    browser.login("boss")
    path = f"{AUTH}auth/webauthn/authenticate"
    assert browser.post(path, {"credential": key.get(_options(browser, path, "request_options"))}).status_code == 200
    key.count -= 1
    again = f"{AUTH}auth/webauthn/reauthenticate"
    assert browser.post(again, {"credential": key.get(_options(browser, again, "request_options"))}).status_code == 400


def test_a_key_that_does_not_count_signs_in_again_and_again() -> None:
    key = _add(key=SoftKey(origin="http://localhost:8000", counts=False))
    for _ in range(3):
        browser = _browser()
        signed = key.get(_options(browser, LOGIN, "request_options"))
        assert browser.post(LOGIN, {"credential": signed}).status_code == 200


def test_a_credential_belongs_to_one_person_until_it_is_removed() -> None:
    key = _add()
    assert _try_to_add(holder("ben", "Viewer").username, dataclasses.replace(key)) == 400
    assert not Authenticator.objects.filter(user__username="ben").exists()
    services.reset_second_factor(subject=SHELL, user=User.objects.get(username="boss"))
    assert _try_to_add("ben", key) == 200
    browser = _browser()
    assert browser.post(LOGIN, {"credential": key.get(_options(browser, LOGIN, "request_options"))}).status_code == 200
    assert browser.me()["name"] == "ben"


def test_the_database_holds_a_credential_once_also_for_two_requests_at_once() -> None:
    _add()
    first = Authenticator.objects.get(type="webauthn")
    ben = holder("ben", "Viewer")
    with pytest.raises(Conflict):
        Authenticator.objects.create(user=ben, type="webauthn", data=first.data)
    assert not Authenticator.objects.filter(user=ben).exists()


def test_a_person_has_at_most_ten_keys_with_names_and_answers_of_a_bounded_length() -> None:
    holder("ben", "Viewer")
    origin = "http://localhost:8000"
    browser = _signed_in("ben")
    for _ in range(10):
        assert _try_to_add("ben", SoftKey(origin=origin), browser=browser) == 200
    assert _try_to_add("ben", SoftKey(origin=origin), browser=browser) == 409
    assert Authenticator.objects.filter(type="webauthn").count() == 10
    holder("dora", "Viewer")
    assert _try_to_add("dora", SoftKey(origin=origin), label="x" * 101) == 400
    assert _try_to_add("dora", SoftKey(origin=origin, id=b"x" * 1024)) == 400
    assert not Authenticator.objects.filter(user__username="dora").exists()


def test_a_passkey_of_a_deactivated_user_is_refused_as_a_wrong_one() -> None:
    key = _add()
    User.objects.update(is_active=False)
    browser, other = _browser(), _browser("192.0.2.8")
    right = browser.post(LOGIN, {"credential": key.get(_options(browser, LOGIN, "request_options"))})
    key.private = SoftKey().private
    wrong = other.post(LOGIN, {"credential": key.get(_options(other, LOGIN, "request_options"))})
    assert (right.status_code, right.content) == (wrong.status_code, wrong.content)
    assert entries("session.login")[-1].detail == {"reason": "the account is deactivated"}


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
