"""Guessing passwords is slow; but an attacker cannot lock the operators out of watching the plant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from django.core.cache import caches

from sealbus.web.access.actions import Action
from sealbus.web.accounts import services
from sealbus.web.config.environment import Proxies, load_environment
from web.browsers import AUTH, PASSWORD, Browser, entries, holder, totp
from web.people import a_token

if TYPE_CHECKING:
    from django.http import HttpResponse
    from pytest import MonkeyPatch

    from web.clocks import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def _fail(username: str, times: int = 5, **headers: str) -> list[HttpResponse]:
    """Wrong passwords, each from an address of its own."""
    return [Browser(f"198.51.100.{n + 1}", **headers).login(username, "wrong password") for n in range(times)]


def test_the_sixth_attempt_is_refused_even_with_the_right_password_and_states_the_wait(clock: Clock) -> None:
    holder("anna", "Viewer")
    assert [answer.status_code for answer in _fail("anna")] == [400] * 5
    browser = Browser()
    for password in ("wrong password", PASSWORD):
        answer = browser.login("anna", password)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "300"
    assert browser.get("/api/v1/me").status_code == 401
    clock.pass_by(301)
    assert browser.login("anna").status_code == 200
    assert len(entries("session.login")) == 6
    assert entries("session.locked")[0].actor_name == "anna"


def test_open_sessions_stay_open_while_logins_are_locked() -> None:
    anna = holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    _, program = a_token(anna, Action.VIEW)
    _fail("anna")
    assert Browser().login("anna").status_code == 429
    assert browser.get("/api/v1/me").status_code == 200
    assert program.get("/api/v1/me").status_code == 200
    emergency = Browser()
    secret = services.emergency_link(1).partition("#")[2]
    assert emergency.post("/api/v1/emergency", {"secret": secret}).status_code == 204
    assert emergency.actions() == {"view"}


def test_one_address_has_ten_attempts_a_minute_with_any_names() -> None:
    holder("anna", "Viewer")
    browser = Browser()
    statuses = [browser.login(f"guess{n}", "wrong password").status_code for n in range(11)]
    assert statuses == [400] * 10 + [429]
    answer = browser.login("anna")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert Browser("192.0.2.8").login("anna").status_code == 200


def test_neither_answer_nor_lock_reveals_whether_a_user_exists() -> None:
    holder("anna", "Viewer")
    known, unknown = _fail("anna", 6), _fail("nobody", 6)
    assert [(a.status_code, a.content) for a in known] == [(a.status_code, a.content) for a in unknown]


@pytest.mark.parametrize("password", ["wrong password", PASSWORD])
def test_an_unknown_user_costs_as_much_hashing_as_a_known_one(password: str, monkeypatch: MonkeyPatch) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed: list[str] = []
    real = MD5PasswordHasher.encode

    def encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return str(real(self, password, salt))

    holder("anna", "Viewer")
    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    counts = []
    for name in ("anna", "nobody"):
        hashed.clear()
        Browser().login(name, password)
        counts.append(len(hashed))
    assert counts[0] == counts[1] == 1


def test_another_host_or_spelling_gives_no_new_attempts() -> None:
    holder("anna", "Viewer")
    for n, name in enumerate(("anna", "ANNA", "Anna", " anna ", "aNNa")):
        answer = Browser(f"198.51.100.{n + 1}", HTTP_HOST=f"127.0.0.1:{9000 + n}").login(name, "wrong password")
        assert answer.status_code == 400
    assert Browser(HTTP_HOST="localhost:9999").login("anna").status_code == 429


def test_a_header_of_the_caller_gives_no_new_attempts() -> None:
    holder("anna", "Viewer")
    for n in range(10):
        Browser("192.0.2.7", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}").login(f"guess{n}", "wrong password")
    assert Browser("192.0.2.7", HTTP_X_FORWARDED_FOR="203.0.113.99").login("anna").status_code == 429


def test_a_declared_proxy_is_trusted_and_what_its_clients_add_to_its_header_is_not(monkeypatch: MonkeyPatch) -> None:
    import dataclasses
    import ipaddress

    from django.conf import settings

    proxies = Proxies((ipaddress.ip_network("10.9.0.0/16"),))
    monkeypatch.setattr(settings, "SEALBUS", dataclasses.replace(load_environment(os.environ), trusted_proxies=proxies))
    holder("anna", "Viewer")
    for claimed, seen in (
        ("203.0.113.5", "203.0.113.5"),
        ("1.2.3.4, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 10.9.0.2", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("nonsense", "10.9.0.1"),
        ("", "10.9.0.1"),
    ):
        browser = Browser("10.9.0.1", HTTP_X_FORWARDED_FOR=claimed)
        assert browser.login("anna").status_code == 200
        assert browser.me()["address"] == seen, claimed


def test_guesses_of_second_factor_codes_are_limited_too() -> None:
    holder("boss", "Administrator")
    setting_up = Browser("192.0.2.50")
    setting_up.login("boss")
    secret = setting_up.add_totp()
    browser = Browser()
    browser.login("boss")
    wrong = [browser.post(f"{AUTH}auth/2fa/authenticate", {"code": "000000"}).status_code for _ in range(6)]
    assert wrong == [400] * 5 + [429]
    answer = browser.post(f"{AUTH}auth/2fa/authenticate", {"code": totp(secret)})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")


def test_the_limits_are_counted_for_all_processes_together() -> None:
    from django.conf import settings

    assert settings.CACHES["default"]["BACKEND"].endswith("DatabaseCache")
    caches["default"].set("a", 1, 60)
    caches["process"].clear()
    assert caches["default"].get("a") == 1


def test_too_many_requests_to_the_api_get_a_retry_time() -> None:
    browser = Browser()
    statuses = [browser.get("/api/v1/setup").status_code for _ in range(121)]
    assert statuses == [200] * 120 + [429]
    answer = browser.get("/api/v1/setup")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
