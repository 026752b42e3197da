"""`sealbus.sync`: the same calls, errors and checks in scripts and threads, and a clear error inside an event loop.

The device runs on an event loop in another thread, like a device on another machine. The promises of the asynchronous
client (test_the_client_reports_whether_a_write_was_sent) are tested again, because a blocking socket carries these
calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import pki
import sealbus
from scenarios.plant import PATIENCE_S, ScriptedDevice, adu, until, words, write_register
from scenarios.programs import Programs, run
from sealbus import (
    ChannelRules,
    ConfigError,
    DeviceException,
    Identity,
    LocalError,
    PeerError,
    ResponseTimeout,
    Unreachable,
)
from sealbus.protocol import encode_rtu

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path


TIMEOUT_S = 1.0  # longer than a busy machine keeps the thread of the device waiting


class LoopThread:
    """An event loop in another thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def close(self) -> None:
        """Stop when the connections have ended, those accepted just now included."""
        try:
            self.run(until(lambda: len(asyncio.all_tasks()) == 1))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
            self._loop.close()


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    loop_thread = LoopThread()
    yield loop_thread
    loop_thread.close()


@pytest.fixture
def device(loop_thread: LoopThread) -> Iterator[ScriptedDevice]:
    device = ScriptedDevice()
    loop_thread.run(device.start())
    yield device
    loop_thread.run(device.stop())


@pytest.fixture
def modbus(device: ScriptedDevice) -> Iterator[sealbus.sync.Connection]:
    with sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}", timeout=TIMEOUT_S) as modbus:
        yield modbus


def test_values_are_read_and_written(modbus: sealbus.sync.Connection, device: ScriptedDevice) -> None:
    assert modbus.read_holding_registers(10, 3) == [10, 11, 12]
    modbus.write("holding:20", 1.5, type="float32", order="CDAB")
    assert modbus.read("holding:20", type="float32", order="CDAB") == 1.5
    assert len(device.writes) == 1


def test_errors_are_those_of_the_asynchronous_client(modbus: sealbus.sync.Connection, device: ScriptedDevice) -> None:
    with pytest.raises(DeviceException, match="exception 01 to function 22"):
        modbus.mask_write_register(0, 0, 0)
    device.answer = lambda request: None
    with pytest.raises(ResponseTimeout) as silent:
        modbus.write_register(10, 1)
    assert silent.value.outcome_unknown
    device.answer = device.normal_answer
    assert modbus.read_holding_registers(10, 1) == [10]
    with pytest.raises(LocalError):
        modbus.read_holding_registers(0, 126)


def test_threads_take_turns_and_get_their_own_answers(modbus: sealbus.sync.Connection) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda address: modbus.read_holding_registers(address, 1), range(200)))
    assert answers == [[address] for address in range(200)]


def test_a_device_that_restarted_between_two_calls_is_found_by_the_second(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, loop_thread: LoopThread
) -> None:
    assert modbus.read_holding_registers(10, 1) == [10]
    port = device.port
    loop_thread.run(device.stop())
    loop_thread.run(asyncio.sleep(0.01))
    loop_thread.run(device.start(port))
    assert modbus.read_holding_registers(20, 1) == [20]


def test_an_idle_connection_closed_by_the_device_loses_no_write(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, loop_thread: LoopThread
) -> None:
    for value in range(3):
        modbus.write_register(10, value)
        loop_thread.run(hang_up(device))
    assert [write[-1] for write in device.writes] == [0, 1, 2]
    assert device.connections == 3


async def hang_up(device: ScriptedDevice) -> None:
    for writer in list(device.live):
        writer.close()
        await writer.wait_closed()


async def cut_off(device: ScriptedDevice) -> None:
    device.drop()
    await until(lambda: not device.live)


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


def test_a_write_interrupted_before_sending_is_never_sent(device: ScriptedDevice, loop_thread: LoopThread) -> None:
    """The interrupt arrives in the delay after the connection was accepted."""
    with Programs() as programs:
        program = programs.start("client", sys.executable, "-c", INTERRUPTED, f"tcp://127.0.0.1:{device.port}")
        loop_thread.run(until(lambda: device.connections == 1))
        program.process.send_signal(signal.SIGINT)
        assert [program.read_line(), program.read_line()] == ["interrupted", "[20]"]
        assert program.process.wait(PATIENCE_S) == 0
    assert device.writes == []


def answer(request: bytes, pdu: bytes, *, unit: int = 1) -> bytes:
    return adu(int.from_bytes(request[:2], "big"), pdu, unit=unit)


def test_a_missing_answer_is_a_time_out_and_nothing_is_repeated(
    modbus: sealbus.sync.Connection, device: ScriptedDevice
) -> None:
    device.answer = lambda request: None
    began = time.monotonic()
    with pytest.raises(ResponseTimeout) as silent:
        modbus.read_holding_registers(10, 1)
    assert not silent.value.outcome_unknown
    assert time.monotonic() - began >= TIMEOUT_S
    with pytest.raises(ResponseTimeout, match="may or may not have been carried out") as silent:
        modbus.read_write_registers((0, 1), (10, [1]))
    assert silent.value.outcome_unknown
    assert [request[7] for request in device.requests] == [3, 23]


def test_bytes_do_not_extend_the_deadline_of_an_answer(modbus: sealbus.sync.Connection, device: ScriptedDevice) -> None:
    async def trickle(request: bytes) -> None:
        (writer,) = device.live
        for byte in device.normal_answer(request):
            writer.write(bytes((byte,)))
            await asyncio.sleep(TIMEOUT_S / 8)

    device.answer = trickle
    with pytest.raises(ResponseTimeout):
        modbus.read_holding_registers(10, 1)
    device.answer = device.normal_answer
    assert modbus.read_holding_registers(20, 1) == [20]


def test_a_connection_lost_during_a_call_reports_whether_a_write_was_sent(
    modbus: sealbus.sync.Connection, device: ScriptedDevice
) -> None:
    assert modbus.read_holding_registers(1, 1) == [1]
    for call, unknown in (
        (lambda: modbus.write_registers(10, [1, 2]), True),
        (lambda: modbus.read_holding_registers(1, 1), False),
    ):
        device.answer = lambda request: device.drop()
        with pytest.raises(Unreachable, match="closed by the device") as lost:
            call()
        assert lost.value.outcome_unknown is unknown
        device.answer = device.normal_answer
        assert modbus.read_holding_registers(1, 1) == [1]
    assert [request[7] for request in device.requests] == [3, 16, 3, 3, 3, 3], "the read was asked again, once"


WRONG: dict[str, tuple[type[Exception], Callable[[bytes], bytes]]] = {
    "another unit": (PeerError, lambda it: answer(it, words(1), unit=9)),
    "another length": (PeerError, lambda it: answer(it, words(1, 2))),
    "another function": (PeerError, lambda it: answer(it, b"\x04\x02\x00\x01")),
    "the id of another request": (ResponseTimeout, lambda it: adu(it[1] + 1, words(666))),
    "half a frame": (ResponseTimeout, lambda it: answer(it, words(666))[:8]),
    "not Modbus": (Unreachable, lambda it: b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_is_an_error_and_never_that_of_the_next_call(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, wrong: str
) -> None:
    assert modbus.read_holding_registers(5, 1) == [5]
    expected, device.answer = WRONG[wrong]
    with pytest.raises(expected) as broken:
        modbus.read_holding_registers(10, 1)
    assert not broken.value.outcome_unknown  # type: ignore[attr-defined]
    device.answer = device.normal_answer
    assert modbus.read_holding_registers(20, 1) == [20]
    assert len(device.requests) == 3


def test_an_echo_that_differs_is_a_peer_error_with_an_unknown_outcome(
    modbus: sealbus.sync.Connection, device: ScriptedDevice
) -> None:
    device.answer = lambda request: answer(request, write_register(10, 2))
    with pytest.raises(PeerError, match="does not fit its request") as broken:
        modbus.write_register(10, 1)
    assert broken.value.outcome_unknown
    assert len(device.writes) == 1


SURPLUS: dict[str, tuple[int, Callable[[bytes], list[bytes]]]] = {
    "the same answer twice": (1, lambda right: [right, right]),
    "the same answer twice in one piece": (1, lambda right: [right + right]),
    "the answer to the request to come": (1, lambda right: [right, bytes((0, right[1] + 1)) + right[2:]]),
    "itself byte by byte": (1, lambda right: [bytes((byte,)) for byte in right]),
    "half a frame behind it": (4, lambda right: [right + right[:7]]),
    "half a frame behind it, a moment later": (4, lambda right: [right, right[:7]]),
    "garbage behind it": (4, lambda right: [right + b"\xff" * 9]),
}


@pytest.mark.parametrize("surplus", SURPLUS)
def test_surplus_bytes_are_dropped_or_end_the_connection(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, loop_thread: LoopThread, surplus: str
) -> None:
    connections, pieces = SURPLUS[surplus]
    device.answer = lambda request: pieces(device.normal_answer(request))
    for address in (10, 20, 30):
        assert modbus.read_holding_registers(address, 1) == [address]
        loop_thread.run(asyncio.sleep(0.01))  # the bytes behind the answer have arrived
    device.answer = device.normal_answer
    assert modbus.read_holding_registers(40, 1) == [40]
    assert device.connections == connections


def test_a_late_answer_is_dropped_and_is_not_that_of_the_next_call(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, loop_thread: LoopThread
) -> None:
    late: list[bytes] = []
    device.answer = lambda request: late.append(device.normal_answer(request))
    with pytest.raises(ResponseTimeout):
        modbus.read_holding_registers(10, 1)

    def send_both(request: bytes) -> list[bytes]:
        return [late[0], device.normal_answer(request)]

    device.answer = send_both
    assert modbus.read_holding_registers(20, 1) == [20]
    assert device.connections == 1


def test_the_lenient_id_option_accepts_any_id_and_a_time_out_ends_the_connection(device: ScriptedDevice) -> None:
    rules = ChannelRules(timeout_s=TIMEOUT_S, lenient_transaction_id=True)
    with sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        device.answer = lambda request: b"\0\0" + device.normal_answer(request)[2:]
        assert modbus.read_holding_registers(10, 1) == [10]
        device.answer = lambda request: None
        with pytest.raises(ResponseTimeout):
            modbus.read_holding_registers(10, 1)
        device.answer = lambda request: b"\0\0" + device.normal_answer(request)[2:]
        assert modbus.read_holding_registers(20, 1) == [20]
    assert device.connections == 2


def test_a_gap_is_kept_between_an_answer_and_the_next_request(device: ScriptedDevice) -> None:
    times = []  # of the device: a request arrives a gap after the answer before it, or later

    def answer(request: bytes) -> bytes:
        times.append(time.monotonic())
        return device.normal_answer(request)

    device.answer = answer
    rules = ChannelRules(gap_s=0.1)
    with sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}", rules=rules) as modbus:
        for address in (10, 20, 30):
            assert modbus.read_holding_registers(address, 1) == [address]
    assert len(times) == 3
    assert all(after - before >= 0.1 for before, after in itertools.pairwise(times))


def test_a_silent_unit_fails_at_once_and_the_others_answer(device: ScriptedDevice) -> None:
    device.answer = lambda request: None if request[6] == 7 else device.normal_answer(request)
    with sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}", timeout=TIMEOUT_S) as modbus:
        for _ in range(3):
            with pytest.raises(ResponseTimeout, match="did not answer in time"):
                modbus.read_holding_registers(1, 1, unit=7)
            assert modbus.read_holding_registers(1, 1) == [1]
        with pytest.raises(ResponseTimeout, match="not been answered for a while") as silent:
            modbus.write_register(1, 1, unit=7)
    assert not silent.value.outcome_unknown
    assert device.writes == []


def test_it_reconnects_to_a_device_that_was_unreachable(
    modbus: sealbus.sync.Connection, device: ScriptedDevice, loop_thread: LoopThread
) -> None:
    assert modbus.read_holding_registers(10, 1) == [10]
    port = device.port
    loop_thread.run(device.stop())
    loop_thread.run(asyncio.sleep(0.01))
    for _ in range(2):  # refused, and then not dialled because of the back-off
        with pytest.raises(Unreachable, match="connection refused") as away:
            modbus.write_register(10, 1)
        assert not away.value.outcome_unknown
    loop_thread.run(device.start(port))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(Unreachable):
            assert modbus.read_holding_registers(10, 1) == [10]
            break
        time.sleep(0.02)
    else:
        pytest.fail("it was not found again")
    assert device.writes == []


def test_invalid_arguments_are_reported_before_anything_is_sent(
    modbus: sealbus.sync.Connection, device: ScriptedDevice
) -> None:
    for call in (
        lambda: modbus.read_holding_registers(0, 0),
        lambda: modbus.read_holding_registers(65_535, 2),
        lambda: modbus.read_coils(0, 2001),
        lambda: modbus.write_register(0, 65_536),
        lambda: modbus.write_registers(0, []),
        lambda: modbus.read_holding_registers(0, 1, unit=256),
        lambda: modbus.write("input:0", 1),
        lambda: modbus.write("holding:0-1", 1),
    ):
        with pytest.raises(LocalError):
            call()
    assert device.requests == []


def test_a_closed_port_is_unreachable(loop_thread: LoopThread, device: ScriptedDevice) -> None:
    loop_thread.run(device.stop())
    with pytest.raises(Unreachable), sealbus.sync.connect(f"tcp://127.0.0.1:{device.port}"):
        pass


def test_a_call_after_close_is_an_error(modbus: sealbus.sync.Connection) -> None:
    modbus.close()
    modbus.close()
    with pytest.raises(LocalError, match="the connection is closed: make a new one"):
        modbus.read_holding_registers(10, 1)


INTERRUPTED_ON_THE_WIRE = """
import sys
import sealbus

modbus = sealbus.sync.connect(sys.argv[1], timeout=30)
try:
    modbus.write_register(10, 1)
except KeyboardInterrupt:
    print("interrupted")
print(modbus.read_holding_registers(20, 1))
modbus.close()
"""


def test_a_call_interrupted_after_sending_does_not_affect_the_next(
    device: ScriptedDevice, loop_thread: LoopThread
) -> None:
    released = asyncio.Event()

    async def answer_late(request: bytes) -> bytes:
        await released.wait()
        return device.normal_answer(request)

    async def release() -> None:
        released.set()

    device.answer = answer_late
    with Programs() as programs:
        url = f"tcp://127.0.0.1:{device.port}"
        program = programs.start("client", sys.executable, "-uc", INTERRUPTED_ON_THE_WIRE, url)
        loop_thread.run(until(lambda: len(device.requests) == 1))
        program.process.send_signal(signal.SIGINT)
        assert program.read_line() == "interrupted"
        loop_thread.run(release())
        assert program.read_line() == "[20]"
        assert program.process.wait(PATIENCE_S) == 0
    assert len(device.writes) == 1


class RtuDevice:
    """A device with RTU over TCP. Register n holds n. It closes each connection after `answers` answers."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self.requests: list[bytes] = []
        self.server: asyncio.Server | None = None

    async def start(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for _ in range(self._answers):
                request = await reader.readexactly(8)
                self.requests.append(request)
                pdu = request[1:6] if request[1] == 6 else b"\x03\x02" + request[2:4]
                writer.write(encode_rtu(request[0], pdu))
        writer.close()


def test_an_endpoint_without_a_plain_socket_works_too(loop_thread: LoopThread) -> None:
    device = RtuDevice(answers=3)
    port = loop_thread.run(device.start())
    with sealbus.sync.connect(f"rtu+tcp://127.0.0.1:{port}") as modbus:
        for value in range(3):
            modbus.write_register(10, value)
            assert modbus.read_holding_registers(20, 1) == [20]
            loop_thread.run(asyncio.sleep(0.02))  # the device closes an idle connection, which loses no write
    with pytest.raises(LocalError, match="the connection is closed"):
        modbus.read_holding_registers(20, 1)
    loop_thread.run(device.stop())
    functions = [request[1] for request in device.requests]
    assert functions[:3] == [3, 6, 3], "the first connection begins with the read that tells whether the line echoes"
    assert functions.count(6) == 3


INTERRUPTED_BY_A_HANDLER = """
import signal, sys
import sealbus

class TooLate(Exception):
    pass

def give_up(*_):
    raise TooLate

signal.signal(signal.SIGALRM, give_up)
rules = sealbus.ChannelRules(connect_delay_s=1.5)
modbus = sealbus.sync.connect(sys.argv[1], rules=rules)
signal.setitimer(signal.ITIMER_REAL, 0.7)
try:
    modbus.write_register(10, 1)
except TooLate:
    print("interrupted")
print(modbus.read_holding_registers(20, 1))
modbus.close()
"""


def test_a_write_that_the_handler_of_a_signal_interrupts_is_not_sent_by_the_next_call(loop_thread: LoopThread) -> None:
    device = RtuDevice(answers=2)
    port = loop_thread.run(device.start())
    done = run(sys.executable, "-c", INTERRUPTED_BY_A_HANDLER, f"rtu+tcp://127.0.0.1:{port}")
    loop_thread.run(device.stop())
    assert (done.stdout, done.stderr, done.status) == ("interrupted\n[20]\n", "", 0)
    assert [request[1] for request in device.requests] == [3]


async def test_inside_an_event_loop_the_error_names_the_asynchronous_client(device: ScriptedDevice) -> None:
    with sealbus_sync_outside(f"tcp://127.0.0.1:{device.port}") as modbus:
        with pytest.raises(LocalError, match=r"inside an event loop: await sealbus\.connect there"):
            modbus.read_holding_registers(10, 1)
        assert await asyncio.to_thread(modbus.read_holding_registers, 10, 1) == [10]


class sealbus_sync_outside:  # noqa: N801 - reads as what it stands for
    """A connection opened and closed in another thread, because this thread has a loop."""

    def __init__(self, url: str) -> None:
        self._modbus = sealbus.sync.connect(url)

    def __enter__(self) -> sealbus.sync.Connection:
        return self._modbus

    def __exit__(self, *exc: object) -> None:
        closing = threading.Thread(target=self._modbus.close)
        closing.start()
        closing.join(5)


def test_the_sealed_line_works_without_await_too(tmp_path: Path, loop_thread: LoopThread) -> None:
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

    server = loop_thread.run(start())
    url = f"mbaps://127.0.0.1:{server.port}"
    with sealbus.sync.connect(url, identity=own, trust=trust) as modbus:
        modbus.write_register(3, 42)
        assert modbus.read_holding_registers(3, 1) == [42]
        with pytest.raises(DeviceException) as denied:
            modbus.write_register(9, 1)
        assert denied.value.exception_code == 1
    loop_thread.run(server.stop())


_POLICY = """
[[role]]
name = "Operator"
[[role.allow]]
units = "1"
read = ["holding"]
write = ["holding:0-4"]
"""


# -- the checks of mbaps


@pytest.fixture
def sealed(tmp_path: Path, loop_thread: LoopThread) -> Iterator[Sealed]:
    sealed = Sealed(tmp_path, loop_thread)
    yield sealed
    sealed.stop()


class Sealed:
    """A device behind mutual TLS and the files of its authority."""

    def __init__(self, folder: Path, loop_thread: LoopThread) -> None:
        self.folder, self._elsewhere = folder, loop_thread
        self.root = pki.make_root()
        self.trust = pki.save_trust(folder / "ca.crt", self.root)
        self.device = ScriptedDevice()
        self.alerts: list[str] = []

    def start(self, credential: pki.Credential) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.trust))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(*credential.save(self.folder, "device"))
        self._elsewhere.run(self.device.start(tls=context))

    def client(self, issuer: pki.Credential | None = None) -> Identity:
        return Identity.load(*pki.make_leaf(issuer or self.root, role="Operator").save(self.folder, "own"))

    @property
    def url(self) -> str:
        return f"mbaps://127.0.0.1:{self.device.port}"

    def stop(self) -> None:
        self._elsewhere.run(self.device.stop())
        self._elsewhere.run(until(lambda: not self.device.live))


def test_it_reconnects_to_a_restarted_sealed_device(sealed: Sealed, loop_thread: LoopThread) -> None:
    sealed.start(pki.make_leaf(sealed.root, hosts=["127.0.0.1"]))
    with sealbus.sync.connect(sealed.url, identity=sealed.client(), trust=sealed.trust) as modbus:
        for value in range(3):
            modbus.write_register(10, value)
            loop_thread.run(cut_off(sealed.device))
    assert [write[-1] for write in sealed.device.writes] == [0, 1, 2]


@pytest.mark.parametrize("hosts", [["127.0.0.2"], ["plc.example"]])
def test_a_server_with_another_name_gets_no_request(sealed: Sealed, hosts: list[str]) -> None:
    sealed.start(pki.make_leaf(sealed.root, hosts=hosts))
    modbus = sealbus.sync.connect(sealed.url, identity=sealed.client(), trust=sealed.trust)
    with pytest.raises(Unreachable, match="TLS failed") as refused, modbus:
        pass
    assert not refused.value.outcome_unknown
    assert sealed.device.requests == []


def test_a_server_of_an_unknown_authority_gets_no_request(sealed: Sealed) -> None:
    sealed.start(pki.make_leaf(pki.make_root("Another root"), hosts=["127.0.0.1"]))
    modbus = sealbus.sync.connect(sealed.url, identity=sealed.client(), trust=sealed.trust)
    with pytest.raises(Unreachable, match="TLS failed"):
        modbus.write_register(10, 1)
    assert sealed.device.requests == []


def test_a_server_with_a_revoked_certificate_gets_no_request(sealed: Sealed) -> None:
    served = pki.make_leaf(sealed.root, hosts=["127.0.0.1"])
    crl = pki.save_crl(sealed.folder / "ca.crl", pki.make_crl(sealed.root, [served]))
    sealed.start(served)
    modbus = sealbus.sync.connect(sealed.url, identity=sealed.client(), trust=sealed.trust, crl=crl)
    with pytest.raises(Unreachable, match="revoked"):
        modbus.write_register(10, 1)
    assert sealed.device.requests == []


def test_a_refused_client_gets_the_reason(tmp_path: Path, loop_thread: LoopThread, sealed: Sealed) -> None:
    served = Identity.load(*pki.make_leaf(sealed.root, hosts=["127.0.0.1"]).save(tmp_path, "server"))
    device = sealbus.Device({"holding": [0] * 10})

    async def start() -> sealbus.Server:
        policy = sealbus.parse_policy(_POLICY, file="policy")
        server = sealbus.serve("mbaps://127.0.0.1:0", device, policy=policy, identity=served, trust=sealed.trust)
        await server.start()
        return server

    server = loop_thread.run(start())
    stranger = sealed.client(pki.make_root("Another root"))
    modbus = sealbus.sync.connect(f"mbaps://127.0.0.1:{server.port}", identity=stranger, trust=sealed.trust)
    with pytest.raises(Unreachable, match="it does not trust its authority"):
        modbus.read_holding_registers(1, 1)
    with pytest.raises(Unreachable, match="it does not trust its authority"):  # not dialled, because of the back-off
        modbus.read_holding_registers(1, 1)
    modbus.close()
    loop_thread.run(server.stop())


def test_mbaps_without_an_identity_or_without_trust_is_not_dialled(sealed: Sealed) -> None:
    for options in ({"trust": sealed.trust}, {"identity": sealed.client()}, {}):
        with pytest.raises(ConfigError, match="mbaps is mutual"):
            sealbus.sync.connect("mbaps://127.0.0.1", **options)
    with pytest.raises(ConfigError, match="is not mbaps"):
        sealbus.sync.connect("tcp://127.0.0.1", trust=sealed.trust)
