"""Forwarding of the audit: over TLS to a verified server, framed as in RFC 5425, without loss when the server goes down."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import pytest

from pki import Credential, make_leaf, make_root, save_trust
from sealbus.errors import ConfigError
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.forwarding import SyslogForwarder
from sealbus.web.audit.models import Entry, Outlet, Result
from sealbus.web.audit.services import Event, append_all
from sealbus.web.audit.syslog import frame, render_message
from sealbus.web.audit.syslog_target import SyslogTarget, parse_syslog_target

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

pytestmark = pytest.mark.django_db

_DEADLINE_S = 15.0
_SEQUENCE = re.compile(r'sequence="(\d+)"')


class Listener:
    """A syslog server over TLS. `received` has whole messages; after `drop_after` of them it closes the connection."""

    def __init__(self, credential: Credential, folder: Path, client_trust: Path | None = None) -> None:
        certificate, key = credential.save(folder, "syslog")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        if client_trust is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(client_trust)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.received: list[str] = []
        self.drop_after = 0
        self.peers: list[object] = []
        self._has_received = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def wait_for(self, count: int) -> list[str]:
        with self._has_received:
            assert self._has_received.wait_for(lambda: len(self.received) >= count, _DEADLINE_S), self.received
            return list(self.received)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as wire:
                    self.peers.append(wire.getpeercert())
                    self._receive(wire)
            except OSError:
                continue

    def _receive(self, wire: ssl.SSLSocket) -> None:
        buffer, on_this = b"", 0
        while True:
            while (space := buffer.find(b" ")) > 0 and len(buffer) >= space + 1 + int(buffer[:space]):
                end = space + 1 + int(buffer[:space])
                with self._has_received:
                    self.received.append(buffer[space + 1 : end].decode())
                    self._has_received.notify_all()
                buffer, on_this = buffer[end:], on_this + 1
                if on_this == self.drop_after:
                    self.drop_after = 0
                    return
            piece = wire.recv(65536)
            if not piece:
                return
            buffer += piece


@pytest.fixture(scope="module")
def root() -> Credential:
    return make_root()


@pytest.fixture
def trust(root: Credential, tmp_path: Path) -> Path:
    return save_trust(tmp_path / "trust.pem", root)


def _some(count: int) -> None:
    append_all([Event(Actor(ActorKind.USER, 7, "anna"), f"test.{number}") for number in range(count)])


def _numbers(received: list[str]) -> list[int]:
    return [int(found[1]) for message in received if (found := _SEQUENCE.search(message))]


def _forward_all(forwarder: SyslogForwarder) -> None:
    while forwarder.forward_once():
        pass


def _server(root: Credential, *hosts: str) -> Credential:
    return make_leaf(root, hosts=hosts or ("127.0.0.1",))


def test_every_entry_arrives_once_in_order(root: Credential, trust: Path, tmp_path: Path) -> None:
    _some(450)
    with Listener(_server(root), tmp_path) as listener:
        forwarder = SyslogForwarder(SyslogTarget("127.0.0.1", listener.port, trust))
        _forward_all(forwarder)
        _some(3)
        _forward_all(forwarder)
        received = listener.wait_for(453)
        forwarder.close()
    assert _numbers(received) == list(range(1, 454))
    outlet = Outlet.objects.get(name="syslog")
    assert (outlet.sequence, outlet.problem) == (453, "")


def test_a_server_that_fails_in_the_middle_loses_no_entry(root: Credential, trust: Path, tmp_path: Path) -> None:
    _some(300)
    with Listener(_server(root), tmp_path) as listener:
        listener.drop_after = 120
        target = SyslogTarget("127.0.0.1", listener.port, trust)
        forwarder = SyslogForwarder(target)
        end = time.monotonic() + _DEADLINE_S
        while set(_numbers(listener.received)) != set(range(1, 301)):  # it hung up once, whenever that was noticed
            assert time.monotonic() < end, _numbers(listener.received)
            forwarder.forward_once()
        assert len(listener.peers) >= 2, "it was another connection that brought the rest"
        forwarder.close()
        again = SyslogForwarder(target)
        _forward_all(again)
        again.close()
        assert set(_numbers(listener.received)) == set(range(1, 301))


def test_entries_that_were_not_confirmed_are_sent_again_after_a_restart_and_marked(
    root: Credential, trust: Path, tmp_path: Path
) -> None:
    _some(5)
    Outlet.objects.create(name="syslog", sequence=5, settled=2)
    with Listener(_server(root), tmp_path) as listener:
        forwarder = SyslogForwarder(SyslogTarget("127.0.0.1", listener.port, trust))
        _forward_all(forwarder)
        assert _numbers(listener.wait_for(3)) == [3, 4, 5]
        forwarder.close()


@pytest.mark.parametrize("case", ["other name", "other authority", "expired", "plain"])
def test_nothing_is_sent_to_a_server_without_a_trusted_certificate(
    case: str, root: Credential, trust: Path, tmp_path: Path
) -> None:
    _some(1)
    credential = {
        "other name": lambda: _server(root, "syslog.example"),
        "other authority": lambda: _server(make_root()),
        "expired": lambda: make_leaf(
            root,
            hosts=("127.0.0.1",),
            not_before=datetime(2020, 1, 1, tzinfo=UTC),
            not_after=datetime(2021, 1, 1, tzinfo=UTC),
        ),
        "plain": lambda: _server(root),
    }[case]()
    with Listener(credential, tmp_path) as listener:
        port = listener.port
        plain = socket.create_server(("127.0.0.1", 0))
        if case == "plain":
            port = plain.getsockname()[1]
            threading.Thread(target=lambda: plain.accept()[0].close(), daemon=True).start()
        forwarder = SyslogForwarder(SyslogTarget("127.0.0.1", port, trust))
        assert forwarder.forward_once() == 0
        plain.close()
        assert listener.received == []
    outlet = Outlet.objects.get(name="syslog")
    assert outlet.sequence == 0
    assert outlet.problem.startswith(f"syslog+tls://127.0.0.1:{port}: ")


def test_a_server_that_requests_a_certificate_gets_ours(root: Credential, trust: Path, tmp_path: Path) -> None:
    _some(1)
    certificate, key = make_leaf(root).save(tmp_path, "client")
    with Listener(_server(root), tmp_path, client_trust=trust) as listener:
        bare = SyslogForwarder(SyslogTarget("127.0.0.1", listener.port, trust))
        assert bare.forward_once() == 0 or listener.received == []
        bare.close()
        forwarder = SyslogForwarder(SyslogTarget("127.0.0.1", listener.port, trust, certificate, key))
        for _ in range(2):
            forwarder.forward_once()
        assert _numbers(listener.wait_for(1)) == [1]
        assert listener.peers[-1]
        forwarder.close()


def test_an_unreachable_server_is_a_problem_that_names_it(trust: Path) -> None:
    _some(1)
    with socket.socket() as bound:  # and does not listen: no other program can take the port
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert SyslogForwarder(SyslogTarget("127.0.0.1", port, trust)).forward_once() == 0
    assert f"127.0.0.1:{port}" in Outlet.objects.get(name="syslog").problem


def test_a_message_has_the_format_of_rfc_5424() -> None:
    entry = Entry(
        sequence=7,
        time=datetime(2025, 3, 1, 12, 0, 0, 5, tzinfo=UTC),
        actor_kind="user",
        actor_name='a"b]c\\d\ne',
        address="192.0.2.1",
        action="session.login and a name that is far too long for it",
        target_kind="t",
        target_id="1",
        target_name="ü",
        result=Result.REFUSED,
        detail={"reason": "zu\nspät"},
        hash="ab" * 32,
    )
    assert render_message(entry, "plant 7").decode() == (
        "<108>1 2025-03-01T12:00:00.000005Z plant?7 sealbus - session.login?and?a?name?that?is "
        '[sealbus@32473 sequence="7" hash="' + "ab" * 32 + '" actor_kind="user" actor_name="a\\"b\\]c\\\\d?u000ae" '
        'address="192.0.2.1" target_kind="t" target_id="1" target_name="ü" result="refused"] '
        '\ufeff{"reason":"zu\\nspät"}'
    )
    assert frame("ü".encode()) == b"2 \xc3\xbc"


@pytest.mark.parametrize(
    "url", ["syslog://host", "syslog+tls://", "syslog+tls://host:70000", "syslog+tls://host/path", "https://host"]
)
def test_an_invalid_syslog_setting_is_refused_by_the_name_of_its_key(url: str) -> None:
    with pytest.raises(ConfigError, match="SEALBUS_SYSLOG_URL"):
        parse_syslog_target(url)


def test_a_target_is_read_with_its_port(tmp_path: Path) -> None:
    assert parse_syslog_target("") is None
    assert parse_syslog_target("syslog+tls://log.example") == SyslogTarget("log.example", 6514)
    assert parse_syslog_target("syslog+tls://Log.EXAMPLE.:6515") == SyslogTarget("log.example", 6515)
    with pytest.raises(ConfigError, match="SEALBUS_SYSLOG_KEY"):
        parse_syslog_target("syslog+tls://log.example:1", certificate=tmp_path)
