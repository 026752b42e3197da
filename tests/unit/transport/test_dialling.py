"""Dialling: which endpoints are reached, the error if not, and that nothing stays open."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from ports import free_ports
from raw_tls import RawTls, alert_of
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError, LocalError, Unreachable
from sealbus.transport import Listener, dial
from sealbus.transport.sockets import AddressInfo, connect_first
from unit.transport.ends import (
    PATIENCE_S,
    Contexts,
    Echo,
    RecordedEvents,
    Recorder,
    admit_echo,
    close_drained,
    no_certificate,
    open_sockets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """The loop is closed after this fixture, so its own descriptors are there both times."""
    before = open_sockets()
    yield
    assert open_sockets() == before


async def _listen(contexts: Contexts, host: str = "127.0.0.1") -> Listener:
    endpoint = parse_endpoint(f"mbaps://{host}:0", listening=True)
    return await Listener.open(endpoint, admit_echo, tls=contexts.server)


async def _echoes(transport: asyncio.Transport, client: Recorder) -> bool:
    transport.write(b"hello")
    await client.wait(lambda it: it.received == b"hello")
    transport.close()
    return await client.wait_lost() is None


def _deaf() -> tuple[socket.socket, int]:
    """A listening socket without accept: connections are made and never answered."""
    sock = socket.create_server(("127.0.0.1", 0))
    return sock, _port(sock)


def _port(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def _info(port: int) -> AddressInfo:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)


def _black_hole() -> tuple[socket.socket, list[socket.socket]]:
    """A listening socket whose backlog is full, and what fills it: Linux drops further attempts without an answer."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=0)
    crowd = []
    while True:
        sock = socket.socket()
        sock.settimeout(0.1)
        crowd.append(sock)
        try:
            sock.connect(silent.getsockname())
        except TimeoutError:
            return silent, crowd


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("localhost", marks=pytest.mark.needs("localhost"))])
async def test_the_address_or_name_dialled_is_the_one_in_the_certificate(contexts: Contexts, host: str) -> None:
    listener = await _listen(contexts)
    endpoint = parse_endpoint(f"mbaps://{host}:{listener.port}")
    assert await _echoes(*await dial(endpoint, Recorder, tls=contexts.client, timeout_s=PATIENCE_S))
    await close_drained(listener)


async def test_a_server_whose_certificate_names_another_host_is_refused(contexts: Contexts) -> None:
    listener = await _listen(contexts, "127.0.0.2")
    here = str(listener.endpoint)
    with pytest.raises(Unreachable) as refused:
        await dial(parse_endpoint(here), Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
    reason = f"{here} cannot be reached: TLS failed: its certificate is for another host: "
    assert str(refused.value).startswith(reason)
    assert f"it must name 127.0.0.2, or, if that is the device you mean, write {here}?name=" in str(refused.value)
    named = parse_endpoint(f"{here}?name=plant.example")
    assert await _echoes(*await dial(named, Recorder, tls=contexts.client, timeout_s=PATIENCE_S))
    with pytest.raises(Unreachable, match="TLS failed"):
        await dial(parse_endpoint(f"{here}?name=other.example"), Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
    await close_drained(listener)


async def test_a_server_that_we_refuse_gets_the_reason(contexts: Contexts) -> None:
    book = RecordedEvents()
    endpoint = parse_endpoint("mbaps://127.0.0.2:0", listening=True)
    listener = await Listener.open(endpoint, admit_echo, tls=contexts.server, events=book)
    with pytest.raises(Unreachable):
        await dial(listener.endpoint, Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
    # RFC 8446, 6.2: bad_certificate, and not merely the end of the connection
    assert (await book.wait("failed")) != ["the peer closed the connection"]
    await listener.close()


async def test_a_broken_record_of_the_server_is_answered_with_an_alert(contexts: Contexts) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = await RawTls.accept(reader, writer, contexts.server)
        await peer.send(peer.broken("a record of an unknown type", b"answer"))
        ended.set_result(await peer.last_words())

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        endpoint = parse_endpoint(f"mbaps://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        _, client = await dial(endpoint, Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
        error = await client.wait_lost()
        assert isinstance(error, ssl.SSLError)
        assert await ended == alert_of("a record of an unknown type", "TLSv1.3")


async def test_a_refusal_by_a_tls_1_2_server_is_known_when_dialling(contexts: Contexts) -> None:
    listener = await _listen(contexts)
    client = no_certificate(contexts, ssl.TLSVersion.TLSv1_2)
    with pytest.raises(Unreachable, match="TLS failed"):
        await dial(listener.endpoint, Recorder, tls=client, timeout_s=PATIENCE_S)
    await listener.close()


async def test_a_refusal_by_a_tls_1_3_server_comes_with_the_first_read(contexts: Contexts) -> None:
    listener = await _listen(contexts)
    _, client = await dial(listener.endpoint, Recorder, tls=no_certificate(contexts), timeout_s=PATIENCE_S)
    lost = await client.wait_lost()
    assert isinstance(lost, ssl.SSLError)
    assert lost.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    await listener.close()


async def test_a_plain_device_on_an_mbaps_port_is_reported(contexts: Contexts) -> None:
    class Plc(Echo):
        def data_received(self, data: bytes) -> None:
            self.accepted.transport.write(b"\x00\x01\x00\x00\x00\x03\x01\x83\x02")

    listener = await Listener.open(parse_endpoint("tcp://127.0.0.1:0", listening=True), Plc)
    with pytest.raises(Unreachable, match="TLS failed: plain bytes arrived where TLS was expected"):
        await dial(
            parse_endpoint(f"mbaps://127.0.0.1:{listener.port}"), Recorder, tls=contexts.client, timeout_s=PATIENCE_S
        )
    await close_drained(listener)


@pytest.mark.parametrize("scheme", ["tcp", "mbaps", "rtu+tcp"])
async def test_a_closed_port_is_reported_as_refusing(contexts: Contexts, scheme: str) -> None:
    endpoint = parse_endpoint(f"{scheme}://127.0.0.1:{free_ports(1)}")
    tls = contexts.client if scheme == "mbaps" else None
    with pytest.raises(Unreachable) as caught:
        await dial(endpoint, Recorder, tls=tls, timeout_s=PATIENCE_S)
    assert str(caught.value) == f"{endpoint} cannot be reached: connection refused"


async def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(Unreachable, match=r'there is no host "nowhere\.invalid"'):
        await dial(parse_endpoint("tcp://nowhere.invalid"), Recorder, timeout_s=PATIENCE_S)


async def test_a_server_that_never_answers_costs_the_deadline_and_no_more(contexts: Contexts) -> None:
    deaf, port = _deaf()
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        await dial(parse_endpoint(f"mbaps://127.0.0.1:{port}"), Recorder, tls=contexts.client, timeout_s=0.2)
    deaf.close()


async def test_cancelling_a_handshake_closes_it(contexts: Contexts) -> None:
    deaf, port = _deaf()
    deaf.setblocking(False)
    dialling = asyncio.ensure_future(
        dial(parse_endpoint(f"mbaps://127.0.0.1:{port}"), Recorder, tls=contexts.client, timeout_s=60)
    )
    loop = asyncio.get_running_loop()
    sock, _ = await loop.sock_accept(deaf)
    assert (await loop.sock_recv(sock, 1)) == b"\x16"  # the handshake has begun
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    while await loop.sock_recv(sock, 4096):
        pass
    sock.close()
    deaf.close()


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
async def test_a_cancellation_at_any_moment_leaves_nothing_open(contexts: Contexts, turns: int) -> None:
    book = RecordedEvents()
    endpoint = parse_endpoint("mbaps://127.0.0.1:0", listening=True)
    listener = await Listener.open(endpoint, admit_echo, tls=contexts.server, events=book)
    dialling = asyncio.ensure_future(dial(listener.endpoint, Recorder, tls=contexts.client, timeout_s=PATIENCE_S))
    for _ in range(turns):
        await asyncio.sleep(0)
    dialling.cancel()
    (outcome,) = await asyncio.gather(dialling, return_exceptions=True)
    if isinstance(outcome, tuple):
        outcome[0].abort()
    await close_drained(listener)


async def test_refusing_and_silent_addresses_do_not_delay_the_one_that_answers() -> None:
    answering = socket.create_server(("127.0.0.1", 0))
    silent, crowd = _black_hole()
    connected = await connect_first([_info(free_ports(1)), _info(silent.getsockname()[1]), _info(_port(answering))])
    assert connected.getpeername() == answering.getsockname()
    for sock in (connected, answering, silent, *crowd):
        sock.close()


async def test_when_no_address_connects_the_error_is_that_of_the_first() -> None:
    with pytest.raises(ConnectionRefusedError):
        await connect_first([_info(free_ports(1)), _info(free_ports(1))])


async def test_cancelling_closes_every_attempt() -> None:
    silent, crowd = _black_hole()
    trying = asyncio.ensure_future(connect_first([_info(_port(silent))] * 2))
    await asyncio.sleep(0)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    for sock in (silent, *crowd):
        sock.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("relay://relay.example/site-7", "no relay yet"),
        ("tcp://127.0.0.1:0", "can be listened on but not dialled"),
        ("tcp://:502", "can be listened on but not dialled"),
    ],
)
async def test_an_endpoint_that_cannot_be_dialled_is_a_configuration_error(url: str, problem: str) -> None:
    endpoint = parse_endpoint(url, listening=True)
    with pytest.raises(ConfigError, match=problem):
        await dial(endpoint, Recorder, timeout_s=PATIENCE_S)


async def test_certificates_are_needed_for_mbaps_and_refused_elsewhere(contexts: Contexts) -> None:
    with pytest.raises(ConfigError, match="needs a certificate"):
        await dial(parse_endpoint("mbaps://127.0.0.1"), Recorder, timeout_s=PATIENCE_S)
    with pytest.raises(ConfigError, match="the certificates mean nothing"):
        await dial(parse_endpoint("tcp://127.0.0.1"), Recorder, tls=contexts.client, timeout_s=PATIENCE_S)
    for careless in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()):
        careless.check_hostname = False
        with pytest.raises(LocalError, match="does not verify the server"):
            await dial(parse_endpoint("mbaps://127.0.0.1"), Recorder, tls=careless, timeout_s=PATIENCE_S)
