"""A write command is recorded before it is sent, is sent once, and reports only an outcome that is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import Site, connection, open_collector
from scenarios.plant import exception, open_device, until, write_register
from scenarios.writing import PDU, open_writing, write, write_command
from sealbus.acquisition.outcome import ExecutionOutcome
from sealbus.errors import SealbusError
from sealbus.plant import CommandResult, CommandState

if TYPE_CHECKING:
    from pathlib import Path


def result_of(site: Site) -> tuple[CommandState, str]:
    """The only result."""
    (result,) = [each for each in site.reports if isinstance(each, CommandResult)]
    return result.state, result.reason


async def test_this_version_refuses_a_write(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        site.apply(connection(1, f"tcp://127.0.0.1:{device.port}"))
        result = await site.execute(write_command())
        assert (result.state, result.reason) == (CommandState.REFUSED, "this version does not write")
        assert device.writes == []


async def test_a_write_is_recorded_before_it_is_sent_and_is_sent_once(tmp_path: Path) -> None:
    async with open_writing(tmp_path) as (site, device, recording):
        result = await site.execute(write_command())
        assert result.state is CommandState.DONE
        assert (recording.calls, recording.written_before) == (1, 0)
        assert [each[7:] for each in device.writes] == [PDU]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (False, "not sent: the site does not allow it any more"),
        (SealbusError("the database: connection refused"), "not sent: the database: connection refused"),
        (None, "not sent: not done within 0.2 s"),
    ],
    ids=["the site refuses", "the database fails", "the database hangs"],
)
async def test_a_write_that_cannot_be_recorded_is_not_sent(
    tmp_path: Path, reply: bool | SealbusError | None, reason: str
) -> None:
    async with open_writing(tmp_path) as (site, device, recording):
        recording.result = reply
        result = await site.execute(write_command(within_s=0.2 if reply is None else 5.0))
        assert result.state is CommandState.FAILED
        assert result.reason.startswith(reason)
        assert device.writes == []


@pytest.mark.parametrize("way", ["deadline", "time-out", "stop", "withdrawn", "connection lost", "wrong answer"])
async def test_a_sent_write_without_its_answer_is_unknown(tmp_path: Path, way: str) -> None:
    timeout_s = 0.2 if way == "time-out" else 5.0
    async with open_writing(tmp_path, timeout_s=timeout_s) as (site, device, _):
        device.answer = lambda request: None
        if way == "wrong answer":
            device.answer = lambda request: request[:7] + write_register(6, 42)
        site.collector.submit(write_command(within_s=1.0 if way == "deadline" else 5.0))
        await until(lambda: bool(device.writes))
        if way == "stop":
            await site.collector.close()
        elif way == "withdrawn":
            site.collector.withdraw(1)
        elif way == "connection lost":
            device.drop()
        await until(lambda: bool(site.results(1)))
        assert result_of(site)[0] is CommandState.UNKNOWN
        assert len(device.writes) == 1


@pytest.mark.parametrize("way", ["deadline", "stop", "withdrawn"])
async def test_a_write_that_waits_for_its_turn_is_never_sent_after_its_deadline(tmp_path: Path, way: str) -> None:
    async with open_writing(tmp_path, polls=1) as (site, device, recording):
        device.answer = lambda request: None  # a poll has the only transaction slot
        await until(lambda: bool(device.requests))
        site.collector.submit(write_command(within_s=0.3 if way == "deadline" else 5.0))
        await until(lambda: recording.calls == 1)
        if way == "stop":
            await site.collector.close()
        elif way == "withdrawn":
            site.collector.withdraw(1)
        await until(lambda: bool(site.results(1)))
        state, reason = result_of(site)
        assert state is CommandState.FAILED
        assert reason.startswith("not sent: ")
        device.drop()  # the slot is free now
        device.answer = device.normal_answer
        if way != "stop":
            await site.wait_for_good(1000)
        assert device.writes == []


async def test_a_write_to_an_unreachable_device_has_failed(tmp_path: Path) -> None:
    async with open_writing(tmp_path) as (site, device, _):
        await device.stop()
        result = await site.execute(write_command())
        assert result.state is CommandState.FAILED
        assert result.reason.startswith("not sent: ")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (1, CommandState.FAILED),
        (2, CommandState.FAILED),
        (3, CommandState.FAILED),
        (4, CommandState.UNKNOWN),
        (5, CommandState.UNKNOWN),
        (6, CommandState.FAILED),
        (8, CommandState.UNKNOWN),
        (10, CommandState.FAILED),
        (11, CommandState.UNKNOWN),
        (77, CommandState.UNKNOWN),
    ],
)
async def test_an_exception_is_a_failure_only_if_it_proves_that_nothing_was_written(
    tmp_path: Path, code: int, state: CommandState
) -> None:
    async with open_writing(tmp_path) as (site, device, _):
        device.answer = lambda request: request[:4] + b"\0\3" + request[6:7] + exception(6, code)
        result = await site.execute(write_command())
        assert result.state is state
        assert len(device.writes) == 1


async def test_an_internal_error_does_not_hide_that_a_write_was_sent(tmp_path: Path) -> None:
    async def broken(*given: object) -> ExecutionOutcome:
        await write(*given)  # type: ignore[arg-type]
        raise RuntimeError("no such thing")

    async with open_writing(tmp_path, execute=broken) as (site, _, _):
        result = await site.execute(write_command())
        assert result.state is CommandState.DONE, "the device has accepted it"
        assert "no such thing" in result.reason


async def test_a_value_that_reads_back_differently_is_reported(tmp_path: Path) -> None:
    async def compare(*given: object) -> ExecutionOutcome:
        await write(*given)  # type: ignore[arg-type]
        return ExecutionOutcome(CommandState.DIFFERS, "it reads back as 41")

    async with open_writing(tmp_path, execute=compare) as (site, _, _):
        assert (await site.execute(write_command())).state is CommandState.DIFFERS
