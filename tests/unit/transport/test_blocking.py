"""Dialling without an event loop: the checks and errors of `dial`, a deadline for everything, nothing left open."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError, LocalError, Unreachable
from sealbus.security.tls_objects import SealedObject
from sealbus.transport import Accepted, BlockingTransport, Listener, dial_blocking
from unit.transport.ends import Contexts, Echo, RecordedEvents, admit_echo, open_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = parse_endpoint("mbaps://127.0.0.1:0", listening=True)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens and does nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url_of(server: socket.socket, scheme: str = "tcp") -> str:
    return f"{scheme}://127.0.0.1:{server.getsockname()[1]}"


def receive(transport: BlockingTransport, count: int) -> bytes:
    received = b""
    while len(received) < count:
        assert transport.wait(5)
        received += transport.receive() or b""
    return received


def test_bytes_are_sent_and_received_and_the_end_is_detected(listening: socket.socket) -> None:
    transport = dial_blocking(parse_endpoint(url_of(listening)), timeout_s=5)
    peer, _ = listening.accept()
    assert not transport.wait(0)
    assert transport.receive() is None
    transport.write(b"request")
    assert peer.recv(100) == b"request"
    peer.sendall(b"answer")
    assert receive(transport, 6) == b"answer"
    peer.close()
    assert transport.wait(5)
    assert transport.receive() == b""
    transport.abort()
    assert transport.is_closing()


async def test_a_tls_connection_carries_records_of_any_size(contexts: Contexts) -> None:
    seen: list[Accepted] = []

    def admit(accepted: Accepted) -> asyncio.Protocol:
        seen.append(accepted)
        return Echo(accepted)

    listener = await Listener.open(LOOPBACK, admit, tls=contexts.server, events=RecordedEvents())
    sent = bytes(range(256)) * 200

    def talk() -> tuple[bytes, object]:
        transport = dial_blocking(listener.endpoint, tls=contexts.client, timeout_s=5)
        for piece in (b"x", sent):
            transport.write(piece)
        answered = receive(transport, 1 + len(sent))
        kind = type(transport.get_extra_info("ssl_object"))
        transport.abort()
        return answered, kind

    assert await asyncio.to_thread(talk) == (b"x" + sent, SealedObject)
    assert len(seen) == 1
    await listener.close()


async def test_a_failed_handshake_sends_its_alert_and_leaves_nothing_open(contexts: Contexts) -> None:
    book = RecordedEvents()
    listener = await Listener.open(LOOPBACK, admit_echo, tls=contexts.server, events=book)
    endpoint = parse_endpoint(f"mbaps://127.0.0.1:{listener.port}?name=other.example")
    before = open_sockets()

    def dial() -> None:
        with pytest.raises(Unreachable, match="TLS failed") as refused:
            dial_blocking(endpoint, tls=contexts.client, timeout_s=5)
        refused.value.__cause__ = None  # its frames hold the transport

    await asyncio.to_thread(dial)
    (reason,) = await book.wait("failed")
    assert reason.startswith("the peer refuses our certificate")  # it got the alert, not only the end
    assert open_sockets() <= before
    await listener.close()


def test_a_server_that_does_not_answer_the_handshake_ends_by_the_deadline(
    listening: socket.socket, contexts: Contexts
) -> None:
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        dial_blocking(parse_endpoint(url_of(listening, "mbaps")), tls=contexts.client, timeout_s=0.2)


def test_a_server_that_closes_in_the_handshake_is_unreachable(listening: socket.socket, contexts: Contexts) -> None:
    def close_first() -> None:
        peer, _ = listening.accept()
        peer.recv(1000)
        peer.close()

    thread = threading.Thread(target=close_first)
    thread.start()
    with pytest.raises(Unreachable, match="the other side closed the connection"):
        dial_blocking(parse_endpoint(url_of(listening, "mbaps")), tls=contexts.client, timeout_s=5)
    thread.join()


def test_without_a_server_the_endpoint_is_unreachable(listening: socket.socket) -> None:
    url = url_of(listening)
    listening.close()
    with pytest.raises(Unreachable, match="connection refused"):
        dial_blocking(parse_endpoint(url), timeout_s=5)


def test_a_peer_that_reads_nothing_ends_a_write_by_the_deadline(listening: socket.socket) -> None:
    transport = dial_blocking(parse_endpoint(url_of(listening)), timeout_s=0.2)
    with pytest.raises(TimeoutError):
        transport.write(bytes(64 * 1024 * 1024))
    transport.abort()


def test_a_context_that_does_not_verify_is_refused(contexts: Contexts) -> None:
    sealed, plain = parse_endpoint("mbaps://127.0.0.1"), parse_endpoint("tcp://127.0.0.1")
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(LocalError, match="does not verify the server"):
        dial_blocking(sealed, tls=careless, timeout_s=1)
    with pytest.raises(ConfigError, match="needs a certificate"):
        dial_blocking(sealed, timeout_s=1)
    with pytest.raises(ConfigError, match="is not mbaps"):
        dial_blocking(plain, tls=contexts.client, timeout_s=1)
