"""The collector with everything it is connected to: site, history, bus, records of gateways. The composition, no more.

Devices are polled on one loop that never waits for a database: what speaks to the site has a thread of its own, history
another, the bus none. When the database is away, the last plan goes on, samples go to the spool, and results of orders
wait in memory, a bounded number of them. Hints of the bus make a change effective at once; without one it takes half a
second, because the version numbers are looked at that often.

A site has one collector at a time. Others that are started for it, on other machines, wait, and the first to notice
that it is gone takes over: at once when it was stopped, after twenty seconds when it died. While the database is away
nobody can take over, and whoever collects goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import socket
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from sealbus.acquisition import Collector, CollectorPorts
from sealbus.bus import (
    LIVE_TOPIC,
    SIGN_OF_LIFE_S,
    SNAPSHOT_TOPIC,
    STATE_TOPIC,
    Bus,
    decode_snapshot_request,
    encode_collector_state,
    encode_samples,
    encode_snapshot_page,
    open_bus,
)
from sealbus.errors import SealbusError
from sealbus.history import HistoryRules, HistoryWriter, open_history
from sealbus.plant import Order, OrderProgress, OrderResult, OrderState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.samples import Sample
    from sealbus.web import CollectorDesk

__all__ = ["Collecting", "RecordSource", "Threads", "collect_until"]

_log = logging.getLogger("sealbus.collect")
_Got = TypeVar("_Got")

_LOOK_EVERY_S: Final = 0.5
_BEAT_EVERY_S: Final = 5.0
_ASK_EVERY_S: Final = 2.0
_RECORDS_EVERY_S: Final = 1.0
_HEAD_EVERY_S: Final = 60.0
_ORDERS_AT_ONCE: Final = 16
_HINTS: Final = ("plan", "order")


class RecordSource(msgspec.Struct, frozen=True):
    """The record folder of a gateway, and the name that its records get in the audit."""

    name: str
    folder: Path


class _AnotherCollects(Exception):
    """The site has another collector by now."""


async def collect_until(
    stopped: asyncio.Event, desk: CollectorDesk, sources: Sequence[RecordSource], ready: Callable[[str], None]
) -> None:
    """Collect until `stopped`. Raises ConfigError for what cannot begin; what fails later is logged and tried again."""
    with ThreadPoolExecutor(1, "collect-site") as office, ThreadPoolExecutor(1, "collect-records") as archive:
        threads = Threads(office, archive)
        worker = _worker(desk.environment.home)
        while await _is_granted(stopped, desk, worker, threads, ready):
            try:
                await _collect(stopped, desk, worker, threads, sources, ready)
            except _AnotherCollects as other:
                _log.error("%s collects for this site by now; this one waits", other)
            else:
                with contextlib.suppress(SealbusError):  # then it is free after a while
                    await asyncio.get_running_loop().run_in_executor(office, desk.release, worker)


async def _is_granted(
    stopped: asyncio.Event, desk: CollectorDesk, worker: str, threads: Threads, ready: Callable[[str], None]
) -> bool:
    """Wait until this is the collector of the site. False: stopped before."""
    told = ""
    while not stopped.is_set():
        try:
            other = await asyncio.get_running_loop().run_in_executor(threads.office, desk.hold, worker)
        except SealbusError as error:
            other = str(error)
        if not other:
            return True
        if other != told:
            told = other
            ready(f"waiting until this is the collector of the site: now {other}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ASK_EVERY_S):
                await stopped.wait()
    return False


async def _collect(
    stopped: asyncio.Event,
    desk: CollectorDesk,
    worker: str,
    threads: Threads,
    sources: Sequence[RecordSource],
    ready: Callable[[str], None],
) -> None:
    site = desk.environment
    history = open_history(site.history, rules=HistoryRules(zone=site.time_zone))
    writer = HistoryWriter(history, site.home / "spool")
    try:
        async with open_bus(site.bus, folder=site.bus_folder, is_hub=True) as bus:
            collecting = Collecting(desk, bus, writer, threads, worker)
            collecting.history = history
            desk.carry_hints(bus.publish)
            try:
                await collecting.run(stopped, sources, ready)
            finally:
                desk.carry_hints(None)
    finally:
        await asyncio.to_thread(writer.close)
        history.close()


def _worker(home: Path) -> str:
    """A name that no other machine and no other state folder has, and that is the same after a restart."""
    machine = Path("/etc/machine-id")
    number = machine.read_text() if machine.is_file() else ""
    return f"{socket.gethostname()[:64]}-{hashlib.sha256(f'{number}{home}'.encode()).hexdigest()[:8]}"


class Threads(msgspec.Struct, frozen=True):
    """Who speaks to the site: one for what is waited for, one for what takes its time."""

    office: ThreadPoolExecutor
    archive: ThreadPoolExecutor


class Collecting:
    """One run of the collector. `history` gets new rules whenever the plan changes."""

    def __init__(self, desk: CollectorDesk, bus: Bus, writer: HistoryWriter, threads: Threads, worker: str) -> None:
        self.history: Any = None
        self._desk = desk
        self._bus = bus
        self._threads = threads
        self._worker = worker
        self._results: deque[OrderResult] = deque()
        self._progress: dict[int, OrderProgress] = {}
        self._has_reports = asyncio.Event()
        self._hinted = asyncio.Event()
        self._complained = ""
        self._last_live = 0.0
        self._loop = asyncio.get_running_loop()
        self.collector = Collector(
            CollectorPorts(
                store=writer,
                publish=self._publish,
                report=self._report,
                identities=desk.environment.home / "identities",
            )
        )

    async def run(self, stopped: asyncio.Event, sources: Sequence[RecordSource], ready: Callable[[str], None]) -> None:
        """Until `stopped`."""
        self._bus.serve(SNAPSHOT_TOPIC, self._snapshot)
        self._bus.serve(STATE_TOPIC, self._state)
        work = {
            "collector": self.collector.run(),
            "hints": self._hear_hints(),
            "plan and orders": self._follow(),
            "reports": self._send_reports(),
            "sign of life": self._live(),
            "heartbeat": self._keep(),
            "records": self._every(_RECORDS_EVERY_S, lambda: self._take_records(sources)),
            "audit": self._every(_HEAD_EVERY_S, self._look_after_audit),
        }
        if (forwarding := self._desk.forwarding()) is not None:
            work["syslog"] = forwarding
        tasks = [asyncio.create_task(each, name=name) for name, each in work.items()]
        ending = asyncio.create_task(stopped.wait())
        ready(f"listening on {self._desk.environment.bus}")
        try:
            await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # no task ends by itself: if one did, say why
        finally:
            ending.cancel()
            for task in tasks:  # first of all: who has stopped must not vouch for what it said before
                task.cancel()
            await self.collector.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._send_what_is_left()

    # -- what the collector tells

    def _publish(self, samples: Sequence[Sample]) -> None:
        self._last_live = self._loop.time()
        for payload in encode_samples(samples):
            self._bus.publish(LIVE_TOPIC, payload)

    def _report(self, message: OrderProgress | OrderResult) -> None:
        """Of progress the newest counts. A result is kept until the site has it; there are as many as there are orders."""
        if isinstance(message, OrderResult):
            self._progress.pop(message.id, None)
            self._results.append(message)
        else:
            self._progress[message.id] = message
        self._has_reports.set()

    async def _snapshot(self, payload: bytes) -> bytes:
        return encode_snapshot_page(self.collector.latest(), decode_snapshot_request(payload))

    async def _state(self, payload: bytes) -> bytes:
        return encode_collector_state(self.collector.state())

    async def _live(self) -> None:
        """An empty message where nothing changed: what was said before still holds."""
        while True:
            await asyncio.sleep(SIGN_OF_LIFE_S / 2)
            if self._loop.time() - self._last_live >= SIGN_OF_LIFE_S / 2:
                self._publish(())

    # -- what the site wants

    async def _hear_hints(self) -> None:
        async with self._bus.subscribe(*_HINTS, depth=1) as subscription:
            async for _ in subscription:
                self._hinted.set()

    async def _follow(self) -> None:
        """Take up new plans and orders: at once when hinted, and by looking twice a second."""
        known_plan = known_orders = -1
        await self._try(self._desk.recover_orders)
        while True:
            self._hinted.clear()
            versions = await self._try(self._desk.versions)
            if versions is not None:
                plan, orders = versions
                if plan != known_plan and await self._take_plan():
                    known_plan = plan
                if orders != known_orders and await self._take_orders():
                    known_orders = orders
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._hinted.wait()

    async def _take_plan(self) -> bool:
        plan = await self._try(self._desk.plan)
        kept = await self._try(self._desk.retention)
        if plan is None or kept is None:
            return False
        classes, class_of = kept
        if classes:
            self.history.rules = HistoryRules(
                zone=self._desk.environment.time_zone,
                classes=classes,
                class_of=class_of,
            )
        try:
            self.collector.apply(plan)
        except Exception:  # noqa: BLE001 - whatever a row may be, it must not stop those beside it
            _log.exception("a fault of this program: a part of the plan could not be taken up; the rest goes on")
        return True

    async def _take_orders(self) -> bool:
        """Whether all that was ordered has been taken, and all that was taken back is stopped."""
        cancelled = await self._try(self._desk.cancelled_orders, self._worker)
        if cancelled is None:
            return False
        for order_id in cancelled:
            self.collector.cancel(order_id)
        while True:
            rows = await self._try(self._desk.claim_orders, self._worker, _ORDERS_AT_ONCE)
            if rows is None:
                return False
            for row in rows:
                self._submit(row)
            if len(rows) < _ORDERS_AT_ONCE:
                return True

    def _submit(self, row: dict[str, Any]) -> None:
        try:
            self.collector.submit(msgspec.convert(row, Order))
        except msgspec.ValidationError as error:
            self._report(
                OrderResult(id=row["id"], state=OrderState.REFUSED, reason=f"the order cannot be read: {error}")
            )

    async def _send_reports(self) -> None:
        """To the site, results first. A result that the database does not take waits until it does."""
        while True:
            await self._has_reports.wait()
            self._has_reports.clear()
            while self._results or self._progress:
                if not await self._send_what_is_left():
                    await asyncio.sleep(_LOOK_EVERY_S)
                elif self._progress:
                    _, progress = self._progress.popitem()
                    await self._try(self._desk.note_progress, self._worker, progress)

    async def _send_what_is_left(self) -> bool:
        """Whether the site has all results."""
        while self._results:
            result = self._results[0]
            if not await self._sent(result):
                return False
            self._results.popleft()
        return True

    async def _sent(self, result: OrderResult) -> bool:
        def send() -> bool:
            try:
                self._desk.finish_order(self._worker, result.id, msgspec.to_builtins(result))
            except SealbusError:
                raise
            except Exception:  # noqa: BLE001 - one that can never be stored must not hold up those behind it
                _log.exception("the result of order %d cannot be stored", result.id)
            return True

        return await self._try(send) is not None

    # -- what happens by the clock

    def _take_records(self, sources: Sequence[RecordSource]) -> None:
        for source in sources:
            self._desk.take_records(source.name, source.folder)

    def _look_after_audit(self) -> None:
        self._desk.flush_refusals()
        self._desk.note_audit_head()

    async def _keep(self) -> None:
        """Stay the collector of the site. While the database is away nobody else can be."""
        while True:
            if other := await self._try(self._desk.hold, self._worker):
                raise _AnotherCollects(other)
            await asyncio.sleep(_BEAT_EVERY_S)

    async def _every(self, seconds: float, work: Callable[[], object]) -> None:
        while True:
            await self._done_in(self._threads.archive, work)
            await asyncio.sleep(seconds)

    async def _try(self, work: Callable[..., _Got], *args: Any) -> _Got | None:
        return await self._done_in(self._threads.office, work, *args)

    async def _done_in(self, thread: ThreadPoolExecutor, work: Callable[..., _Got], *args: Any) -> _Got | None:
        """Do it in a thread of the site. None where it failed, which is logged once for each reason."""
        try:
            done = await self._loop.run_in_executor(thread, work, *args)
        except (SealbusError, OSError) as error:
            self._complain(str(error))
            return None
        except Exception:  # noqa: BLE001 - one piece of work for the site must not end the polling
            _log.exception("a fault of this program, at work for the site; the collector goes on")
            await asyncio.sleep(_LOOK_EVERY_S)
            return None
        self._complained = ""
        return done

    def _complain(self, text: str) -> None:
        if text != self._complained:
            self._complained = text
            _log.error("%s", text)
