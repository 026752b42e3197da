"""Commands under way: each a task of its own with a deadline, a few at a time, each ending in exactly one result.

A command is for a connection of the plan, and then goes over its channel; or for one that is in no plan, and then the
same checks stand before it: the same rules, the same owner of a port. Where such a one is just what a connection of
the plan is, its channel is used: a device that bears one connection is tested over that one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.locating import LocatingError
from sealbus.acquisition.outcome import Execution, Outcome
from sealbus.acquisition.polled_connection import PolledConnection
from sealbus.acquisition.reading import read_now
from sealbus.acquisition.scanning import scan_registers, scan_units
from sealbus.acquisition.sunspec import discover
from sealbus.acquisition.trying import try_connection
from sealbus.acquisition.unit_client import UnitClient
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
    WriteTag,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.acquisition.polled_connection import DialContext
    from sealbus.acquisition.polled_connections import PolledConnections
    from sealbus.plant import Command

__all__ = ["RunningCommands"]

_log = logging.getLogger("sealbus.acquisition")
_MOST: Final = 16
_LONGEST_S: Final = 3600.0
_UNIT_IDS: Final = range(256)
_TEMPORARY: Final = -1


class RunningCommands:
    """Carries out commands. `report` gets their progress and results."""

    def __init__(
        self, fleet: PolledConnections, reach: DialContext, report: Callable[[CommandProgress | CommandResult], object]
    ) -> None:
        self._fleet = fleet
        self._reach = reach
        self._report = report
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._taken_back: set[int] = set()
        self._temporary = _TEMPORARY

    @property
    def under_way(self) -> int:
        """How many commands are."""
        return len(self._tasks)

    def submit(self, command: Command) -> None:
        """Begin, or refuse at once."""
        if objection := self._objection(command):
            self._report(CommandResult(id=command.id, state=CommandState.REFUSED, reason=objection))
            return
        task = asyncio.get_running_loop().create_task(self._execute(command), name=f"command {command.id}")
        self._tasks[task] = command.id
        task.add_done_callback(self._over)

    def cancel(self, command_id: int) -> None:
        """Stop a command that was taken back, if it is under way. Its result says what it had found."""
        for task in [task for task, number in self._tasks.items() if number == command_id]:
            self._taken_back.add(command_id)
            task.cancel()

    async def close(self) -> None:
        """Cancel what is under way; each says so."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _over(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None and (command_id := self._tasks.pop(task, None)) is not None:
            self._taken_back.discard(command_id)

    def _objection(self, command: Command) -> str:
        if isinstance(command, WriteTag):
            return "this version does not write"
        if command.id in self._tasks.values():
            return "this command is under way already"
        if len(self._tasks) >= _MOST:
            return f"{_MOST} commands are under way; try again when one has ended"
        if not 0 < command.within_s <= _LONGEST_S:
            return f"{command.within_s:g} s is no time for a command; give up to {_LONGEST_S:g} s"
        units = (command.first, command.last) if isinstance(command, ScanUnits) else (command.unit_id,)
        if not all(unit in _UNIT_IDS for unit in units) or units[0] > units[-1]:
            return "a unit id is 0 to 255"
        return ""

    async def _execute(self, command: Command) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        execution = Execution(command, lambda done, total, text: self._say(command, done, total, text))
        try:
            async with asyncio.timeout(command.within_s):
                outcome = await self._attempt(execution)
        except TimeoutError:
            reason = f"not done within {command.within_s:g} s"
            outcome = Outcome(CommandState.EXPIRED, reason, found=execution.found())
        except asyncio.CancelledError:
            if command.id not in self._taken_back:
                self._report(
                    CommandResult(id=command.id, state=CommandState.FAILED, reason="the collector was stopped")
                )
                raise
            outcome = Outcome(CommandState.FAILED, "taken back", found=execution.found())
        except SealbusError as error:
            outcome = Outcome(CommandState.FAILED, str(error), found=execution.found())
        except Exception as error:  # noqa: BLE001 - somebody waits for the one result of his command
            _log.error("command %d: %s", command.id, describe_bug(error), exc_info=error)
            outcome = Outcome(CommandState.FAILED, describe_bug(error))
        self._over(asyncio.current_task())  # whoever hears of the result may send another command at once
        self._report(
            CommandResult(
                id=command.id,
                state=outcome.state,
                reason=outcome.reason,
                failed_at=outcome.failed_at,
                took_s=loop.time() - began,
                found=outcome.found,
            )
        )

    def _say(self, command: Command, done: int, total: int, text: str) -> None:
        self._report(CommandProgress(id=command.id, done=done, total=total, text=text))

    async def _attempt(self, execution: Execution) -> Outcome:
        command = execution.command
        try:
            link, is_temporary = self._link(command)
        except ConfigError as error:
            return Outcome(CommandState.REFUSED, str(error), failed_at=Step.RULES)
        asker = UnitClient(link.channel, is_urgent=isinstance(command, TestConnection | ReadNow))
        try:
            match command:
                case TestConnection():
                    return await try_connection(command, execution, link, asker)
                case ReadNow():
                    return await read_now(command, execution, link, asker)
                case ScanUnits():
                    return await scan_units(command, execution, link, asker)
                case ScanRegisters():
                    return await scan_registers(command, execution, link, asker)
                case DiscoverSunSpec():
                    return await discover(command, execution, link, asker)
            raise ConfigError("this version does not write")
        finally:
            asker.close()
            if is_temporary:
                link.close()

    def _link(self, command: Command) -> tuple[PolledConnection, bool]:
        """The link to use, and whether it is there for this command only. Raises ConfigError."""
        target = command.connection
        if isinstance(target, int):
            link = self._fleet.links.get(target)
            if link is None:
                problems = (each for each in self._fleet.problems if (each.what, each.id) == ("connection", target))
                problem = next((each.text for each in problems), "")
                raise ConfigError(f"connection {target} is not in use{': ' if problem else ''}{problem}")
            return link, False
        self._temporary -= 1
        trial = PolledConnection(msgspec.structs.replace(target, id=self._temporary, devices=()), self._reach)
        for link in self._fleet.links.values():
            if link.endpoint == trial.endpoint and link.plan.identity == target.identity:
                trial.close()
                return link, False
        owner = self._owner(trial)
        if owner is not None and trial.endpoint.line is not None:
            trial.close()
            raise ConfigError(f"{trial.endpoint} belongs to connection {owner}", key="url", hint="use that one")
        if owner is not None and (theirs := self._fleet.links.get(owner)) is not None:
            trial.plan = msgspec.structs.replace(trial.plan, devices=theirs.plan.devices)  # what is forbidden there
        return trial, True

    def _owner(self, trial: PolledConnection) -> int | None:
        try:
            return self._reach.locator.owner(trial.endpoint)
        except LocatingError as error:
            trial.close()
            raise ConfigError(str(error), key="url") from None
