"""A polling engine that may execute a write command, to test the life of a write. This version of Sealbus refuses
writes.

The tests replace one function: the executor of a write, which a later version brings.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from scenarios.collecting import Site, connection, neighbours, open_collector
from scenarios.plant import ScriptedDevice, open_device, write_register
from sealbus.acquisition.commands import EXECUTORS, CommandPorts, RunningCommands
from sealbus.acquisition.outcome import Execution, ExecutionOutcome
from sealbus.acquisition.sending import send_write
from sealbus.errors import SealbusError
from sealbus.plant import CommandState, TagPlan, WriteTag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sealbus.acquisition.command_client import CommandClient
    from sealbus.acquisition.polled_connection import PolledConnection

__all__ = ["PDU", "Recording", "open_writing", "write", "write_command"]

PDU = write_register(5, 42)
TAG = TagPlan(id=1, place="holding:5")


def write_command(within_s: float = 5.0) -> WriteTag:
    return WriteTag(id=1, connection=1, unit_id=1, tag=TAG, value=42, within_s=within_s)


async def write(
    command: WriteTag, execution: Execution, connection: PolledConnection, client: CommandClient
) -> ExecutionOutcome:
    """The shortest executor of a write."""
    answer = await send_write(execution, client, command.unit_id, PDU)
    state = CommandState.FAILED if answer.data is None else CommandState.DONE
    return ExecutionOutcome(state, answer.text)


class Recording:
    """The site's side before a write is sent: allow, refuse, fail or hang. It counts the writes sent before its call."""

    def __init__(self, device: ScriptedDevice) -> None:
        self.device = device
        self.calls = 0
        self.written_before = 0
        self.result: bool | SealbusError | None = True

    async def __call__(self, command_id: int) -> bool:
        self.calls += 1
        self.written_before += len(self.device.writes)
        if isinstance(self.result, SealbusError):
            raise self.result
        if self.result is None:
            await asyncio.Event().wait()
        return bool(self.result)


@contextlib.asynccontextmanager
async def open_writing(
    folder: Path,
    *,
    timeout_s: float = 5.0,
    execute: Callable[..., Awaitable[ExecutionOutcome]] = write,
    polls: int = 0,
    on_sending: Callable[[int], Awaitable[bool]] | None = None,
) -> AsyncIterator[tuple[Site, ScriptedDevice, Recording]]:
    """An engine that may write, connected to a device. `on_sending` replaces the recording."""
    async with open_device() as device, open_collector(folder) as site:
        recording = Recording(device)
        refusing = site.collector._commands
        site.collector._commands = RunningCommands(
            refusing._connections,
            refusing._dial_context,
            CommandPorts(site.reports.append, on_sending or recording),
            executors={**EXECUTORS, WriteTag: execute},
        )
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(polls), timeout_s=timeout_s))
        yield site, device, recording
