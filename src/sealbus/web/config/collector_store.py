"""The site, as the collector process sees it: the `CollectorStore` of the collector package, on the database.

`cli` hands it over, because this package must not import what reaches devices, and the collector knows no Django. Each
method is one short piece of work for a thread of the caller. Any error of a database that is down becomes a
SealbusError, and the next call connects again.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error, InterfaceError, close_old_connections, connection

from sealbus.errors import SealbusError
from sealbus.history import HistoryRules
from sealbus.plant import (
    COLLECTOR_LEASE,
    Command,
    CommandProgress,
    CommandResult,
    Plan,
    SiteVersions,
    with_collector_id,
)
from sealbus.web.accounts.services.refusals import flush_refusals
from sealbus.web.audit.checkpoints import note_head
from sealbus.web.audit.forwarding import keep_forwarding
from sealbus.web.audit.takeover import take_records
from sealbus.web.coordination import hints, leases
from sealbus.web.coordination.outages import database_reason
from sealbus.web.coordination.versions import read_versions
from sealbus.web.devices import queries
from sealbus.web.devices.services import collector

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence
    from pathlib import Path

    from sealbus.web.config.environment import Environment

__all__ = ["DatabaseCollectorStore"]

_PLAN: Final = "plan"
_COMMANDS: Final = "command"
_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


def _on_database(work: Callable[_Given, _Got]) -> Callable[_Given, _Got]:
    """Replace a broken connection before the call; raise SealbusError for a database that is down."""

    @functools.wraps(work)
    def done(*args: _Given.args, **kwargs: _Given.kwargs) -> _Got:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        except (Error, InterfaceError) as error:
            if not connection.in_atomic_block:
                connection.close()
            raise SealbusError(f"the database: {database_reason(error)}") from error

    return done


class DatabaseCollectorStore:
    """Implements `collector.CollectorStore`, where the methods are described. Use it after `boot`."""

    @property
    def environment(self) -> Environment:
        """What the operator has set."""
        site: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
        return site

    @property
    def hint_topics(self) -> tuple[str, ...]:
        """A hint has the name of the version number that has changed."""
        return _PLAN, _COMMANDS

    @staticmethod
    def set_hint_publisher(publish: Callable[[str, bytes], None] | None) -> None:
        """Publish the hints of changes that this process makes."""
        hints.set_publisher(publish)

    @_on_database
    def versions(self) -> SiteVersions:
        """The numbers now."""
        plan, commands = read_versions(_PLAN, _COMMANDS)
        return SiteVersions(plan=plan, commands=commands)

    @_on_database
    def plan(self) -> Plan:
        """The plan: everything that is to be collected."""
        return queries.plan()

    @_on_database
    def history_rules(self) -> HistoryRules:
        """Time zone and retention. Without a class in the database, the default class of history holds."""
        classes = queries.retention_classes()
        zone = self.environment.time_zone
        if not classes:
            return HistoryRules(zone=zone)
        return HistoryRules(zone=zone, classes=classes, class_of=queries.retention_of_tags())

    @_on_database
    def hold_lease(self, name: str, holder: str) -> str:
        """Returns the holder after this call."""
        return leases.acquire_or_renew(name, holder) or holder

    @_on_database
    def release_lease(self, name: str, holder: str) -> None:
        """Release the lease so that a waiting collector can take it at once."""
        leases.release(name, holder)

    @_on_database
    def release_leases_of_dead(self) -> None:
        """Let this collector begin at once after one that was killed, where no other can have the lease.

        Call it while this process holds the lock of the state folder. The lock proves that no other collector uses this
        folder, and so none uses a database in it. A database on a server may have another one: its lease must end.
        """
        path = self.environment.database.path
        if path is not None and path.resolve().parent == self.environment.home.resolve():
            leases.release_all(with_collector_id(COLLECTOR_LEASE, ""))

    @_on_database
    def recover_commands(self, collector_id: str, running: Collection[int]) -> int:
        """End the commands that this collector has claimed and does not execute."""
        return collector.recover_commands(collector_id, running)

    @_on_database
    def claim_commands(self, holder: str, limit: int) -> Sequence[Command]:
        """Commands that are not possible, or not allowed any more, are ended here; the next ones take their place."""
        return collector.claim_commands(holder, limit)

    @_on_database
    def withdrawn_commands(self, holder: str) -> Sequence[int]:
        """The claimed ones that were withdrawn."""
        return collector.withdrawn_commands(holder)

    @_on_database
    def record_sent(self, holder: str, command_id: int) -> bool:
        """Record a write as sent, before it goes on the wire."""
        return collector.record_sent(holder, command_id)

    @_on_database
    def note_progress(self, holder: str, progress: CommandProgress) -> None:
        """Store the progress of a command."""
        collector.note_progress(holder, progress)

    @_on_database
    def finish_command(self, holder: str, result: CommandResult) -> None:
        """Store the result of a command."""
        collector.finish_command(holder, result)

    @_on_database
    def take_records(self, name: str, folder: Path) -> int:
        """Take the records of a gateway since the last call into the audit."""
        return take_records(folder, name=name)

    @_on_database
    def maintain_audit(self) -> None:
        """Add counted refusals to the audit, and note outside the database where the audit ends."""
        flush_refusals()
        note_head(self.environment.home)

    def forwarding(self) -> Coroutine[None, None, None] | None:
        """The task that sends the audit to a syslog server, in a thread of its own."""
        target = self.environment.syslog
        return None if target is None else keep_forwarding(target)
