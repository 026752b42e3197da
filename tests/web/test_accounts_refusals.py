"""Refusals are recorded in the audit; a flood of them is counted and does not fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealbus.web.access.actions import Action
from sealbus.web.accounts import services
from sealbus.web.accounts.models import RefusalTally
from web.browsers import Browser, entries, holder
from web.people import a_token

if TYPE_CHECKING:
    from pytest import MonkeyPatch

pytestmark = pytest.mark.django_db

MINUTE = 29_000_000 * 60.0


@pytest.fixture
def clock(monkeypatch: MonkeyPatch) -> list[float]:
    """The wall clock as the counting sees it; the test moves it."""
    now = [MINUTE + 1]

    class _Time:
        @staticmethod
        def time() -> float:
            return now[0]

    monkeypatch.setattr("sealbus.web.accounts.services.refusals.time", _Time)
    return now


def test_a_refusal_names_the_caller_and_the_action(clock: list[float]) -> None:
    holder("anna", "Viewer")
    browser = Browser()
    browser.login("anna")
    assert browser.get("/api/v1/users").status_code == 403
    entry = entries("access.refused")[0]
    assert (entry.actor_name, entry.address, entry.result) == ("anna", "192.0.2.7", "refused")
    assert entry.detail == {"method": "GET", "path": "/api/v1/users", "route": "user-list", "reason": "refused"}


def test_many_refusals_of_one_address_are_one_entry_and_a_count(clock: list[float]) -> None:
    for n in range(50):
        assert Browser("198.51.100.1").get(f"/api/v1/users?x={n}").status_code == 401
    assert Browser("198.51.100.2").get("/api/v1/users").status_code == 401
    assert [entry.address for entry in entries("access.refused")] == ["198.51.100.1", "198.51.100.2"]
    clock[0] += 60
    assert Browser("198.51.100.3").get("/api/v1/users").status_code == 401
    _, _, flood, latest = entries("access.refused")
    assert (flood.address, flood.detail["more"], flood.result) == ("198.51.100.1", 49, "refused")
    assert latest.address == "198.51.100.3"
    assert RefusalTally.objects.count() == 1


def test_the_count_is_stored_and_becomes_an_entry_later(clock: list[float]) -> None:
    for _ in range(3):
        Browser("198.51.100.1").get("/api/v1/users")
    assert services.flush_refusals() == 0
    clock[0] += 3600
    assert services.flush_refusals() == 1
    assert services.flush_refusals() == 0
    assert entries("access.refused")[-1].detail["more"] == 2


def test_one_network_of_ipv6_is_one_caller(clock: list[float]) -> None:
    for n in range(20):
        Browser(f"2001:db8:1:1::{n + 1:x}").get("/api/v1/users")
    Browser("2001:db8:1:2::1").get("/api/v1/users")
    assert len(entries("access.refused")) == 2


def test_each_distinct_refused_request_of_a_signed_in_user_is_recorded(clock: list[float]) -> None:
    _, program = a_token(holder("anna", "Viewer"), Action.VIEW)
    for path in ("/api/v1/users", "/api/v1/users", "/api/v1/roles"):
        assert program.get(path).status_code == 403
    assert [entry.detail["route"] for entry in entries("access.refused")] == ["user-list", "role-list"]
    assert {entry.actor_name for entry in entries("access.refused")} == {"anna/script"}
    assert {entry.actor_kind for entry in entries("access.refused")} == {"token"}


def test_links_that_are_not_valid_are_counted_in_the_same_way(clock: list[float]) -> None:
    for _ in range(5):
        assert Browser().post("/api/v1/emergency", {"secret": "guess"}).status_code == 403
    assert [entry.result for entry in entries("emergency.open")] == ["refused"]


def test_hostile_text_in_a_path_is_stored_as_text(clock: list[float]) -> None:
    assert Browser().get("/api/v1/users/%00%1b%5b31m<script>").status_code in (401, 404)
    assert Browser().get("/api/v1/users?q=%00").status_code == 401
    assert len(entries("access.refused")) == 1
