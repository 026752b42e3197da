"""What the collector gets from the site and hands back to it, as plain values: the one counter between the two.

The command line stands in between, because this side may not import what reaches devices and that side knows no Django.
Every method is one short piece of work for a thread of the caller; a database that is away is a SealbusError, whatever it
is called below, and the next call connects anew.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from django.conf import settings
from django.db import Error, InterfaceError, close_old_connections, connection

from sealbus.errors import SealbusError
from sealbus.web.accounts.services.refusals import flush_refusals
from sealbus.web.audit.checkpoints import note_head
from sealbus.web.audit.forwarding import keep_forwarding
from sealbus.web.audit.takeover import take_records
from sealbus.web.coordination import hints, leases
from sealbus.web.coordination.models import Version
from sealbus.web.devices import queries
from sealbus.web.devices.services import collector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from sealbus.web.config.environment import Environment

__all__ = ["CollectorDesk", "Progress"]

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


def _at_the_desk(work: Callable[_Given, _Got]) -> Callable[_Given, _Got]:
    """Connect anew where a connection is broken, and say in our words that the database is away."""

    @functools.wraps(work)
    def done(*args: _Given.args, **kwargs: _Given.kwargs) -> _Got:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        except (Error, InterfaceError) as error:
            if not connection.in_atomic_block:
                connection.close()
            raise SealbusError(
                f"the database: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            ) from error

    return done


class Progress(Protocol):
    """How far an order has come, as `acquisition.OrderProgress` has it."""

    @property
    def id(self) -> int: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def text(self) -> str: ...


class CollectorDesk:
    """The site as the collector sees it. Use it after `boot`, from one thread at a time."""

    @property
    def environment(self) -> Environment:
        """What the operator has set."""
        site: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
        return site

    @staticmethod
    def carry_hints(publish: Callable[[str, bytes], None] | None) -> None:
        """Let hints about changes that are made here travel by this."""
        hints.set_publisher(publish)

    @_at_the_desk
    def versions(self) -> tuple[int, int]:
        """The numbers that count changes of the plan and of what is ordered."""
        numbers = dict(Version.objects.filter(name__in=("plan", "order")).values_list("name", "number"))
        return numbers.get("plan", 0), numbers.get("order", 0)

    @_at_the_desk
    def plan(self) -> dict[str, Any]:
        """The plan, with the members of `acquisition.Plan`."""
        return queries.plan()

    @_at_the_desk
    def retention(self) -> tuple[list[dict[str, Any]], dict[int, str]]:
        """The classes as `history.RetentionClass` has them, and the class of each tag."""
        return queries.retention_classes(), queries.retention_of_tags()

    @_at_the_desk
    def recover_orders(self) -> int:
        """End what the collector before this one had begun. How many there were."""
        return collector.recover_orders()

    @_at_the_desk
    def claim_orders(self, worker: str, limit: int) -> list[dict[str, Any]]:
        """Take what has been ordered, with the members of `acquisition.Order`; what may not be done is ended here."""
        return collector.claim_orders(worker, limit)

    @_at_the_desk
    def cancelled_orders(self, worker: str) -> list[int]:
        """The orders under way that were taken back."""
        return collector.cancelled_orders(worker)

    @_at_the_desk
    def note_progress(self, worker: str, progress: Progress) -> None:
        """Write down how far an order has come."""
        collector.progress(worker, progress.id, progress.done, progress.total, progress.text)

    @_at_the_desk
    def finish_order(self, worker: str, order_id: int, result: Mapping[str, Any]) -> None:
        """Write down its end: an `acquisition.OrderResult` as plain values."""
        collector.finish(worker, order_id, result)

    @_at_the_desk
    def take_records(self, name: str, folder: Path) -> int:
        """Take over what a gateway has recorded since. How many records."""
        return take_records(folder, name=name)

    @_at_the_desk
    def note_audit_head(self) -> None:
        """Note outside the database where the audit ends."""
        note_head(self.environment.home)

    def forwarding(self) -> Coroutine[None, None, None] | None:
        """What sends the audit to a syslog server for ever, in a thread of its own; None where none is set."""
        target = self.environment.syslog
        return None if target is None else keep_forwarding(target)

    @_at_the_desk
    def flush_refusals(self) -> int:
        """Put counted refusals into the audit."""
        return flush_refusals()

    @_at_the_desk
    def hold(self, worker: str) -> str:
        """Be the collector of the site, and say that it is alive. Who is it instead, or empty."""
        return leases.hold("collector", worker)

    @_at_the_desk
    def release(self, worker: str) -> None:
        """Be it no more."""
        leases.release("collector", worker)
