"""A lease is one process's at a time: it ends without renewal, also one whose heartbeat is in the future."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db.models.functions import Now

from sealbus.web.config import collector_store
from sealbus.web.config.databases import parse_database
from sealbus.web.coordination import leases
from sealbus.web.coordination.models import Lease

if TYPE_CHECKING:
    from sealbus.web.config.environment import Environment

pytestmark = pytest.mark.django_db

_NAME = "collector/main"


def _renewed(seconds_ago: float) -> None:
    """The last renewal was so long ago; negative: it is in the future."""
    Lease.objects.update(renewed_at=Now() - timedelta(seconds=seconds_ago))


def test_a_lease_is_its_holders_until_it_is_released() -> None:
    assert leases.acquire_or_renew(_NAME, "one") == ""
    assert leases.acquire_or_renew(_NAME, "one") == ""
    assert leases.acquire_or_renew(_NAME, "two") == "one"
    assert leases.acquire_or_renew("collector/other", "two") == ""
    leases.release(_NAME, "one")
    assert leases.acquire_or_renew(_NAME, "two") == ""


def test_a_process_releases_its_own_lease_only() -> None:
    leases.acquire_or_renew(_NAME, "one")
    leases.release(_NAME, "two")
    assert leases.acquire_or_renew(_NAME, "two") == "one"


@pytest.mark.parametrize(
    ("database", "holder"), [("sqlite:///HOME/sealbus.sqlite3", ""), ("sqlite:////elsewhere/s.sqlite3", "dead"),
                             ("postgresql://sealbus@localhost/site", "dead")]
)  # fmt: skip
def test_the_lock_of_the_folder_frees_the_lease_only_where_the_database_is_in_the_folder(
    database: str, holder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site: Environment = settings.SEALBUS  # type: ignore[misc]
    at = parse_database(database.replace("HOME", str(site.home)), "SEALBUS_DATABASE")
    monkeypatch.setattr(settings, "SEALBUS", dataclasses.replace(site, database=at))
    monkeypatch.setattr(collector_store, "close_old_connections", lambda: None)  # it holds the transaction of the test
    leases.acquire_or_renew(_NAME, "dead")
    collector_store.DatabaseCollectorStore().release_leases_of_dead()
    assert leases.acquire_or_renew(_NAME, "new") == holder


@pytest.mark.parametrize(("seconds_ago", "holder"), [(leases.LOST_AFTER_S - 5, "one"), (leases.LOST_AFTER_S + 1, "")])
def test_a_lease_without_renewal_is_free_after_its_time(seconds_ago: float, holder: str) -> None:
    leases.acquire_or_renew(_NAME, "one")
    _renewed(seconds_ago)
    assert leases.is_alive(_NAME) is bool(holder)
    assert leases.acquire_or_renew(_NAME, "two") == holder


def test_a_heartbeat_in_the_future_ends_as_one_of_now() -> None:
    leases.acquire_or_renew(_NAME, "one")
    _renewed(-3600)
    assert leases.acquire_or_renew(_NAME, "two") == "one", "its holder may work: it gets the usual time"
    _renewed_before = Lease.objects.filter(renewed_at__gt=Now() + timedelta(seconds=5))
    assert not _renewed_before.exists()
    _renewed(leases.LOST_AFTER_S + 1)
    assert leases.acquire_or_renew(_NAME, "two") == ""


def test_a_holder_renews_a_heartbeat_that_is_in_the_future() -> None:
    leases.acquire_or_renew(_NAME, "one")
    _renewed(-3600)
    assert leases.acquire_or_renew(_NAME, "one") == ""
    assert leases.acquire_or_renew(_NAME, "two") == "one"
    assert leases.is_alive(_NAME)


def test_a_heartbeat_in_the_future_is_no_sign_of_life() -> None:
    leases.acquire_or_renew(_NAME, "one")
    _renewed(-3600)
    assert not leases.is_alive(_NAME)
    _renewed(-1)
    assert leases.is_alive(_NAME), "the clock of the database may be corrected by a second"
