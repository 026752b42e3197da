"""Listening: which connections are admitted, rejected with a reason, or dropped for others, on asyncio and on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from raw_tls import RawTls, alert_of
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError, LocalError, PeerError
from sealbus.security.tls_objects import SealedObject
from sealbus.transport import Accepted, Listener, ListenerLimits, Refusal, dial
from unit.transport.ends import (
    PATIENCE_S,
    Contexts,
    Echo,
    RecordedEvents,
    Recorder,
    admit_echo,
    close_drained,
    no_certificate,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LOOPBACK = parse_endpoint("mbaps://127.0.0.1:0", listening=True)
PLAIN = parse_endpoint("tcp://127.0.0.1:0", listening=True)


@contextlib.asynccontextmanager
async def listening(
    contexts: Contexts,
    book: RecordedEvents,
    admit: Callable[[Accepted], asyncio.Protocol | Refusal] = admit_echo,
    limits: ListenerLimits | None = None,
) -> AsyncIterator[Listener]:
    listener = await Listener.open(LOOPBACK, admit, tls=contexts.server, limits=limits, events=book)
    try:
        yield listener
    finally:
        await listener.close()


async def call(listener: Listener, contexts: Contexts) -> tuple[asyncio.Transport, Recorder]:
    return await dial(listener.endpoint, Recorder, tls=contexts.client, timeout_s=PATIENCE_S)


async def silent(listener: Listener) -> socket.socket:
    """A connection that sends nothing."""
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", listener.port))
    except OSError:
        sock.close()
        raise
    return sock


async def is_closed(sock: socket.socket) -> bool:
    """Wait for the other side to close; bytes that come before, such as an alert, are passed over."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.get_running_loop().sock_recv(sock, 4096):
                pass
    sock.close()
    return True


async def test_a_client_with_a_certificate_is_admitted_and_served(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        transport, client = await call(listener, contexts)
        transport.write(b"hello")
        await client.wait(lambda it: it.received == b"hello")
        assert listener.admitted == 1
        assert listener.pending == 0
        transport.close()
        await client.wait_lost()
        await book.wait("closed")
        assert [name for name, _ in book.entries] == ["pending", "admitted", "closed"]
        assert listener.admitted == 0
        assert {address.host for address in book.addresses} == {"127.0.0.1"}


async def test_admit_sees_the_finished_handshake_and_the_address(contexts: Contexts) -> None:
    seen: list[Accepted] = []

    def admit(accepted: Accepted) -> asyncio.Protocol:
        seen.append(accepted)
        assert accepted.ssl_object is not None
        assert accepted.ssl_object.getpeercert(binary_form=True)
        assert accepted.ssl_object.context is contexts.server
        return Echo(accepted)

    book = RecordedEvents()
    async with listening(contexts, book, admit) as listener:
        transport, _ = await call(listener, contexts)
        await book.wait("admitted")
        assert str(seen[0].address) == "{}:{}".format(*transport.get_extra_info("sockname"))
        transport.abort()


async def test_both_ends_of_a_live_connection_use_our_tls_object(contexts: Contexts) -> None:
    seen: list[Accepted] = []

    def admit(accepted: Accepted) -> asyncio.Protocol:
        seen.append(accepted)
        return Echo(accepted)

    book = RecordedEvents()
    async with listening(contexts, book, admit) as listener:
        transport, _ = await call(listener, contexts)
        await book.wait("admitted")
        assert type(seen[0].ssl_object) is SealedObject
        assert type(transport.get_extra_info("ssl_object")) is SealedObject
        transport.abort()


async def test_a_broken_record_is_answered_with_an_alert_and_the_protocol_gets_the_reason(contexts: Contexts) -> None:
    seen: list[Echo] = []

    def admit(accepted: Accepted) -> asyncio.Protocol:
        seen.append(Echo(accepted))
        return seen[0]

    async with listening(contexts, RecordedEvents(), admit) as listener:
        peer = await RawTls.connect(listener.port, contexts.client)
        await peer.send(peer.broken("a record with a wrong tag", b"hello"))
        assert await peer.last_words() == alert_of("a record with a wrong tag", "TLSv1.3")
        error = await seen[0].wait_lost()
        assert isinstance(error, ssl.SSLError)
        assert error.reason == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
        assert seen[0].received == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_without_a_certificate_gets_the_fatal_alert_and_the_reason_is_reported(
    contexts: Contexts, version: ssl.TLSVersion
) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        loop = asyncio.get_running_loop()

        def handshake_error() -> str:
            with socket.create_connection(("127.0.0.1", listener.port), timeout=PATIENCE_S) as sock:
                try:
                    with no_certificate(contexts, version).wrap_socket(sock, server_hostname="localhost") as tls:
                        return f"read {tls.recv(1)!r}"
                except ssl.SSLError as error:
                    return error.reason

        # RFC 5246, 7.2.2: handshake_failure (40); RFC 8446, 6.2: certificate_required (116)
        alert = {
            ssl.TLSVersion.TLSv1_2: "SSLV3_ALERT_HANDSHAKE_FAILURE",
            ssl.TLSVersion.TLSv1_3: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        }[version]
        assert await loop.run_in_executor(None, handshake_error) == alert
        assert await book.wait("failed") == ["no certificate was sent"]
        assert listener.pending == listener.admitted == 0


async def test_a_certificate_of_a_foreign_authority_is_refused_with_its_reason(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        _, client = await dial(listener.endpoint, Recorder, tls=contexts.foreign, timeout_s=PATIENCE_S)
        # TLS 1.3: the client's handshake has succeeded; the refusal comes at its first read
        lost = await client.wait_lost()
        assert isinstance(lost, ssl.SSLError)
        assert lost.reason == "TLSV1_ALERT_UNKNOWN_CA"
        assert await book.wait("failed") == ["its authority is unknown: the root of its chain is not trusted here"]
        assert book.count("admitted") == 0


async def test_plain_bytes_on_a_tls_port_are_refused_with_a_reason(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        sock = await silent(listener)
        await asyncio.get_running_loop().sock_sendall(sock, b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x0a")
        assert await is_closed(sock)
        assert await book.wait("failed") == ["plain bytes arrived where TLS was expected"]
        assert listener.pending == 0


async def test_a_client_that_disconnects_during_the_handshake_is_reported(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        (await silent(listener)).close()
        assert await book.wait("failed") == ["the peer closed the connection"]


async def test_a_trickling_handshake_ends_at_the_deadline(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book, limits=ListenerLimits(handshake_timeout_s=0.3)) as listener:
        loop = asyncio.get_running_loop()
        sock = await silent(listener)
        sent = 0
        # the head of a record that promises 512 bytes of ClientHello, and then a byte now and then
        await loop.sock_sendall(sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with contextlib.suppress(ConnectionError):
            while not book.count("failed"):
                await loop.sock_sendall(sock, b"\x00")
                sent += 1
                await asyncio.sleep(0.02)
        assert book.said("failed") == ["it was not finished within 0.3 s"]
        assert sent < 500, "its deadline passed while bytes still came"
        assert await is_closed(sock)


async def test_a_valid_client_is_served_immediately_beside_300_silent_ones(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        crowd = [await silent(listener) for _ in range(300)]
        transport, client = await call(listener, contexts)
        transport.write(b"hello")
        await client.wait(lambda it: it.received == b"hello")
        assert listener.pending <= 32
        assert set(book.said("failed")) == {"dropped for a newer connection: too many are in their handshake"}
        # and pending connections cannot replace an admitted one
        crowd += [await silent(listener) for _ in range(100)]
        transport.write(b" again")
        await client.wait(lambda it: it.received == b"hello again")
        assert not client.lost
        transport.abort()
        for sock in crowd:
            sock.close()


async def test_the_oldest_pending_connections_are_dropped(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book, limits=ListenerLimits(pending_per_address=2)) as listener:
        first, second, third = [await silent(listener) for _ in range(3)]
        await book.wait("failed")
        assert await is_closed(first)
        assert listener.pending == 2
        second.close()
        third.close()
        await book.wait("failed", times=3)


async def test_beyond_the_limit_new_connections_are_closed_and_established_ones_stay(contexts: Contexts) -> None:
    book = RecordedEvents()
    async with listening(contexts, book, limits=ListenerLimits(connections=2)) as listener:
        inside = [await call(listener, contexts) for _ in range(2)]
        sock = await silent(listener)
        assert await is_closed(sock)
        assert book.said("refused") == ["there are already 2 connections"]
        for transport, client in inside:
            transport.write(b"still here")
            await client.wait(lambda it: it.received == b"still here")
        inside[0][0].close()
        await book.wait("closed")
        transport, client = await call(listener, contexts)
        transport.write(b"room again")
        await client.wait(lambda it: it.received == b"room again")
        inside[1][0].abort()
        transport.abort()


@pytest.mark.parametrize("by_error", [False, True])
async def test_a_connection_that_is_not_admitted_is_closed_with_the_reason(contexts: Contexts, by_error: bool) -> None:
    def admit(accepted: Accepted) -> Refusal:
        if by_error:
            raise PeerError("revoked")
        accepted.release()  # a place that was never given cannot be given back
        return Refusal("revoked")

    book = RecordedEvents()
    async with listening(contexts, book, admit) as listener:
        _, client = await call(listener, contexts)
        await client.wait_lost()
        assert book.said("refused") == ["revoked"]
        assert listener.admitted == 0


async def test_a_new_context_applies_to_the_next_connection_and_not_to_open_ones(contexts: Contexts) -> None:
    used: list[ssl.SSLContext] = []

    def admit(accepted: Accepted) -> asyncio.Protocol:
        assert accepted.ssl_object is not None
        used.append(accepted.ssl_object.context)
        return Echo(accepted)

    book = RecordedEvents()
    async with listening(contexts, book, admit) as listener:
        before, old = await call(listener, contexts)
        await book.wait("admitted")
        listener.tls = contexts.renewed
        after, new = await call(listener, contexts)
        await book.wait("admitted", times=2)
        assert used == [contexts.server, contexts.renewed]
        for transport, client in ((before, old), (after, new)):
            transport.write(b"hello")
            await client.wait(lambda it: it.received == b"hello")
            transport.abort()


async def test_a_listener_cannot_be_switched_to_plain_or_to_clients_without_certificates(contexts: Contexts) -> None:
    async with listening(contexts, RecordedEvents()) as listener:
        with pytest.raises(ConfigError):
            listener.tls = None
        with pytest.raises(LocalError):
            listener.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert listener.tls is contexts.server


async def test_a_closed_listener_accepts_nothing_and_drops_what_is_pending_but_not_what_is_admitted(
    contexts: Contexts,
) -> None:
    book = RecordedEvents()
    async with listening(contexts, book) as listener:
        transport, client = await call(listener, contexts)
        waiting = await silent(listener)
        await book.wait("pending", times=2)
        await listener.close()
        assert listener.admitted == 1
        assert await is_closed(waiting)
        assert book.said("failed") == ["the listener was closed"]
        with pytest.raises(ConnectionRefusedError):
            await silent(listener)
        transport.write(b"still here")
        await client.wait(lambda it: it.received == b"still here")
        transport.close()
        await close_drained(listener)


async def test_plain_tcp_is_served_on_loopback() -> None:
    book = RecordedEvents()
    listener = await Listener.open(PLAIN, admit_echo, events=book)
    transport, client = await dial(listener.endpoint, Recorder, timeout_s=PATIENCE_S)
    transport.write(b"hello")
    await client.wait(lambda it: it.received == b"hello")
    accepted = transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    transport.close()
    await book.wait("closed")
    await listener.close()


async def test_accepted_sockets_detect_a_dead_peer() -> None:
    limits: dict[str, int] = {}

    def admit(accepted: Accepted) -> Refusal:
        sock = accepted.transport.get_extra_info("socket")
        limits["keepalive"] = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        limits["idle"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        limits["unacknowledged"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        limits["no delay"] = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        return Refusal("seen enough")

    listener = await Listener.open(PLAIN, admit)
    _, client = await dial(listener.endpoint, Recorder, timeout_s=PATIENCE_S)
    await client.wait_lost()
    await listener.close()
    assert limits == {"keepalive": 1, "idle": 30, "unacknowledged": 50_000, "no delay": 1}


@pytest.mark.parametrize("url", ["tcp://0.0.0.0:0", "tcp://:0", "tcp://[::]:0", "rtu+tcp://0.0.0.0:0"])
async def test_plain_modbus_off_loopback_is_refused_without_the_unsafe_option(url: str) -> None:
    endpoint = parse_endpoint(url, listening=True)
    with pytest.raises(ConfigError, match="would offer plain Modbus to every host"):
        await Listener.open(endpoint, admit_echo)
    listener = await Listener.open(endpoint, admit_echo, limits=ListenerLimits(unsafe_plain=True))
    transport, _ = await dial(parse_endpoint(f"tcp://127.0.0.1:{listener.port}"), Recorder, timeout_s=PATIENCE_S)
    transport.abort()
    await listener.close()


async def test_a_socket_of_both_families_reports_ipv4_addresses_in_ipv4_form(contexts: Contexts) -> None:
    book = RecordedEvents()
    endpoint = parse_endpoint("mbaps://:0", listening=True)
    listener = await Listener.open(endpoint, admit_echo, tls=contexts.server, events=book)
    here = parse_endpoint(f"mbaps://127.0.0.1:{listener.port}")
    transport, _ = await dial(here, Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
    await book.wait("admitted")
    assert {address.host for address in book.addresses} == {"127.0.0.1"}
    transport.abort()
    await listener.close()


@pytest.mark.needs("localhost")
async def test_a_listener_on_localhost_is_reached_by_that_name(contexts: Contexts) -> None:
    endpoint = parse_endpoint("mbaps://localhost:0", listening=True)
    listener = await Listener.open(endpoint, admit_echo, tls=contexts.server)
    assert str(listener.endpoint) == f"mbaps://localhost:{listener.port}"
    transport, client = await dial(listener.endpoint, Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
    transport.write(b"hello")
    await client.wait(lambda it: it.received == b"hello")
    transport.abort()
    await listener.close()


async def test_the_error_for_a_used_port_has_a_hint() -> None:
    listener = await Listener.open(PLAIN, admit_echo)
    with pytest.raises(ConfigError) as caught:
        await Listener.open(listener.endpoint, admit_echo)
    assert str(caught.value) == (
        f"tcp://127.0.0.1:{listener.port}: another program listens on this port; stop it, or choose another port"
    )
    await listener.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("tcp://192.0.2.1:0", "this machine has no such address"),
        ("tcp://nowhere.invalid:0", 'there is no host "nowhere.invalid"'),
        ("rtu:///dev/ttyS0", "a listener cannot use the scheme rtu"),
    ],
)
async def test_an_address_that_cannot_be_listened_on_is_named(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        await Listener.open(parse_endpoint(url, listening=True), admit_echo, limits=ListenerLimits(unsafe_plain=True))


async def test_certificates_and_scheme_must_match(contexts: Contexts) -> None:
    with pytest.raises(ConfigError):
        await Listener.open(LOOPBACK, admit_echo)
    with pytest.raises(ConfigError):
        await Listener.open(PLAIN, admit_echo, tls=contexts.server)
    with pytest.raises(LocalError):
        await Listener.open(LOOPBACK, admit_echo, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
