"""Silent connections leave descriptors for newcomers and files, whatever the limit of the process is.

Without free descriptors the gateway serves its clients, raises an alarm, and accepts again as soon as it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import (
    PATIENCE_S,
    POLICY,
    RawClient,
    ScriptedDevice,
    adu,
    exception,
    read_holding,
    until,
    words,
    write_register,
)
from scenarios.programs import Programs
from sealbus.records import Alarm, AlarmState, EntitlementLost, HandshakeFailed, Reloaded, WriteOutcome, read, verify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sealbus.records import Record

DESCRIPTORS = 48
READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))
WITHOUT_WRITES = POLICY[: POLICY.index('[[role.allow]]\nunits = "1-10"\nwrite')]

GATEWAY = """
[gateway]
records = "records"
records_mib = 16
[identity]
certificate = "gateway.crt"
key = "gateway.key"
trust = ["ca.crt"]
crl = ["ca.crl"]
[limits]
handshake = 600.0
[[listener]]
url = "mbaps://127.0.0.1:0"
policy = "policy.toml"
[[listener.device]]
units = "1-10"
url = "tcp://127.0.0.1:{port}"
"""

PROGRAM = """
import asyncio, pathlib, sys
from sealbus.gateway import GatewayPace, load_gateway_file, run_gateway

def ready(process):
    (service,) = process.gateway.services.values()
    print("listening on port", service.port, flush=True)

path = pathlib.Path(sys.argv[1])
pace = GatewayPace(watch_s=0.1, sweep_s=0.2, retry_s=0.5)
asyncio.run(run_gateway(load_gateway_file(path), path=path, pace=pace, ready=ready))
"""
"""`sealbus gateway` with shorter intervals between its checks."""


class SmallGateway:
    """A gateway process with a low limit of open files, with its own device."""

    def __init__(self, folder: Path, root: pki.Credential, device: ScriptedDevice) -> None:
        self.folder = folder
        self.root = root
        self.device = device
        self.port = self.pid = 0
        self.clients: list[RawClient] = []

    async def connect(self, credential: pki.Credential) -> RawClient:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(*credential.save(self.folder, "client"))
        self.clients.append(RawClient(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context)))
        return self.clients[-1]

    @contextlib.contextmanager
    def without_descriptors(self) -> Iterator[None]:
        """Inside, the limit of the process is so low that it can open nothing."""
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (4, DESCRIPTORS))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    def records(self, kind: type[Record]) -> list[Record]:
        return [each.record for each in read(self.folder / "records") if isinstance(each.record, kind)]

    def alarms(self, name: str) -> list[AlarmState]:
        return [each.state for each in self.records(Alarm) if isinstance(each, Alarm) and each.name == name]

    def write(self, name: str, content: bytes | str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        fresh.replace(self.folder / name)

    def revoke(self, *revoked: pki.Credential) -> None:
        self.write("ca.crl", pki.make_crl(self.root, revoked).public_bytes(Encoding.PEM))


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[SmallGateway]:
    root = pki.make_root()
    device = ScriptedDevice()
    await device.start()
    pki.save_trust(tmp_path / "ca.crt", root)
    pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "gateway")
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "gateway.toml").write_text(GATEWAY.format(port=device.port))
    small = SmallGateway(tmp_path, root, device)
    small.revoke()
    with Programs() as programs:
        limited = ("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh")
        program = programs.start("gateway", *limited, sys.executable, "-c", PROGRAM, tmp_path / "gateway.toml")
        small.pid = program.process.pid
        small.port = int((await asyncio.to_thread(program.wait_for, r"listening on port (\d+)"))[1])
        try:
            yield small
        finally:
            await asyncio.gather(*(wire.close() for wire in small.clients))
            await asyncio.to_thread(program.stop)
            await device.stop()
    assert verify(tmp_path / "records").breaks == ()


@contextlib.contextmanager
def silent_connections(port: int) -> Iterator[None]:
    """Open more silent connections than the gateway may have descriptors; close them at the end."""
    with contextlib.ExitStack() as closing:
        for _ in range(2 * DESCRIPTORS):
            sock = closing.enter_context(socket.socket())
            sock.connect(("127.0.0.1", port))
        yield


async def test_silent_connections_keep_no_newcomer_and_no_file_out(gateway: SmallGateway) -> None:
    operator = await gateway.connect(pki.make_leaf(gateway.root, role="Operator"))
    assert await operator.request(READ) == ANSWER  # the gateway has ended the handshake too
    with silent_connections(gateway.port):
        for _ in range(4):
            newcomer = await gateway.connect(pki.make_leaf(gateway.root, role="Viewer"))
            assert await asyncio.wait_for(newcomer.request(READ), PATIENCE_S) == ANSWER
        assert await operator.request(WRITE) == WRITE
        gateway.write("policy.toml", WITHOUT_WRITES)
        await until(lambda: len(gateway.records(Reloaded)) == 1)
        assert await operator.request(WRITE) == adu(2, exception(6, 1))
    reasons = {each.reason for each in gateway.records(HandshakeFailed) if isinstance(each, HandshakeFailed)}
    assert "dropped for a newer connection: too many are in their handshake" in reasons
    assert gateway.alarms("accepting connections") == []


async def test_connected_clients_are_served_and_waiting_ones_are_accepted_later(gateway: SmallGateway) -> None:
    operator = await gateway.connect(pki.make_leaf(gateway.root, role="Operator"))
    assert await operator.request(WRITE) == WRITE
    with gateway.without_descriptors():
        waiting = asyncio.ensure_future(gateway.connect(pki.make_leaf(gateway.root, role="Viewer")))
        await until(lambda: gateway.alarms("accepting connections") == [AlarmState.RAISED])
        for _ in range(20):
            assert await operator.request(READ) == ANSWER
            assert await operator.request(WRITE) == WRITE
        assert not waiting.done()
    newcomer = await asyncio.wait_for(waiting, PATIENCE_S)
    assert await newcomer.request(READ) == ANSWER
    await until(lambda: gateway.alarms("accepting connections")[-1:] == [AlarmState.CLEARED])
    assert await operator.request(WRITE) == WRITE
    assert len(gateway.records(WriteOutcome)) == 22


async def test_a_change_that_could_not_be_read_is_applied_afterwards(gateway: SmallGateway) -> None:
    lost = pki.make_leaf(gateway.root, "lost", role="Operator")
    theirs = await gateway.connect(lost)
    operator = await gateway.connect(pki.make_leaf(gateway.root, role="Operator"))
    assert [await theirs.request(WRITE), await operator.request(WRITE)] == [WRITE, WRITE]
    reloads = ("reload of trust", f"reload of {gateway.folder / 'policy.toml'}")
    with gateway.without_descriptors(), socket.create_connection(("127.0.0.1", gateway.port)):
        await until(lambda: gateway.alarms("accepting connections") == [AlarmState.RAISED])
        gateway.revoke(lost)
        gateway.write("policy.toml", WITHOUT_WRITES)
        await until(lambda: all(gateway.alarms(each)[-1:] == [AlarmState.RAISED] for each in reloads))
        assert await operator.request(WRITE) == WRITE  # the last good state stays in force
    assert await theirs.closed() == b""
    await until(lambda: all(gateway.alarms(each)[-1:] == [AlarmState.CLEARED] for each in reloads))
    assert [each.subject for each in gateway.records(EntitlementLost) if isinstance(each, EntitlementLost)] == [
        "CN=lost"
    ]
    assert await operator.request(WRITE) == adu(2, exception(6, 1))
    assert await operator.request(READ) == ANSWER
