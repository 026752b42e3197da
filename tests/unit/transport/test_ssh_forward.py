"""A device behind a real OpenSSH server: reached with the right keys, not with a wrong one on either side."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from ports import free_ports
from sealbus.endpoints import parse_endpoint
from sealbus.errors import Unreachable
from sealbus.transport import Listener, dial
from unit.transport.ends import PATIENCE_S, Recorder, admit_echo, close_drained, open_sockets
from unit.transport.openssh import Bastion, running_bastion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.needs("sshd")

REQUEST = b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x0a"


@pytest.fixture(scope="module")
def bastion() -> Iterator[Bastion]:
    with running_bastion() as made:
        yield made


@pytest.fixture
async def device() -> AsyncIterator[Listener]:
    listener = await Listener.open(parse_endpoint("tcp://127.0.0.1:0", listening=True), admit_echo)
    yield listener
    await close_drained(listener)


async def test_a_device_is_reached_through_the_server(bastion: Bastion, device: Listener) -> None:
    endpoint = bastion.url(f"127.0.0.1:{device.port}")
    transport, client = await dial(endpoint, Recorder, timeout_s=PATIENCE_S)
    assert client.made is transport
    transport.write(REQUEST)
    await client.wait(lambda it: it.received == REQUEST)
    transport.close()
    assert await client.wait_lost() is None
    transport.write(b"too late")
    transport.close()


async def test_a_large_amount_is_sent_and_pausing_stops_it(bastion: Bastion, device: Listener) -> None:
    transport, client = await dial(bastion.url(f"127.0.0.1:{device.port}"), Recorder, timeout_s=PATIENCE_S)
    transport.pause_reading()
    much = bytes(range(256)) * 16384
    transport.set_write_buffer_limits(high=65536)
    transport.write(much)
    await client.wait(lambda it: it.paused)
    assert client.received == b""
    transport.resume_reading()
    await client.wait(lambda it: len(it.received) == len(much))
    assert client.received == much
    assert client.paused[-1] is False
    transport.abort()
    await client.wait_lost()


async def test_a_device_that_closes_ends_the_connection(bastion: Bastion) -> None:
    class HangsUp(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()

    listener = await Listener.open(parse_endpoint("tcp://127.0.0.1:0", listening=True), lambda _: HangsUp())
    _, client = await dial(bastion.url(f"127.0.0.1:{listener.port}"), Recorder, timeout_s=PATIENCE_S)
    await client.wait_lost()
    assert client.eof
    await listener.close()


async def test_an_ssh_connection_that_breaks_ends_with_an_os_error(bastion: Bastion, device: Listener) -> None:
    transport, client = await dial(bastion.url(f"127.0.0.1:{device.port}"), Recorder, timeout_s=PATIENCE_S)
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    lost = await client.wait_lost()
    assert isinstance(lost, OSError)
    assert str(lost).startswith("[Errno 104] the SSH connection ended: ")


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 30, 100, 300])
async def test_a_cancellation_at_any_moment_leaves_nothing_open(bastion: Bastion, device: Listener, turns: int) -> None:
    before = open_sockets()
    dialling = asyncio.ensure_future(dial(bastion.url(f"127.0.0.1:{device.port}"), Recorder, timeout_s=PATIENCE_S))
    for _ in range(turns):
        await asyncio.sleep(0)
    dialling.cancel()
    (outcome,) = await asyncio.gather(dialling, return_exceptions=True)
    if isinstance(outcome, tuple):
        outcome[0].abort()
    async with asyncio.timeout(PATIENCE_S):
        while open_sockets() - before > device.admitted:
            await asyncio.sleep(0.001)


async def test_a_changed_host_key_is_refused_before_anything_is_sent(bastion: Bastion, device: Listener) -> None:
    endpoint = bastion.url(f"127.0.0.1:{device.port}", known_hosts="changed_hosts")
    with pytest.raises(Unreachable, match=r"is not the one in .*changed_hosts: it was changed"):
        await dial(endpoint, Recorder, timeout_s=PATIENCE_S)
    assert device.admitted == device.pending == 0


async def test_an_unknown_host_key_is_refused(bastion: Bastion, device: Listener) -> None:
    endpoint = bastion.url(f"127.0.0.1:{device.port}", known_hosts="empty_hosts")
    with pytest.raises(Unreachable, match=r"is not in .*empty_hosts; compare it with the server"):
        await dial(endpoint, Recorder, timeout_s=PATIENCE_S)


async def test_a_key_that_the_server_does_not_know_is_refused(bastion: Bastion, device: Listener) -> None:
    endpoint = bastion.url(f"127.0.0.1:{device.port}", key="strange_key")
    with pytest.raises(Unreachable, match=f"accepts none of our keys for user {bastion.user}"):
        await dial(endpoint, Recorder, timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"known_hosts": "missing"}, "missing: No such file or directory"),
        ({"key": "missing"}, "missing: No such file or directory"),
        ({"key": "sshd_config"}, "the key cannot be used"),
        ({"key": "encrypted_key"}, "put an encrypted key into the ssh agent"),
    ],
)
async def test_files_that_cannot_be_used_are_named(bastion: Bastion, files: dict[str, str], problem: str) -> None:
    with pytest.raises(Unreachable, match=problem):
        await dial(bastion.url("127.0.0.1:502", **files), Recorder, timeout_s=PATIENCE_S)


async def test_a_device_that_refuses_and_a_forward_that_is_not_allowed_are_different_errors(bastion: Bastion) -> None:
    closed = free_ports(1)
    with pytest.raises(Unreachable, match=rf"the SSH server cannot connect to 127\.0\.0\.1:{closed}"):
        await dial(bastion.url(f"127.0.0.1:{closed}"), Recorder, timeout_s=PATIENCE_S)
    with pytest.raises(Unreachable, match=r"the SSH server does not allow a forward to 192\.0\.2\.1:502"):
        await dial(bastion.url("192.0.2.1"), Recorder, timeout_s=PATIENCE_S)


async def test_no_server_and_a_silent_server_end_within_the_deadline(bastion: Bastion) -> None:
    known = f"?known_hosts={bastion.folder / 'known_hosts'}"
    with pytest.raises(Unreachable, match="connection refused"):
        await dial(
            parse_endpoint(f"ssh+tcp://joe@127.0.0.1:{free_ports(1)}/plc{known}"), Recorder, timeout_s=PATIENCE_S
        )
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = parse_endpoint(f"ssh+tcp://joe@127.0.0.1:{deaf.getsockname()[1]}/plc{known}")
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            await dial(endpoint, Recorder, timeout_s=0.2)
