"""`on_event` and `on_bytes`: a connection made, lost, not to be made, and every byte, with and without `await`.

A callback that fails changes nothing for the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import pki
import sealbus
from ports import free_ports
from scenarios.both_clients import CLIENTS, Client
from scenarios.plant import ScriptedDevice, open_device, until
from scenarios.serial_line import RtuDevice, rtu_frame
from sealbus import ConfigError, ConnectionEvent, ConnectionState, Unreachable, WireBytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

REQUEST = WireBytes(True, bytes.fromhex("00 01 00 00 00 06 01 03 00 0a 00 01"))
ANSWER = WireBytes(False, bytes.fromhex("00 01 00 00 00 05 01 03 02 00 0a"))


@pytest.fixture
async def device() -> AsyncIterator[ScriptedDevice]:
    async with open_device() as device:
        yield device


@pytest.fixture(params=CLIENTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_connection_made_and_lost_is_told_and_a_close_of_the_program_is_not(
    kind: str, device: ScriptedDevice
) -> None:
    events: list[ConnectionEvent] = []
    url = f"tcp://127.0.0.1:{device.port}"
    client = Client(kind, url, timeout=20.0, on_event=events.append)
    await client.call(lambda it: it.read_holding_registers(10, 1))
    assert events == [ConnectionEvent(ConnectionState.CONNECTED, url)]
    device.answer = lambda request: device.drop()
    with pytest.raises(Unreachable):
        await client.call(lambda it: it.write_register(10, 1))
    assert [(event.state, event.reason[:20]) for event in events[1:]] == [
        (ConnectionState.LOST, "closed by the device")
    ]
    device.answer = device.normal_answer
    await client.call(lambda it: it.read_holding_registers(10, 1))
    await client.close()
    await until(lambda: not device.live)
    assert [event.state for event in events] == ["connected", "lost", "connected"]


async def test_a_connection_that_cannot_be_made_is_told(kind: str) -> None:
    events: list[ConnectionEvent] = []
    url = f"tcp://127.0.0.1:{free_ports(1)}"
    client = Client(kind, url, on_event=events.append)
    with pytest.raises(Unreachable):
        await client.call(lambda it: it.open())
    await client.close()
    assert [event.state for event in events] == [ConnectionState.UNREACHABLE]
    assert "connection refused" in events[0].reason
    assert str(events[0]).startswith(f"{url} unreachable: ")


async def test_every_byte_is_shown_in_its_direction(kind: str, device: ScriptedDevice) -> None:
    seen: list[WireBytes] = []
    client = Client(kind, f"tcp://127.0.0.1:{device.port}", timeout=20.0, on_bytes=seen.append)
    assert await client.call(lambda it: it.read_holding_registers(10, 1)) == [10]
    await client.close()
    assert seen == [REQUEST, ANSWER]
    assert [str(each) for each in seen] == [
        "> 00 01 00 00 00 06 01 03 00 0a 00 01",
        "< 00 01 00 00 00 05 01 03 02 00 0a",
    ]


async def test_the_bytes_shown_are_those_inside_tls(kind: str, tmp_path: Path) -> None:
    root = pki.make_root()
    trust = sealbus.Trust.load(pki.save_trust(tmp_path / "ca.crt", root))
    server_identity = sealbus.Identity.load(*pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "device"))
    own = sealbus.Identity.load(*pki.make_leaf(root, role="Viewer").save(tmp_path, "viewer"))
    seen: list[WireBytes] = []
    device = sealbus.Device({"holding": [0] * 10 + [10]})
    async with sealbus.serve(
        "mbaps://127.0.0.1:0", device, identity=server_identity, trust=trust, unsafe_no_policy=True
    ) as server:
        url = f"mbaps://127.0.0.1:{server.port}"
        client = Client(kind, url, identity=own, trust=trust, timeout=20.0, on_bytes=seen.append)
        assert await client.call(lambda it: it.read_holding_registers(10, 1)) == [10]
        await client.close()
    assert seen == [REQUEST, ANSWER]


async def test_callbacks_that_fail_are_logged_and_change_nothing(
    kind: str, device: ScriptedDevice, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(value: Any) -> None:
        raise ValueError("no room in the log")

    client = Client(kind, f"tcp://127.0.0.1:{device.port}", timeout=20.0, on_event=fail, on_bytes=fail)
    assert await client.call(lambda it: it.read_holding_registers(10, 1)) == [10]
    await client.close()
    assert caplog.text.count("no room in the log") >= 3


@pytest.mark.parametrize("connect", [sealbus.connect, sealbus.sync.connect])
@pytest.mark.parametrize("name", ["on_event", "on_bytes"])
def test_what_cannot_be_called_is_refused(connect: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: 'log.txt' is no function"):
        connect("tcp://127.0.0.1:5020", **{name: "log.txt"})


async def test_the_frames_of_a_serial_line_are_shown_too(kind: str) -> None:
    events: list[ConnectionEvent] = []
    seen: list[WireBytes] = []
    async with RtuDevice() as device:
        client = Client(kind, device.url, timeout=20.0, on_event=events.append, on_bytes=seen.append)
        await client.call(lambda it: it.unit(1).read_holding_registers(10, 1))
        await client.close()
    assert [event.state for event in events] == [ConnectionState.CONNECTED]
    assert seen[0] == WireBytes(True, rtu_frame(1, bytes.fromhex("03 00 0a 00 01")))
    assert b"".join(each.data for each in seen if not each.is_sent)[:3] == b"\x01\x03\x02"
