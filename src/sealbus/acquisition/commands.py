"""Executes commands: each in its own task with a deadline, a bounded number at a time, each ending in exactly one result.

A command for a connection of the plan uses that connection's channel. A command for a connection that is in no plan
passes the same checks: the same rules, and one owner of a serial port. If a connection of the plan has the same endpoint
and identity, its channel is used: a device that allows one connection is tested over that one.

Writes are refused: no function for them is in `EXECUTORS`. What must hold for them already holds here: a write is sent
only through `send_write`, and `true_outcome_of` corrects the end of every execution by the progress of its write.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.command_client import CommandClient
from sealbus.acquisition.connection_test import run_connection_test
from sealbus.acquisition.locating import LocatingError
from sealbus.acquisition.outcome import Execution, ExecutionOutcome, true_outcome_of
from sealbus.acquisition.polled_connection import PolledConnection
from sealbus.acquisition.reading import read_now
from sealbus.acquisition.scanning import scan_registers, scan_units
from sealbus.acquisition.sunspec import discover
from sealbus.errors import ConfigError, SealbusError
from sealbus.plant import (
    CommandProgress,
    CommandResult,
    CommandState,
    DiscoverSunSpec,
    ReadNow,
    ScanRegisters,
    ScanUnits,
    Step,
    TestConnection,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sealbus.acquisition.polled_connection import DialContext
    from sealbus.acquisition.polled_connections import PolledConnections
    from sealbus.plant import Command

__all__ = ["EXECUTORS", "CommandPorts", "RunningCommands"]

_log = logging.getLogger("sealbus.acquisition")
_MAX: Final = 16
_MAX_S: Final = 3600.0
_UNIT_IDS: Final = range(256)
_TEMPORARY: Final = -1

EXECUTORS: Final[Mapping[type[Command], Callable[..., Awaitable[ExecutionOutcome]]]] = MappingProxyType(
    {
        TestConnection: run_connection_test,
        ReadNow: read_now,
        ScanUnits: scan_units,
        ScanRegisters: scan_registers,
        DiscoverSunSpec: discover,
    }
)
"""The function for each type of command: command, execution, connection and client in, its outcome out."""


@dataclass(frozen=True, slots=True)
class CommandPorts:
    """`report` receives progress and results. `on_sending` records a write as sent; false: it may not be sent any more."""

    report: Callable[[CommandProgress | CommandResult], object]
    on_sending: Callable[[int], Awaitable[bool]]


class RunningCommands:
    """The commands that are being executed."""

    def __init__(
        self,
        connections: PolledConnections,
        dial_context: DialContext,
        ports: CommandPorts,
        *,
        executors: Mapping[type[Command], Callable[..., Awaitable[ExecutionOutcome]]] = EXECUTORS,
    ) -> None:
        self._connections = connections
        self._dial_context = dial_context
        self._ports = ports
        self._executors = executors
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._withdrawn: set[int] = set()
        self._temporary = _TEMPORARY

    @property
    def under_way(self) -> int:
        """How many commands are being executed."""
        return len(self._tasks)

    def submit(self, command: Command) -> None:
        """Start it, or refuse it at once."""
        if objection := self._objection(command):
            self._ports.report(CommandResult(id=command.id, state=CommandState.REFUSED, reason=objection))
            return
        task = asyncio.get_running_loop().create_task(self._execute(command), name=f"command {command.id}")
        self._tasks[task] = command.id
        task.add_done_callback(self._remove)

    def withdraw(self, command_id: int) -> None:
        """Stop a command if it is being executed. Its result has what was found."""
        for task in [task for task, number in self._tasks.items() if number == command_id]:
            self._withdrawn.add(command_id)
            task.cancel()

    async def close(self) -> None:
        """Stop all commands; each reports its result."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _remove(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None and (command_id := self._tasks.pop(task, None)) is not None:
            self._withdrawn.discard(command_id)

    def _objection(self, command: Command) -> str:
        if type(command) not in self._executors:
            return "this version does not write"
        if command.id in self._tasks.values():
            return "this command is being executed already"
        if len(self._tasks) >= _MAX:
            return f"{_MAX} commands are being executed; try again when one has ended"
        if not 0 < command.within_s <= _MAX_S:
            return f"a command cannot take {command.within_s:g} s: give more than 0 and up to {_MAX_S:g} s"
        units = (command.first, command.last) if isinstance(command, ScanUnits) else (command.unit_id,)
        if not all(unit in _UNIT_IDS for unit in units) or units[0] > units[-1]:
            return "a unit id is 0 to 255, and the first is not above the last"
        return ""

    async def _execute(self, command: Command) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        execution = Execution(
            command,
            lambda done, total, text: self._report_progress(command, done, total, text),
            self._ports.on_sending,
        )
        is_stopped = False
        try:
            async with asyncio.timeout(command.within_s):
                outcome = await self._attempt(execution, send_by=began + command.within_s)
        except TimeoutError:
            outcome = ExecutionOutcome(
                CommandState.EXPIRED, f"not done within {command.within_s:g} s", found=execution.found()
            )
        except asyncio.CancelledError:
            is_stopped = command.id not in self._withdrawn
            state, reason = (
                (CommandState.FAILED, "the collector was stopped")
                if is_stopped
                else (CommandState.WITHDRAWN, "withdrawn")
            )
            outcome = ExecutionOutcome(state, reason, found=execution.found())
        except SealbusError as error:
            outcome = ExecutionOutcome(CommandState.FAILED, str(error), found=execution.found())
        except Exception as error:  # noqa: BLE001 - every command has a result, after an error of ours too
            _log.error("command %d: %s", command.id, describe_bug(error), exc_info=error)
            outcome = ExecutionOutcome(CommandState.FAILED, describe_bug(error))
        outcome = true_outcome_of(execution, outcome)
        self._remove(asyncio.current_task())  # before the report: its receiver may submit the next command at once
        self._ports.report(
            CommandResult(
                id=command.id,
                state=outcome.state,
                reason=outcome.reason,
                failed_at=outcome.failed_at,
                took_s=loop.time() - began,
                found=outcome.found,
            )
        )
        if is_stopped:
            raise asyncio.CancelledError

    def _report_progress(self, command: Command, done: int, total: int, text: str) -> None:
        self._ports.report(CommandProgress(id=command.id, done=done, total=total, text=text))

    async def _attempt(self, execution: Execution, *, send_by: float) -> ExecutionOutcome:
        command = execution.command
        try:
            connection, is_temporary = self._connection_for(command)
        except ConfigError as error:
            return ExecutionOutcome(CommandState.REFUSED, str(error), failed_at=Step.RULES)
        # A discovery is urgent although it takes many requests: the bases that a device leaves unanswered must not make the
        # breaker of the unit hold back the next ones. It has one request at a time, so polls get their turns.
        is_urgent = not isinstance(command, ScanUnits | ScanRegisters)
        client = CommandClient(connection.channel, is_urgent=is_urgent, send_by=send_by)
        try:
            return await self._executors[type(command)](command, execution, connection, client)
        finally:
            client.close()
            if is_temporary:
                connection.close()

    def _connection_for(self, command: Command) -> tuple[PolledConnection, bool]:
        """The connection to use, and whether it exists for this command only. Raises ConfigError."""
        target = command.connection
        if isinstance(target, int):
            connection = self._connections.by_id.get(target)
            if connection is None:
                problems = (
                    each for each in self._connections.problems if (each.what, each.id) == ("connection", target)
                )
                problem = next((each.text for each in problems), "")
                raise ConfigError(f"connection {target} is not in use{': ' if problem else ''}{problem}")
            return connection, False
        self._temporary -= 1
        temporary = PolledConnection(
            msgspec.structs.replace(target, id=self._temporary, devices=()), self._dial_context
        )
        for connection in self._connections.by_id.values():
            if connection.endpoint == temporary.endpoint and connection.plan.identity == target.identity:
                temporary.close()
                return connection, False
        owner = self._owner(temporary)
        if owner is not None and temporary.endpoint.line is not None:
            temporary.close()
            raise ConfigError(f"{temporary.endpoint} belongs to connection {owner}", key="url", hint="use that one")
        if owner is not None and (theirs := self._connections.by_id.get(owner)) is not None:
            temporary.update(
                msgspec.structs.replace(temporary.plan, devices=theirs.plan.devices)
            )  # with their forbidden places
        return temporary, True

    def _owner(self, temporary: PolledConnection) -> int | None:
        try:
            return self._dial_context.locator.owner(temporary.endpoint)
        except LocatingError as error:
            temporary.close()
            raise ConfigError(str(error), key="url") from None
