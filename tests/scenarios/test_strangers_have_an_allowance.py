"""What one address may send without a sign-in, and that people who are signed in from the same address are still served."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from scenarios.site_process import SiteProcess, open_site
from sealbus.web.config.limits import ServerLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMITS = ServerLimits(stranger_requests_per_s=0.001, stranger_burst=40)


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    with open_site(tmp_path_factory.mktemp("allowance"), limits=_LIMITS) as running:
        yield running


def _sessions(site: SiteProcess) -> int:
    with sqlite3.connect(site.home / "sealbus.sqlite3") as database:
        return int(database.execute("SELECT count(*) FROM django_session").fetchone()[0])


def test_requests_above_the_allowance_are_refused_before_anything_is_done(site: SiteProcess) -> None:
    """A made-up cookie or token, another each time, does not help. Health checks have an allowance of their own."""
    answers = [
        site.get("/api/v1/me", headers=headers).status_code
        for number in range(25)
        for headers in ({"Cookie": f"sealbus=made-up-{number}"}, {"Authorization": f"Token sealbus_{number}"})
    ]
    assert answers == [401] * 40 + [429] * 10
    refused = site.get("/api/v1/me")
    assert refused.headers["retry-after"] == "2"
    assert refused.json()["type"] == "too-many-requests"
    assert site.get("/health/live").status_code == 200


def test_challenges_for_strangers_store_a_bounded_number_of_sessions(site: SiteProcess) -> None:
    statuses = [site.get("/_allauth/browser/v1/auth/webauthn/login").status_code for _ in range(30)]
    assert statuses == [200] * 20 + [429] * 10
    assert _sessions(site) == 20
