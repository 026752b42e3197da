"""The health of the site, from the probes of all parts.

A caller without rights gets one word, an administrator the list. The probes run at most every two seconds, one round at a
time; requests in between get the last result.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from sealbus.plant import COLLECTOR_LEASE, with_collector_id
from sealbus.web.audit.chain_state import head_problem
from sealbus.web.coordination import leases
from sealbus.web.coordination.probes import ADVISORIES, PROBES
from sealbus.web.trends.collector_request import samples_problem
from sealbus.web.trends.live_service import running_service

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Health", "Part", "current_health", "last_health"]

_GOOD_FOR_S = 2.0
_LEAST_FREE_BYTES = 256 * 1024 * 1024
_HISTORY_WITHIN_S = 3
_AWAY = "the database does not answer"


@dataclass(frozen=True, slots=True)
class Part:
    """One part; `problem` is empty if it works. The site is not ready without the `needed` parts."""

    name: str
    problem: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Health:
    """All parts."""

    parts: tuple[Part, ...]

    @property
    def is_ready(self) -> bool:
        """Whether all needed parts work."""
        return not any(part.problem for part in self.parts if part.needed)


class _Rounds:
    """The result of the last round, and the lock of the next one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._health: Health | None = None
        self._probed_at = 0.0

    def last(self) -> Health:
        return self._health or Health(())

    def current(self) -> Health:
        with self._lock:
            if self._health is None or time.monotonic() - self._probed_at > _GOOD_FOR_S:
                self._health = _probe_all()
                self._probed_at = time.monotonic()
            return self._health


_rounds = _Rounds()


def current_health() -> Health:
    """The health, at most two seconds old."""
    return _rounds.current()


def last_health() -> Health:
    """The last result, without running any probe; no parts before the first round."""
    return _rounds.last()


def _probe_all() -> Health:
    own: dict[str, Callable[[], str]] = {
        "database": _database, "audit": head_problem, "bus": _bus, "collector": _collector, "history": _history,
        "disk": _disk,
    }  # fmt: skip
    parts: list[Part] = []
    for probes, needed in (({**own, **PROBES}, True), (ADVISORIES, False)):
        parts += [Part(name, _run(probe), needed) for name, probe in probes.items()]
    return Health(tuple(parts))


def _run(probe: Callable[[], str]) -> str:
    try:
        return probe()
    except (DatabaseError, InterfaceError):
        return _AWAY


def _database() -> str:
    if not connection.in_atomic_block:  # a transaction of the caller is not ended
        connection.close_if_unusable_or_obsolete()
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(pending)} migrations are pending: run sealbus web migrate" if pending else ""


def _collector() -> str:
    return (
        ""
        if leases.is_alive(with_collector_id(COLLECTOR_LEASE))
        else "no collector holds its lease: none runs, or it cannot reach the database"
    )


def _bus() -> str:
    service = running_service()
    if service is None:  # a process without a live side
        return ""
    state = service.bus.state()
    return "" if state.connected else state.problem or "the bus is not connected"


def _history() -> str:
    """Both ends: the store for those who read, and the collector's way to it."""
    return "; ".join(filter(None, (_history_store(), samples_problem())))


def _history_store() -> str:
    url: str = settings.SEALBUS.history  # type: ignore[misc]  # ours
    try:
        if urlsplit(url).scheme == "sqlite":
            path = Path(unquote(urlsplit(url).path[1:]))  # sqlite:////absolute
            opened = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_HISTORY_WITHIN_S)
            try:
                opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
            finally:
                opened.close()
        else:
            with psycopg.connect(url.partition("?")[0], connect_timeout=_HISTORY_WITHIN_S) as other:
                other.execute("SELECT 1")
    except (sqlite3.Error, psycopg.Error):
        return "the history store does not answer"
    return ""


def _disk() -> str:
    free = shutil.disk_usage(settings.SEALBUS.home).free  # type: ignore[misc]  # ours
    return "" if free >= _LEAST_FREE_BYTES else f"only {free // 1_000_000} MB are free in the state folder"
