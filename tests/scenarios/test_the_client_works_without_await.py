"""`sealbus.sync`: the same calls and errors in a script or in threads, and a clear word where it cannot work.

The device lives on a loop in a thread of its own, as it would on another machine.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import pki
import sealbus
from scenarios.plant import PATIENCE_S, ScriptedDevice, until
from scenarios.programs import Programs
from sealbus import DeviceException, Identity, LocalError, ResponseTimeout, Unreachable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path


class Elsewhere:
    """An event loop in another thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere()
    yield elsewhere
    elsewhere.close()


@pytest.fixture
def device(elsewhere: Elsewhere) -> Iterator[ScriptedDevice]:
    device = ScriptedDevice()
    elsewhere.run(device.start())
    yield device
    elsewhere.run(device.stop())
    elsewhere.run(until(lambda: not device.live))
    elsewhere.run(asyncio.sleep(0.01))  # its last connection ends


@pytest.fixture
def modbus(device: ScriptedDevice) -> Iterator[sealbus.sync.Connection]:
    with sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}", timeout=0.3) as modbus:
        yield modbus


def test_values_are_read_and_written(modbus: sealbus.sync.Connection, device: ScriptedDevice) -> None:
    assert modbus.read_holding_registers(10, 3) == [10, 11, 12]
    modbus.write("holding:20", 1.5, type="float32", order="CDAB")
    assert modbus.read("holding:20", type="float32", order="CDAB") == 1.5
    assert len(device.writes) == 1


def test_errors_are_those_of_the_other_client(modbus: sealbus.sync.Connection, device: ScriptedDevice) -> None:
    with pytest.raises(DeviceException, match="exception 01 to function 22"):
        modbus.mask_write_register(0, 0, 0)
    device.answer = lambda request: None
    with pytest.raises(ResponseTimeout) as silent:
        modbus.write_register(10, 1)
    assert silent.value.outcome_unknown
    device.answer = device.honest
    assert modbus.read_holding_registers(10, 1) == [10]
    with pytest.raises(LocalError):
        modbus.read_holding_registers(0, 126)


def test_threads_take_turns_and_get_their_own_answers(modbus: sealbus.sync.Connection) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda address: modbus.read_holding_registers(address, 1), range(200)))
    assert answers == [[address] for address in range(200)]


def test_a_device_that_restarted_between_two_calls_is_found_by_the_second(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, elsewhere: Elsewhere
) -> None:
    assert modbus.read_holding_registers(10, 1) == [10]
    port = device.port
    elsewhere.run(device.stop())
    elsewhere.run(asyncio.sleep(0.01))
    elsewhere.run(device.start(port))
    assert modbus.read_holding_registers(20, 1) == [20]


def test_a_device_that_closed_an_idle_connection_costs_no_write(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, elsewhere: Elsewhere
) -> None:
    for value in range(3):
        modbus.write_register(10, value)
        elsewhere.run(hang_up(device))
    assert [write[-1] for write in device.writes] == [0, 1, 2]
    assert device.connections == 3


async def hang_up(device: ScriptedDevice) -> None:
    for writer in list(device.live):
        writer.close()
        await writer.wait_closed()


INTERRUPTED = """
import sys
import sealbus

rules = sealbus.ChannelRules(connect_delay_s=1.5)
modbus = sealbus.sync.connect(sys.argv[1], rules=rules)
try:
    modbus.write_register(10, 1)
except KeyboardInterrupt:
    print("interrupted")
print(modbus.read_holding_registers(20, 1))
modbus.close()
"""


def test_a_write_that_is_interrupted_before_it_is_sent_is_never_sent(
    device: ScriptedDevice, elsewhere: Elsewhere
) -> None:
    """It is interrupted when the device has accepted the connection and the delay after that has begun."""
    with Programs() as programs:
        program = programs.start("client", sys.executable, "-c", INTERRUPTED, f"tcp://127.0.0.1:{device.port}")
        elsewhere.run(until(lambda: device.connections == 1))
        program.process.send_signal(signal.SIGINT)
        assert [program.hear(), program.hear()] == ["interrupted", "[20]"]
        assert program.process.wait(PATIENCE_S) == 0
    assert device.writes == []


def test_nobody_there_is_unreachable(elsewhere: Elsewhere, device: ScriptedDevice) -> None:
    elsewhere.run(device.stop())
    with pytest.raises(Unreachable), sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}"):
        pass


def test_after_close_it_says_so(modbus: sealbus.sync.Connection) -> None:
    modbus.close()
    modbus.close()
    with pytest.raises(LocalError, match="the connection is closed: make a new one"):
        modbus.read_holding_registers(10, 1)


async def test_inside_an_event_loop_it_says_what_to_do_instead(device: ScriptedDevice) -> None:
    with sealbus_sync_outside(f"tcp://127.0.0.1:{device.port}") as modbus:
        with pytest.raises(LocalError, match=r"inside an event loop: await sealbus\.connect there"):
            modbus.read_holding_registers(10, 1)
        assert await asyncio.to_thread(modbus.read_holding_registers, 10, 1) == [10]


class sealbus_sync_outside:  # noqa: N801 - reads as what it stands for
    """A connection that is opened and closed in another thread, because this one has a loop."""

    def __init__(self, url: str) -> None:
        self._modbus = sealbus.sync.connect(url)

    def __enter__(self) -> sealbus.sync.Connection:
        return self._modbus

    def __exit__(self, *exc: object) -> None:
        closing = threading.Thread(target=self._modbus.close)
        closing.start()
        closing.join(5)


def test_the_sealed_line_works_without_await_too(tmp_path: Path, elsewhere: Elsewhere) -> None:
    root = pki.make_root()
    trust = pki.save_trust(tmp_path / "ca.crt", root)
    own = Identity.load(*pki.make_leaf(root, role="Operator").save(tmp_path, "client"))
    served = Identity.load(*pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "server"))

    async def start() -> sealbus.Server:
        policy = sealbus.parse_policy(_POLICY, file="policy")
        device = sealbus.Device({"holding": [0] * 10})
        server = sealbus.serve("mbaps://127.0.0.1:0", device, policy=policy, identity=served, trust=trust)
        await server.start()
        return server

    server = elsewhere.run(start())
    url = f"mbaps://127.0.0.1:{server.port}"
    with sealbus.sync.connect(url, identity=own, trust=trust) as modbus:
        modbus.write_register(3, 42)
        assert modbus.read_holding_registers(3, 1) == [42]
        with pytest.raises(DeviceException) as denied:
            modbus.write_register(9, 1)
        assert denied.value.exception_code == 1
    elsewhere.run(server.stop())


_POLICY = """
[[role]]
name = "Operator"
[[role.allow]]
units = "1"
read = ["holding"]
write = ["holding:0-4"]
"""
