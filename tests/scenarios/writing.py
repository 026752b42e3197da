"""A collector whose door for writes is open, to try the life of a write on. This version refuses writes.

The tests put in the function that a later version brings, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from scenarios.collecting import Site, connection, neighbours, open_collector
from scenarios.plant import ScriptedDevice, open_device, write_register
from sealbus.acquisition.commands import EXECUTORS, CommandPorts, RunningCommands
from sealbus.acquisition.outcome import Execution, ExecutionEnd
from sealbus.acquisition.sending import send_write
from sealbus.errors import SealbusError
from sealbus.plant import CommandState, TagPlan, WriteTag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.acquisition.unit_client import UnitClient

__all__ = ["PDU", "Recording", "open_writing", "the_write", "write"]

PDU = write_register(5, 42)
TAG = TagPlan(id=1, place="holding:5")


def the_write(within_s: float = 5.0) -> WriteTag:
    return WriteTag(id=1, connection=1, unit_id=1, tag=TAG, value=42, within_s=within_s)


async def write(
    command: WriteTag, execution: Execution, connection: PolledConnection, client: UnitClient
) -> ExecutionEnd:
    """The function of a later version, as short as it can be."""
    answer = await send_write(execution, client, command.unit_id, PDU)
    state = CommandState.FAILED if answer.data is None else CommandState.DONE
    return ExecutionEnd(state, answer.text)


class Recording:
    """The site before a write is sent: it allows it, refuses it, fails or hangs. It counts the writes on the wire then."""

    def __init__(self, device: ScriptedDevice) -> None:
        self.device = device
        self.asked = 0
        self.written_before = 0
        self.says: bool | SealbusError | None = True

    async def __call__(self, command_id: int) -> bool:
        self.asked += 1
        self.written_before += len(self.device.writes)
        if isinstance(self.says, SealbusError):
            raise self.says
        if self.says is None:
            await asyncio.Event().wait()
        return bool(self.says)


@contextlib.asynccontextmanager
async def open_writing(
    folder: Path,
    *,
    timeout_s: float = 5.0,
    execute: Callable[..., Awaitable[ExecutionEnd]] = write,
    polls: int = 0,
    on_sending: Callable[[int], Awaitable[bool]] | None = None,
) -> AsyncIterator[tuple[Site, ScriptedDevice, Recording]]:
    """A collector whose door for writes is open, connected to a device. `on_sending` replaces the recording."""
    async with open_device() as device, open_collector(folder) as site:
        recording = Recording(device)
        closed = site.collector._commands
        site.collector._commands = RunningCommands(
            closed._connections,
            closed._dial_context,
            CommandPorts(site.reports.append, on_sending or recording),
            executors={**EXECUTORS, WriteTag: execute},
        )
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(polls), timeout_s=timeout_s))
        yield site, device, recording
