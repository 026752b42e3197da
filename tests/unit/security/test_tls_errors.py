"""Each common failure is one plain sentence, the same on both sides where both can know it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from pki import SERVER, YESTERDAY, Credential, careless_client, handshake, make_leaf, make_root, save_trust
from sealbus.security import Identity, Trust, build_client_context, build_server_context, explain_tls_error

if TYPE_CHECKING:
    from pathlib import Path

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
ROOT = make_root()


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    trust = Trust.load(save_trust(folder / "ca.crt", ROOT))
    identity = Identity.load(*make_leaf(ROOT, hosts=["plc.example"]).save(folder, "plc"))
    return build_server_context(identity, trust), build_client_context(identity, trust)


def _server_error(folder: Path, data: bytes) -> str:
    incoming = ssl.MemoryBIO()
    end = _contexts(folder)[0].wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    incoming.write(data)
    with pytest.raises(ssl.SSLError) as caught:
        end.do_handshake()
    return explain_tls_error(caught.value)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n", "plain HTTP arrived where TLS was expected"),
        (b"CONNECT plc:802 HTTP/1.1\r\n\r\n", "an HTTP proxy request arrived where TLS was expected"),
        (bytes.fromhex("0001 0000 0006 01 03 0000 000A"), "plain bytes arrived where TLS was expected"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "plain bytes arrived where TLS was expected"),
    ],
)
def test_other_protocols_on_a_tls_port_are_named(tmp_path: Path, data: bytes, sentence: str) -> None:
    assert _server_error(tmp_path, data) == sentence


def test_a_plain_modbus_answer_to_a_tls_client_is_named(tmp_path: Path) -> None:
    incoming = ssl.MemoryBIO()
    end = _contexts(tmp_path)[1].wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="plc.example")
    incoming.write(bytes.fromhex("0001 0000 0003 01 83 01 00 00"))
    with pytest.raises(ssl.SSLError) as caught:
        end.do_handshake()
    assert explain_tls_error(caught.value) == "plain bytes arrived where TLS was expected"


def test_a_closed_connection_is_reported_as_closed(tmp_path: Path) -> None:
    incoming = ssl.MemoryBIO()
    end = _contexts(tmp_path)[0].wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    incoming.write_eof()
    with pytest.raises(ssl.SSLError) as caught:
        end.do_handshake()
    assert explain_tls_error(caught.value) == "the peer closed the connection without giving a reason"


def _client_error(folder: Path, credential: Credential | None, version: ssl.TLSVersion) -> str:
    """What the client learns from the alert of a server that refuses it; in TLS 1.3 that is after its handshake."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = _contexts(folder)[0].wrap_bio(to_server, to_client, server_side=True)
    client = careless_client(folder, credential, version=version).wrap_bio(to_client, to_server)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                if end is client:
                    return explain_tls_error(error)
    with pytest.raises(ssl.SSLError) as caught:
        client.read(1)
    return explain_tls_error(caught.value)


@pytest.mark.parametrize(
    ("kind", "version", "sentence"),
    [
        ("none", TLS_1_2, "the peer refuses the handshake: no certificate, or no cipher suite in common"),
        ("none", TLS_1_3, "the peer requires a certificate and got none"),
        ("expired", TLS_1_2, "the peer refuses our certificate: it reports that it, or a revocation list, has expired"),
        ("expired", TLS_1_3, "the peer refuses our certificate: it reports that it, or a revocation list, has expired"),
        ("foreign", TLS_1_2, "the peer refuses our certificate: it does not trust its authority"),
        ("foreign", TLS_1_3, "the peer refuses our certificate: it does not trust its authority"),
        ("for servers", TLS_1_3, "the peer refuses our certificate: it reports that it is not meant for this use"),
    ],
)
def test_the_refused_side_gets_the_reason(tmp_path: Path, kind: str, version: ssl.TLSVersion, sentence: str) -> None:
    credential = {
        "none": None,
        "expired": make_leaf(ROOT, not_after=YESTERDAY),
        "foreign": make_leaf(make_root("Foreign")),
        "for servers": make_leaf(ROOT, usages=[SERVER]),
    }[kind]
    assert _client_error(tmp_path, credential, version) == sentence


def test_no_version_and_no_suite_in_common_are_different_errors(tmp_path: Path) -> None:
    server, _ = _contexts(tmp_path)
    with pytest.raises(ssl.SSLError) as caught:
        handshake(server, careless_client(tmp_path, None, version=TLS_1_2, ciphers="NULL-SHA256"))
    assert explain_tls_error(caught.value) == "there is no cipher suite in common"
    server.minimum_version = TLS_1_3
    with pytest.raises(ssl.SSLError) as caught:
        handshake(server, careless_client(tmp_path, None, version=TLS_1_2))
    assert "no TLS version that is allowed here" in explain_tls_error(caught.value)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ConnectionResetError(104, "Connection reset by peer"),
            "the peer closed the connection without giving a reason",
        ),
        (BrokenPipeError(32, "Broken pipe"), "the peer closed the connection without giving a reason"),
        (TimeoutError(), "the handshake took too long"),
        (ConnectionAbortedError("SSL handshake is taking longer than 10.0 seconds"), "the handshake took too long"),
        (ConnectionAbortedError("aborted"), "the connection was aborted"),
        (
            ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)"),
            "the peer closed the connection without giving a reason",
        ),
        (ssl.SSLError(1, "[SSL] something\nodd"), "TLS failed: [SSL] something odd"),
        (OSError(113, "No route to host"), "[Errno 113] No route to host"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_other_errors_are_one_line_too(error: BaseException, sentence: str) -> None:
    assert explain_tls_error(error) == sentence


def test_an_unknown_reason_is_passed_on() -> None:
    error = ssl.SSLError(1, "[SSL: BAD_EXTENSION] bad extension")
    error.reason = "BAD_EXTENSION"
    assert explain_tls_error(error) == "TLS failed: bad extension"
    failure = ssl.SSLCertVerificationError(1, "odd")
    failure.verify_code, failure.verify_message = 999, "something new"
    assert explain_tls_error(failure) == "its certificate was not accepted: something new"
