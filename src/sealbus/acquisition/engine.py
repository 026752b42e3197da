"""The polling engine: a plan in, samples out, and commands executed in between.

    engine = PollingEngine(ports)
    engine.apply(plan)                          # and again whenever it has changed
    engine.submit(ReadNow(id=1, ...))           # its progress and result go to ports.report
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run())         # until `close`

Everything runs on one event loop, and nothing here waits for a sink, a database or a bus. `apply` takes effect before it
returns; the first request of a new device is due within a second. `run` finds what no answer shows: identities whose
files have changed, certificates that have expired, tags that have grown stale.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.calculated import Calculations
from sealbus.acquisition.clock import SampleClock
from sealbus.acquisition.commands import CommandPorts, RunningCommands
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
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from sealbus.acquisition.locating import Resolver
    from sealbus.acquisition.pipeline import SampleStore
    from sealbus.plant import Command, CommandProgress, CommandResult
    from sealbus.samples import Sample

__all__ = ["LAG_BOUNDS_S", "EnginePorts", "PollingEngine"]

_CHECK_INTERVAL_S: Final = 0.5
_IDENTITIES_EVERY: Final = 4
LAG_BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of `PollingEngine.lags`."""


async def _refuse_to_send(command_id: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """What the engine is connected to. All are called on its loop; all but `on_sending` must return at once."""

    store: SampleStore
    publish: Callable[[Sequence[Sample]], object]
    report: Callable[[CommandProgress | CommandResult], object]
    identities: Path
    """The folder with a folder for each identity."""
    on_sending: Callable[[int], Awaitable[bool]] = _refuse_to_send
    """Awaited before a write goes on the wire: records it as sent. False, or an error: it is not sent."""
    resolve: Resolver = resolve
    clock: SampleClock = field(default_factory=SampleClock)


class PollingEngine:
    """Make it within a running event loop."""

    def __init__(self, ports: EnginePorts) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = ports.clock
        self.lags = [0] * (len(LAG_BOUNDS_S) + 1)
        """A histogram of how late the rounds began: one count for each bound of `LAG_BOUNDS_S`, and one for longer lags."""
        self._plan = Plan()
        self._identities = IdentityFolder(ports.identities)
        self._locator = Locator(ports.resolve)
        dial_context = DialContext(self._locator, self._identities, ports.clock)
        self._connections = PolledConnections(dial_context, self)
        self._calculations = Calculations((), {}, {}, self.loop.time())
        self._pipeline = SamplePipeline(self.loop, store=ports.store, publish=ports.publish, calculate=self._calculate)
        self._commands = RunningCommands(self._connections, dial_context, CommandPorts(ports.report, ports.on_sending))
        self._network_problems: list[Problem] = []
        self._due_timer: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()

    # -- life

    async def run(self) -> None:
        """Twice a second, check what no answer shows, until `close` is called."""
        turn = 0
        while not self._closed.is_set():
            turn += 1
            self._check(look_at_files=turn % _IDENTITIES_EVERY == 0)
            try:
                async with asyncio.timeout(_CHECK_INTERVAL_S):
                    await self._closed.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Stop polling, end all commands, hand over the last samples."""
        self._closed.set()
        await self._commands.close()
        self._connections.close()
        if self._due_timer is not None:
            self._due_timer.cancel()
        self._pipeline.flush()
        await asyncio.sleep(0)  # so that transports can send their close_notify

    def apply(self, plan: Plan) -> None:
        """Poll according to this plan. Parts that are equal in the previous plan are not touched."""
        self._pipeline.flush()  # calculated tags of the old plan follow from what was read under it
        self._network_problems = self._use_networks(plan.networks)
        if plan.networks != self._plan.networks:
            self._connections.recheck()
        self._pipeline.add(self._connections.apply(plan.connections))
        self._identities.retain({each.identity for each in plan.connections if each.identity})
        if plan.calculated != self._plan.calculated or plan.connections != self._plan.connections:
            self._pipeline.add(self._use_calculated(plan))
        self._plan = plan

    def submit(self, command: Command) -> None:
        """Execute a command. Its progress and its one result go to `ports.report`; a refusal is reported at once."""
        self._commands.submit(command)

    def withdraw(self, command_id: int) -> None:
        """Stop a command that was withdrawn. It still has its one result."""
        self._commands.withdraw(command_id)

    # -- state

    def latest(self, tag_ids: Iterable[int] | None = None) -> list[Sample]:
        """The current sample of each tag, or of those of `tag_ids` that are known, with the time of the last reading."""
        states = {**self._connections.states, **self._calculations.states}
        wanted = states.values() if tag_ids is None else (states[each] for each in tag_ids if each in states)
        return [sample for state in wanted if (sample := state.current()) is not None]

    def state(self) -> CollectorState:
        """Connections, problems and counters."""
        calculated = (
            Problem(what="calculated", id=number, text=text) for number, text in self._calculations.problem_texts()
        )
        return CollectorState(
            plan_version=self._plan.version,
            connections=tuple(connection.state() for connection in self._connections.by_id.values()),
            problems=(*self._network_problems, *self._connections.problems, *calculated),
            tags=len(self._connections.states) + len(self._calculations.states),
            samples=self._pipeline.samples,
            sample_losses=self._pipeline.losses,
            commands_under_way=self._commands.under_way,
            clock_set_back=self.clock.set_back,
            clock_ahead_s=self.clock.ahead_us / 1e6,
        )

    # -- for polls (PollContext)

    def add_changes(self, changes: Sequence[Sample]) -> None:
        self._pipeline.add(changes)

    def record_lag(self, seconds: float) -> None:
        self.lags[bisect_left(LAG_BOUNDS_S, seconds)] += 1

    # -- machinery

    def _check(self, *, look_at_files: bool) -> None:
        changed = self._identities.changed() if look_at_files else set()
        self._pipeline.add(self._connections.check(changed=changed))
        self._pipeline.add(self._calculations.sweep(self.loop.time()))

    def _use_networks(self, lines: Sequence[str]) -> list[Problem]:
        """A line that cannot be read allows nothing and is a problem; it must not block the devices of the other lines."""
        good, problems = [], []
        for number, line in enumerate(lines, start=1):
            try:
                NetworkRules.parse([line])
            except ConfigError as error:
                problems.append(Problem(what="networks", id=number, text=str(error)))
            else:
                good.append(line)
        self._locator.use(NetworkRules.parse(good))
        return problems

    def _use_calculated(self, plan: Plan) -> list[Sample]:
        before, now, time_us = self._calculations.states, self.loop.time(), self.clock.now_us()
        self._calculations = Calculations(plan.calculated, self._connections.states, before, now)
        unusable = [self._calculations.states[number] for number in self._calculations.problems]
        gone = [state for number, state in before.items() if number not in self._calculations.states]
        failed = (state.fail(Reason.NOT_COLLECTED, time_us, now) for state in (*unusable, *gone))
        self._set_due_timer()
        return [change for change in failed if change is not None] + self._calculations.evaluate_all(now, time_us)

    def _calculate(self, changes: Sequence[Sample]) -> list[Sample]:
        return self._calculations.evaluate(changes, self.loop.time(), self.clock.now_us())

    def _set_due_timer(self) -> None:
        if self._due_timer is not None:
            self._due_timer.cancel()
        due = self._calculations.next_due
        self._due_timer = None if due is None else self.loop.call_at(due, self._flush_due)

    def _flush_due(self) -> None:
        """A calculated tag with an interval of its own is due: it is evaluated on the way of the batch."""
        self._pipeline.flush()
        self._set_due_timer()
