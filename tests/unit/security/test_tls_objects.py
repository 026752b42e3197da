"""The contexts of event loops make objects that send the alert of a failed handshake."""

from __future__ import annotations

import socket
import ssl

import pytest

from sealbus.security import alerts_to
from sealbus.security.tls_objects import EventLoopContext, SealedObject


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
