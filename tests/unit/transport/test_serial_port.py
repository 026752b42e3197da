"""A serial port, over pseudo-terminals, on asyncio and on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import tty
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sealbus.endpoints import Endpoint, parse_endpoint
from sealbus.errors import LocalError, Unreachable
from sealbus.transport import dial
from sealbus.transport.serial_port import open_serial
from unit.transport.ends import PATIENCE_S, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealbus.transport.serial_port import SerialTransport


@dataclass
class Line:
    """A pseudo-terminal: `far` is the other end of the line."""

    far: int
    near: int
    endpoint: Endpoint

    def hang_up(self) -> None:
        for descriptor in (self.far, self.near):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def line() -> Iterator[Line]:
    far, near = os.openpty()
    tty.setraw(near)
    os.set_blocking(far, False)
    made = Line(far, near, parse_endpoint(f"rtu://{os.ttyname(near)}"))
    yield made
    made.hang_up()


async def _read(descriptor: int, count: int) -> bytes:
    """Read `count` bytes from the far end, as they come."""
    loop = asyncio.get_running_loop()
    got = bytearray()
    done = loop.create_future()

    def readable() -> None:
        got.extend(os.read(descriptor, count - len(got)))
        if len(got) == count:
            done.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await done
    finally:
        loop.remove_reader(descriptor)
    return bytes(got)


async def test_bytes_go_both_ways_and_closing_is_reported(line: Line) -> None:
    transport, master = await open_serial(line.endpoint, Recorder)
    await master.wait(lambda it: it.made is transport)
    transport.write(b"\x01\x03\x00\x00\x00\x0a\xc5\xcd")
    assert await _read(line.far, 8) == b"\x01\x03\x00\x00\x00\x0a\xc5\xcd"
    os.write(line.far, b"\x01\x83\x02\xc0\xf1")
    await master.wait(lambda it: it.received == b"\x01\x83\x02\xc0\xf1")
    transport.close()
    assert transport.is_closing()
    assert await master.wait_lost() is None
    transport.write(b"too late")
    transport.close()
    transport.abort()


async def test_a_line_is_dialled_like_any_endpoint_and_can_be_opened_again(line: Line) -> None:
    for _ in range(2):
        transport, master = await dial(line.endpoint, Recorder, timeout_s=PATIENCE_S)
        transport.write(b"x")
        assert await _read(line.far, 1) == b"x"
        transport.close()
        await master.wait_lost()


async def test_two_processes_cannot_open_one_serial_line(line: Line) -> None:
    transport, master = await open_serial(line.endpoint, Recorder)
    with pytest.raises(Unreachable) as caught:
        await open_serial(line.endpoint, Recorder)
    assert str(caught.value) == f"{line.endpoint} cannot be opened: another program has it open"
    transport.close()
    await master.wait_lost()


@pytest.mark.parametrize("path", ["missing", ".", "file"])
async def test_a_path_that_is_not_a_serial_device_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    said = {"missing": "there is no such device", ".": "it is not a serial device", "file": "it is not a serial device"}
    with pytest.raises(Unreachable, match=said[path]):
        await open_serial(parse_endpoint(f"rtu://{tmp_path}/{path}"), Recorder)


async def test_a_device_without_permission_is_reported_with_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("serial.serialposix.os.open", denied)
    with pytest.raises(Unreachable, match="add the user to the group that owns the device, usually dialout"):
        await open_serial(parse_endpoint("rtu:///dev/ttyUSB0"), Recorder)


async def test_a_device_that_is_unplugged_ends_the_connection(line: Line) -> None:
    _, master = await open_serial(line.endpoint, Recorder)
    await master.wait(lambda it: it.made)
    line.hang_up()
    assert isinstance(await master.wait_lost(), OSError)


async def test_a_device_that_reads_nothing_blocks_only_its_own_line(line: Line) -> None:
    transport, master = await open_serial(line.endpoint, Recorder)
    transport.set_write_buffer_limits(high=100)
    total = 0
    while not master.paused:  # single bytes: the kernel's buffer fills up to the last one
        transport.write(b"x")
        total += 1
    assert transport.get_write_buffer_size() == 101
    # the loop still turns; the far end begins to read, and writing goes on
    assert await _read(line.far, total) == b"x" * total
    await master.wait(lambda it: it.paused == [True, False])
    transport.abort()
    await master.wait_lost()


async def test_closing_sends_what_is_buffered(line: Line) -> None:
    transport, master = await open_serial(line.endpoint, Recorder)
    transport.write(b"y" * 50_000)
    assert transport.get_write_buffer_size()
    transport.close()
    assert await _read(line.far, 50_000) == b"y" * 50_000
    assert await master.wait_lost() is None


async def test_reading_can_be_paused(line: Line) -> None:
    transport, master = await open_serial(line.endpoint, Recorder)
    await master.wait(lambda it: it.made)
    transport.pause_reading()
    os.write(line.far, b"held")
    for _ in range(5):
        await asyncio.sleep(0)
    assert master.received == b""
    transport.resume_reading()
    await master.wait(lambda it: it.received == b"held")
    transport.abort()
    await master.wait_lost()


async def test_a_port_that_is_opened_after_a_cancellation_is_closed(line: Line) -> None:
    opening = asyncio.ensure_future(open_serial(line.endpoint, Recorder))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    transport, master = await _open_when_free(line.endpoint)
    transport.close()
    await master.wait_lost()


async def _open_when_free(endpoint: Endpoint) -> tuple[SerialTransport, Recorder]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(Unreachable):
                return await open_serial(endpoint, Recorder)
            await asyncio.sleep(0)


async def test_only_serial_endpoints_are_opened() -> None:
    with pytest.raises(LocalError):
        await open_serial(parse_endpoint("tcp://127.0.0.1"), Recorder)
