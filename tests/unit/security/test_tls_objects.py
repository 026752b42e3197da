"""The contexts of event loops make objects that send the alert of a failed handshake or read."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

import pki
from sealbus.security import Identity, Trust, alerts_to, build_client_context, build_server_context
from sealbus.security.tls_objects import EventLoopContext, SealedObject

if TYPE_CHECKING:
    from pathlib import Path


def wrapped(context: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing, server_side=True), incoming


def test_a_failed_handshake_sends_its_alert_to_the_socket_it_began_on() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with alerts_to(ours):
            tls, incoming = wrapped(EventLoopContext(ssl.PROTOCOL_TLS_SERVER))
        assert type(tls) is SealedObject
        incoming.write(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")  # a ClientHello without its body
        with pytest.raises(ssl.SSLError):
            tls.do_handshake()
        assert theirs.recv(16)[:1] == b"\x15"  # RFC 8446, 5.1: alert


def test_a_handshake_on_no_socket_fails_as_any_other() -> None:
    tls, incoming = wrapped(EventLoopContext(ssl.PROTOCOL_TLS_SERVER))
    incoming.write(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")
    with pytest.raises(ssl.SSLError):
        tls.do_handshake()


def connected(folder: Path) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.SSLObject]:
    """A server's end with a finished handshake, the buffer that it reads from, and the client's end."""
    root = pki.make_root()
    trust = Trust.load(pki.save_trust(folder / "ca.crt", root))
    identity = Identity.load(*pki.make_leaf(root, hosts=["127.0.0.1"]).save(folder, "peer"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = build_server_context(identity, trust).wrap_bio(to_server, to_client, server_side=True)
    client = build_client_context(identity, trust).wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for end in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    to_client.read()
    return server, to_server, client


@pytest.mark.parametrize("into", [None, bytearray(16)], ids=["bytes", "a buffer"])
def test_a_failed_read_sends_its_alert_and_raises(tmp_path: Path, into: bytearray | None) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with alerts_to(ours):
            server, incoming, client = connected(tmp_path)
        client.write(b"hello")
        assert server.read(16, into) == (5 if into else b"hello")
        with pytest.raises(ssl.SSLWantReadError):
            server.read(16, into)
        incoming.write(b"\x17\x03\x03\x00\x20" + bytes(32))  # RFC 8446, 5.2: its tag is wrong
        with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
            server.read(16, into)
        assert theirs.recv(64)[:3] == b"\x17\x03\x03"  # encrypted, as every alert of TLS 1.3 after the handshake
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(64)


def test_an_alert_for_a_closed_socket_is_dropped(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with alerts_to(ours):
        server, incoming, _ = connected(tmp_path)
    ours.close()
    theirs.close()
    incoming.write(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
        server.read(16)


def test_the_end_of_a_connection_sends_nothing(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with alerts_to(ours):
            server, incoming, client = connected(tmp_path)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.unwrap()
        assert server.read(16) == b""
        incoming.write_eof()
        assert server.read(16) == b""
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(64)
