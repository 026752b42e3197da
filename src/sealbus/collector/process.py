"""The collector process: what it consists of, its tasks, and the order in which it stops."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a field of a dataclass that others construct
from typing import TYPE_CHECKING

from msgspec import structs

from sealbus.acquisition import EnginePorts, PollingEngine
from sealbus.bus import Bus, open_bus, parse_bus_url
from sealbus.collector.commands import CommandIntake, CommandReports, OpenCommands
from sealbus.collector.lease import Lease, LeaseLost, holder_name
from sealbus.collector.plan_sync import PlanSync
from sealbus.collector.publishing import LivePublisher, serve_requests
from sealbus.collector.records_intake import RecordsIntake, RecordSource
from sealbus.collector.samples_state import samples_state
from sealbus.collector.store_thread import StoreThread
from sealbus.collector.versions import VersionWatch
from sealbus.history import HistoryRules, HistoryWriter, open_history
from sealbus.plant import DEFAULT_COLLECTOR_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sealbus.collector.plan_sync import HasRules
    from sealbus.collector.store import CollectorStore
    from sealbus.plant import CollectorState

__all__ = ["CollectorSettings", "CollectorTiming", "run_collector"]

_log = logging.getLogger("sealbus.collect")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorTiming:
    """How often something is done, in seconds. The lease of a process that died expires after twenty seconds."""

    versions_s: float = 0.5
    lease_retry_s: float = 2.0
    lease_renew_s: float = 5.0
    results_retry_s: float = 0.5
    records_s: float = 1.0
    audit_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """What the operator has configured for this process."""

    home: Path
    """The state folder: it has the spool of history and the identities towards devices."""
    history: str = field(repr=False)
    """URL of the history store."""
    time_zone: str
    bus: str = field(repr=False)
    """URL of the bus."""
    bus_folder: Path
    bus_key: bytes = field(repr=False)
    """The key of the MAC that all processes of the site put on their messages."""
    records: tuple[RecordSource, ...] = ()
    collector_id: str = DEFAULT_COLLECTOR_ID
    timing: CollectorTiming = field(default_factory=CollectorTiming)


@dataclass(frozen=True, slots=True)
class _StoreCalls:
    """The store and its threads, for as long as the process runs."""

    store: CollectorStore
    thread: StoreThread
    records_thread: StoreThread
    lease: Lease


async def run_collector(
    store: CollectorStore, settings: CollectorSettings, *, stopped: asyncio.Event, report: Callable[[str], None]
) -> None:
    """Collect until `stopped`. `report` gets lines for people; the last of the start begins with "listening on ".

    Raises ConfigError for a part that cannot start; later failures are logged and tried again.
    """
    with (
        ThreadPoolExecutor(1, "collect-site") as store_executor,
        ThreadPoolExecutor(1, "collect-records") as records_executor,
    ):
        thread = StoreThread(store_executor)
        lease = Lease(store, thread, settings.collector_id, holder_name(settings.collector_id))
        calls = _StoreCalls(store, thread, StoreThread(records_executor), lease)
        while await lease.acquire(stopped, settings.timing.lease_retry_s, report):
            try:
                await _collect(calls, settings, stopped, report)
            except LeaseLost as lost:
                _log.error("%s is the collector of this site now; this process waits", lost.holder)
            finally:
                await lease.release()  # also after an error: the next process need not wait until it ends


async def _collect(
    calls: _StoreCalls, settings: CollectorSettings, stopped: asyncio.Event, report: Callable[[str], None]
) -> None:
    """Collect while this process holds the lease."""
    bus_url = parse_bus_url(settings.bus)
    history = open_history(settings.history, rules=HistoryRules(zone=settings.time_zone))
    writer = HistoryWriter(history, settings.home / "spool")
    try:
        async with open_bus(bus_url, folder=settings.bus_folder, key=settings.bus_key, is_hub=True) as bus:
            run = _Run(calls, settings, bus, samples=writer, history=history)
            calls.store.set_hint_publisher(bus.publish)
            try:
                report(f"listening on {bus_url}")  # its text has no password, unlike the setting
                await run.until(stopped)
            finally:
                calls.store.set_hint_publisher(None)
    finally:
        await asyncio.to_thread(writer.close)
        history.close()


class _Run:
    """The parts between one grant of the lease and its end."""

    def __init__(
        self, calls: _StoreCalls, settings: CollectorSettings, bus: Bus, *, samples: HistoryWriter, history: HasRules
    ) -> None:
        store, thread, holder = calls.store, calls.thread, calls.lease.holder
        self._calls = calls
        self._bus = bus
        self._timing = settings.timing
        self._live = LivePublisher(bus, settings.collector_id)
        open_commands = OpenCommands()
        self._reports = CommandReports(store, thread, holder, open_commands)
        self._engine = PollingEngine(
            EnginePorts(
                store=samples,
                publish=self._live.publish,
                report=self._reports.add,
                on_sending=self._reports.record_sent,
                identities=settings.home / "identities",
            )
        )
        commands = CommandIntake(
            store, thread, self._engine, collector_id=settings.collector_id, holder=holder, open_commands=open_commands
        )
        plans = PlanSync(store, thread, engine=self._engine, history=history)
        self._versions = VersionWatch(store, thread, load_plan=plans.load, take_commands=commands.take)
        self._records = RecordsIntake(store, calls.records_thread, settings.records)
        self._samples = samples
        serve_requests(bus, settings.collector_id, self._engine, self._state)

    def _state(self) -> CollectorState:
        return structs.replace(self._engine.state(), history=samples_state(self._samples.state()))

    async def until(self, stopped: asyncio.Event) -> None:
        """Raises LeaseLost, and any error that ended a task."""
        tasks = [asyncio.create_task(work, name=name) for name, work in self._work().items()]
        stopping = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # no task ends by itself: raise what ended it
        finally:
            stopping.cancel()
            # The tasks first: a keepalive must not confirm values that are no longer polled.
            for task in tasks:
                task.cancel()
            await self._engine.close()  # hands over the last samples, and a result for each command
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._reports.store_results()

    def _work(self) -> dict[str, Coroutine[None, None, None]]:
        timing = self._timing
        work: dict[str, Coroutine[None, None, None]] = {
            "engine": self._engine.run(),
            "hints": self._versions.listen(self._bus),
            "versions": self._versions.run(timing.versions_s),
            "command reports": self._reports.run(timing.results_retry_s),
            "keepalive": self._live.keep_alive(),
            "lease": self._calls.lease.keep(timing.lease_renew_s),
            "records": self._records.take(timing.records_s),
            "audit": self._records.maintain_audit(timing.audit_s),
        }
        if (forwarding := self._calls.store.forwarding()) is not None:
            work["syslog"] = forwarding
        return work
