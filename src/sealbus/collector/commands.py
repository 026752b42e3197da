"""Commands: claimed from the store for the engine; their progress and results brought back to the store.

Each command that was claimed has exactly one result, and a result is kept until the store has it. Of progress only the
newest counts, and it may be lost. Results are stored before progress.

A claim that fails may have claimed some in the store that never came here; before the next claim, all that are claimed and
not among the `OpenCommands` are ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from sealbus.errors import SealbusError
from sealbus.plant import CommandProgress, CommandResult

if TYPE_CHECKING:
    from sealbus.collector.store import CollectorStore
    from sealbus.collector.store_thread import StoreThread
    from sealbus.plant import Command

__all__ = ["CommandIntake", "CommandReports", "OpenCommands", "TakesCommands"]

_log = logging.getLogger("sealbus.collect")
_CLAIMED_AT_ONCE: Final = 16


class TakesCommands(Protocol):
    """The engine, as far as it is needed here."""

    def submit(self, command: Command, /) -> None:
        """Execute a command."""

    def withdraw(self, command_id: int, /) -> None:
        """Stop a command."""


class OpenCommands:
    """The commands that the engine has and whose result the store has not: added by the intake, removed by the reports."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def add(self, command_id: int) -> None:
        """The engine gets this command now."""
        self._ids.add(command_id)

    def remove(self, command_id: int) -> None:
        """The store has its result."""
        self._ids.discard(command_id)

    def snapshot(self) -> frozenset[int]:
        """Their ids now, as a copy for another thread."""
        return frozenset(self._ids)


class CommandIntake:
    """From the store to the engine."""

    def __init__(
        self,
        store: CollectorStore,
        thread: StoreThread,
        engine: TakesCommands,
        *,
        collector_id: str,
        holder: str,
        open_commands: OpenCommands,
    ) -> None:
        self._store = store
        self._thread = thread
        self._engine = engine
        self._collector_id = collector_id
        self._holder = holder
        self._open_commands = open_commands
        self._has_recovered = False

    async def take(self) -> bool:
        """Claim the new commands for the engine and stop the withdrawn ones. Returns whether all were handled."""
        # Before the first claim, a claimed command belongs to an earlier process; after a failed claim it may be lost on its
        # way here. Neither is executed any more.
        if not self._has_recovered:
            running = self._open_commands.snapshot()
            if await self._thread.attempt(self._store.recover_commands, self._collector_id, running) is None:
                return False
            self._has_recovered = True
        withdrawn = await self._thread.attempt(self._store.withdrawn_commands, self._holder)
        if withdrawn is None:
            return False
        for command_id in withdrawn:
            self._engine.withdraw(command_id)
        while True:
            commands = await self._thread.attempt(self._store.claim_commands, self._holder, _CLAIMED_AT_ONCE)
            if commands is None:
                self._has_recovered = False
                return False
            for command in commands:
                self._open_commands.add(command.id)
                self._engine.submit(command)
            if len(commands) < _CLAIMED_AT_ONCE:
                return True


class CommandReports:
    """From the engine to the store."""

    def __init__(self, store: CollectorStore, thread: StoreThread, holder: str, open_commands: OpenCommands) -> None:
        self._store = store
        self._thread = thread
        self._holder = holder
        self._open_commands = open_commands
        self._results: deque[CommandResult] = deque()
        self._progress: dict[int, CommandProgress] = {}
        self._has_reports = asyncio.Event()

    def add(self, report: CommandProgress | CommandResult) -> None:
        """For the engine: returns at once."""
        if isinstance(report, CommandResult):
            self._progress.pop(report.id, None)
            self._results.append(report)
        else:
            self._progress[report.id] = report
        self._has_reports.set()

    async def record_sent(self, command_id: int) -> bool:
        """For the engine, before a write goes on the wire. Raises SealbusError if the store is down: then it is not sent."""
        return await self._thread.call(self._store.record_sent, self._holder, command_id)

    async def run(self, retry_s: float) -> None:
        """Store what comes, until cancelled."""
        while True:
            await self._has_reports.wait()
            self._has_reports.clear()
            while self._results or self._progress:
                if not await self.store_results():
                    await asyncio.sleep(retry_s)
                elif self._progress:
                    _, progress = self._progress.popitem()
                    await self._thread.attempt(self._store.note_progress, self._holder, progress)

    async def store_results(self) -> bool:
        """Store all results, in order. Returns whether the store has all; a result that it does not take now stays here."""
        while self._results:
            if await self._thread.attempt(self._store_result, self._results[0]) is None:
                return False
            self._open_commands.remove(self._results.popleft().id)
        return True

    def _store_result(self, result: CommandResult) -> bool:
        try:
            self._store.finish_command(self._holder, result)
        except SealbusError:
            raise
        except Exception:  # noqa: BLE001 - a result that can never be stored must not delay those after it
            _log.exception("the result of command %d cannot be stored", result.id)
        return True
