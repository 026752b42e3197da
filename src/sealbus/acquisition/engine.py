"""The collector: a plan in, samples out, orders in between.

    collector = Collector(ports)
    collector.apply(plan)                       # and again whenever it has changed
    collector.submit(ReadNow(id=1, ...))        # what comes of it goes to ports.report
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(collector.run())      # until `close`

Everything happens on one event loop, and nothing here waits for a sink, a database or a bus. `apply` takes effect
before it returns; the first request of a new device is due within a second. `run` looks after what nothing else would
notice: identities whose files have changed, certificates that have expired, tags that have grown stale.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.calculated import Calculations
from sealbus.acquisition.clock import SampleClock
from sealbus.acquisition.errands import Errands
from sealbus.acquisition.identities import IdentityFolder
from sealbus.acquisition.locating import Locator, resolve
from sealbus.acquisition.pipeline import SamplePipeline
from sealbus.acquisition.polled_connection import DialContext
from sealbus.acquisition.polled_connections import PolledConnections
from sealbus.endpoints import NetworkRules
from sealbus.errors import ConfigError
from sealbus.plant import CollectorState, Plan, Problem
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sealbus.acquisition.locating import Resolver
    from sealbus.acquisition.pipeline import SampleStore
    from sealbus.plant import Order, OrderProgress, OrderResult
    from sealbus.samples import Sample

__all__ = ["LAG_BOUNDS_S", "EnginePorts", "PollingEngine"]

_TEND_S: Final = 0.5
_IDENTITIES_EVERY: Final = 4
LAG_BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of `Collector.lags`."""


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """What the collector is connected to. All of these are called on its loop and must return at once."""

    store: SampleStore
    publish: Callable[[Sequence[Sample]], object]
    report: Callable[[OrderProgress | OrderResult], object]
    identities: Path
    """The folder with a folder for each identity."""
    resolve: Resolver = resolve
    clock: SampleClock = field(default_factory=SampleClock)


class PollingEngine:
    """Make it within a running event loop."""

    def __init__(self, ports: EnginePorts) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = ports.clock
        self.lags = [0] * (len(LAG_BOUNDS_S) + 1)
        """How many rounds began how late after they were due, by `LAG_BOUNDS_S`; the last are those beyond."""
        self._plan = Plan()
        self._identities = IdentityFolder(ports.identities)
        self._locator = Locator(ports.resolve)
        dial_context = DialContext(self._locator, self._identities, ports.clock)
        self._connections = PolledConnections(dial_context, self)
        self._calculations = Calculations((), {}, {}, self.loop.time())
        self._pipeline = SamplePipeline(self.loop, store=ports.store, publish=ports.publish, complete=self._complete)
        self._errands = Errands(self._connections, dial_context, ports.report)
        self._problems: list[Problem] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()

    # -- life

    async def run(self) -> None:
        """Look after everything until `close` is called."""
        turn = 0
        while not self._closed.is_set():
            turn += 1
            self._maintain(look_at_files=turn % _IDENTITIES_EVERY == 0)
            try:
                async with asyncio.timeout(_TEND_S):
                    await self._closed.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Stop polling, end all orders, hand over what is left."""
        self._closed.set()
        await self._errands.close()
        self._connections.close()
        if self._alarm is not None:
            self._alarm.cancel()
        self._pipeline.flush()
        await asyncio.sleep(0)  # lets transports say goodbye

    def apply(self, plan: Plan) -> None:
        """Collect what this plan says, without touching what is the same in the plan before."""
        self._problems = []
        self._use_networks(plan.networks)
        if plan.networks != self._plan.networks:
            self._connections.recheck()
        self._connections.apply(plan.connections)
        self._identities.keep({each.identity for each in plan.connections if each.identity})
        if plan.calculated != self._plan.calculated or plan.connections != self._plan.connections:
            self._use_calculated(plan)
        self._plan = plan

    def submit(self, order: Order) -> None:
        """Carry out an order. Its progress and its one result go to `ports.report`, the result of a refusal at once."""
        self._errands.submit(order)

    def cancel(self, order_id: int) -> None:
        """Stop an order that was taken back. It still has its one result."""
        self._errands.cancel(order_id)

    # -- what is known

    def latest(self, tag_ids: Iterable[int] | None = None) -> list[Sample]:
        """What tags say now, each at the time at which it was last read: all of them, or those of these that are known."""
        states = {**self._connections.states, **self._calculations.states}
        wanted = states.values() if tag_ids is None else (states[each] for each in tag_ids if each in states)
        return [sample for state in wanted if (sample := state.current()) is not None]

    def state(self) -> CollectorState:
        """How everything is."""
        calculated = (
            Problem(what="calculated", id=number, text=text) for number, text in self._calculations.problem_texts()
        )
        return CollectorState(
            plan_version=self._plan.version,
            connections=tuple(connection.state() for connection in self._connections.by_id.values()),
            problems=(*self._problems, *self._connections.problems, *calculated),
            tags=len(self._connections.states) + len(self._calculations.states),
            samples=self._pipeline.samples,
            sample_losses=self._pipeline.losses,
            orders_under_way=self._errands.under_way,
            clock_set_back=self.clock.set_back,
            clock_ahead_s=self.clock.ahead_us / 1e6,
        )

    # -- for polls (PollContext)

    def told(self) -> list[Sample]:
        return self._pipeline.told()

    def record_lag(self, seconds: float) -> None:
        self.lags[bisect_left(LAG_BOUNDS_S, seconds)] += 1

    # -- machinery

    def _maintain(self, *, look_at_files: bool) -> None:
        changed = self._identities.changed() if look_at_files else set()
        self._connections.maintain(changed=changed)
        self._calculations.sweep(self.loop.time(), self._pipeline.told())

    def _use_networks(self, lines: Sequence[str]) -> None:
        """One line that is none must not close the way to all devices: the others hold."""
        good = []
        for number, line in enumerate(lines, start=1):
            try:
                NetworkRules.parse([line])
            except ConfigError as error:
                self._problems.append(Problem(what="networks", id=number, text=str(error)))
            else:
                good.append(line)
        self._locator.rules = NetworkRules.parse(good)

    def _use_calculated(self, plan: Plan) -> None:
        before, now = self._calculations.states, self.loop.time()
        self._calculations = Calculations(plan.calculated, self._connections.states, before, now)
        time_us, told = self.clock.now_us(), self._pipeline.told()
        unusable = [self._calculations.states[number] for number in self._calculations.problems]
        gone = [state for number, state in before.items() if number not in self._calculations.states]
        for state in (*unusable, *gone):
            if (sample := state.fail(Reason.NOT_COLLECTED, time_us, now)) is not None:
                told.append(sample)
        self._calculations.refresh(now, time_us, told)
        self._set_alarm()

    def _complete(self, batch: list[Sample]) -> None:
        self._calculations.complete(batch, self.loop.time(), self.clock.now_us())

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        due = self._calculations.next_due
        self._alarm = None if due is None else self.loop.call_at(due, self._ring)

    def _ring(self) -> None:
        """A calculated tag with an interval of its own is due."""
        self._pipeline.flush()
        self._set_alarm()
