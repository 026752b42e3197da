"""A peer is known after a full handshake, and again, role and all, after a resumed one; never without a new look."""

from __future__ import annotations

import hashlib
import ssl
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki import (
    EDI_PARTY_NAME,
    FAR_OFF,
    NOW,
    TOMORROW,
    X400_ADDRESS,
    Credential,
    careless_client,
    handshake,
    make_crl,
    make_leaf,
    make_root,
    negative_serial,
    odd_names,
    rsa_key,
    save_crl,
    save_trust,
    utf8_string,
    weakly_signed,
)
from sealbus.errors import PeerError
from sealbus.security import (
    Identity,
    Peer,
    PeerRole,
    PeerVerifier,
    RoleFinding,
    TlsOptions,
    Trust,
    build_client_context,
    build_server_context,
    explain_tls_error,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import CertificateRevocationList

both_versions = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])

ROOT = make_root()
ISSUER = make_root("Test issuer", issuer=ROOT)
SERVER = make_leaf(ROOT, "plc", hosts=["plc.example"], key=rsa_key())
OPERATOR = make_leaf(ROOT, "operator", role="Operator", serial=0x0ABC)


class Gate:
    """A server context with its verifier, and clients that come to it."""

    def __init__(
        self, folder: Path, *roots: Credential, lists: tuple[CertificateRevocationList, ...] = (), unsafe: bool = False
    ) -> None:
        self.folder = folder
        self.trust = Trust.load(save_trust(folder / "ca.crt", *(roots or (ROOT,))), save_crl(folder / "ca.crl", *lists))
        options = TlsOptions(unsafe_null_encryption=unsafe)
        self.context = build_server_context(Identity.load(*SERVER.save(folder, "plc")), self.trust, options)
        self.verifier = PeerVerifier(self.trust)
        self._open: list[ssl.SSLObject] = []

    def meet(self, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> tuple[Peer, ssl.SSLSession]:
        server, end = handshake(self.context, client, session=session)
        assert server.session_reused is (session is not None)
        self._open.append(server)  # OpenSSL drops the session of a connection that is dropped without a close
        assert end.session is not None
        return self.verifier.peer(server, NOW), end.session

    def client(self, credential: Credential, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        return careless_client(self.folder, credential, version=version)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@both_versions
def test_a_peer_is_its_leaf_its_role_and_its_whole_chain(gate: Gate, version: ssl.TLSVersion) -> None:
    peer, _ = gate.meet(gate.client(OPERATOR, version))
    assert peer == Peer(
        subject="CN=operator",
        serial="0ABC",
        fingerprint=hashlib.sha256(OPERATOR.der).hexdigest(),
        role=PeerRole("Operator", RoleFinding.PRESENT),
        not_before=OPERATOR.certificate.not_valid_before_utc,
        not_after=FAR_OFF,
        chain=(OPERATOR.der, ROOT.der),
    )


@both_versions
def test_a_peer_ends_with_the_first_certificate_of_its_chain(tmp_path: Path, version: ssl.TLSVersion) -> None:
    root = make_root(not_after=TOMORROW)
    gate = Gate(tmp_path, root)
    assert gate.meet(gate.client(make_leaf(root), version))[0].not_after == TOMORROW


@both_versions
def test_a_resumed_session_has_the_role_again(gate: Gate, version: ssl.TLSVersion) -> None:
    client = gate.client(make_leaf(ISSUER, role="Operator"), version)
    first, session = gate.meet(client)
    second, session = gate.meet(client, session)
    third, _ = gate.meet(client, session)
    assert first == second == third
    assert first.role.value == "Operator"


@both_versions
def test_sessions_of_two_peers_are_not_mixed_up(gate: Gate, version: ssl.TLSVersion) -> None:
    viewer = gate.client(make_leaf(ROOT, "viewer", role="Viewer"), version)
    operator = gate.client(OPERATOR, version)
    _, viewers = gate.meet(viewer)
    _, operators = gate.meet(operator)
    assert gate.meet(viewer, viewers)[0].role.value == "Viewer"
    assert gate.meet(operator, operators)[0].role.value == "Operator"


@both_versions
@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (FAR_OFF + timedelta(seconds=1), "a certificate of its chain expired"),
        (NOW - timedelta(days=400), "is not valid before"),
    ],
)
def test_a_session_is_not_resumed_outside_the_dates_of_its_certificates(
    gate: Gate, version: ssl.TLSVersion, later: object, reason: str
) -> None:
    client = gate.client(OPERATOR, version)
    _, session = gate.meet(client)
    server, _ = handshake(gate.context, client, session=session)
    with pytest.raises(PeerError, match=reason):
        gate.verifier.peer(server, later)  # type: ignore[arg-type]


@both_versions
def test_a_session_is_not_resumed_once_its_list_is_out_of_date(tmp_path: Path, version: ssl.TLSVersion) -> None:
    gate = Gate(tmp_path, lists=(make_crl(ROOT, next_update=TOMORROW),))
    client = gate.client(OPERATOR, version)
    _, session = gate.meet(client)
    gate.meet(client, session)
    server, _ = handshake(gate.context, client, session=gate.meet(client)[1])
    with pytest.raises(PeerError, match="out of date"):
        gate.verifier.peer(server, TOMORROW + timedelta(seconds=1))


@both_versions
def test_a_change_of_trust_makes_a_context_that_resumes_nothing_of_the_old_one(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    before = Gate(tmp_path)
    client = before.client(OPERATOR, version)
    peer, session = before.meet(client)
    after = Gate(tmp_path, lists=(make_crl(ROOT, [OPERATOR]),))
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        handshake(after.context, client, session=session)
    assert after.trust.objection(peer, NOW) == "the certificate of CN=operator was revoked"


@both_versions
def test_a_resumed_leaf_that_this_verifier_never_verified_is_refused(gate: Gate, version: ssl.TLSVersion) -> None:
    client = gate.client(OPERATOR, version)
    _, session = gate.meet(client)
    server, _ = handshake(gate.context, client, session=session)
    with pytest.raises(PeerError, match="a full handshake is needed"):
        PeerVerifier(gate.trust).peer(server, NOW)


@both_versions
def test_no_session_is_resumed_after_a_fatal_alert(gate: Gate, version: ssl.TLSVersion) -> None:
    client = gate.client(OPERATOR, version)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = gate.context.wrap_bio(to_server, to_client, server_side=True)
    end = client.wrap_bio(to_client, to_server)
    for _ in range(4):
        for side in (end, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    with suppress(ssl.SSLWantReadError):
        end.read(1)
    session = end.session
    assert session is not None
    gate.verifier.peer(server, NOW)
    to_server.write(bytes.fromhex("17 03 03 00 20") + bytes(32))  # a record that was not encrypted
    with pytest.raises(ssl.SSLError, match="DECRYPTION_FAILED_OR_BAD_RECORD_MAC"):
        server.read(1)
    again, _ = handshake(gate.context, client, session=session)
    assert again.session_reused is False


def test_the_memory_of_a_verifier_is_bounded_and_keeps_the_latest_peers(gate: Gate) -> None:
    gate.verifier = PeerVerifier(gate.trust, remembered=2)
    clients = [gate.client(make_leaf(ROOT, str(number)), ssl.TLSVersion.TLSv1_2) for number in range(3)]
    first, first_end = handshake(gate.context, clients[0])
    gate.verifier.peer(first, NOW)
    second, second_end = handshake(gate.context, clients[1])
    gate.verifier.peer(second, NOW)
    gate.meet(clients[0], first_end.session)  # seen again: the second is now the oldest
    gate.meet(clients[2])
    assert gate.meet(clients[0], first_end.session)[0].subject == "CN=0"
    with pytest.raises(PeerError, match="a full handshake is needed"):
        gate.meet(clients[1], second_end.session)


@both_versions
@pytest.mark.parametrize(
    ("leaf", "detail"),
    [
        (make_leaf(ROOT), "it has no role extension"),
        (make_leaf(ROOT, role="Operator", role_der=[utf8_string(b"Admin")]), "the role occurs twice"),
        (make_leaf(ROOT, role_der=[b"\x13\x05Admin"]), "the role has ASN.1 tag 13, not 0C (UTF8String)"),
        (make_leaf(ROOT, role_der=[utf8_string(b"r" * 65_536)]), "the role has 65536 bytes, more than 1024"),
    ],
)
def test_the_handshake_completes_and_resumes_with_any_role(
    gate: Gate, version: ssl.TLSVersion, leaf: Credential, detail: str
) -> None:
    client = gate.client(leaf, version)
    peer, session = gate.meet(client)
    assert (peer.role.value, peer.role.detail) == ("", detail)
    assert gate.meet(client, session)[0] == peer


@both_versions
@pytest.mark.parametrize("key_usage", [True, False])
def test_the_certificate_of_an_authority_does_not_identify_a_peer(
    gate: Gate, version: ssl.TLSVersion, key_usage: bool
) -> None:
    authority = make_leaf(ROOT, role="Operator", authority=True, key_usage=key_usage, usages=None)
    with pytest.raises(PeerError, match="the certificate of an authority"):
        gate.meet(gate.client(authority, version))


@both_versions
def test_a_short_key_is_refused_even_with_null_encryption_allowed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    gate = Gate(tmp_path, unsafe=True)
    with pytest.raises(PeerError, match="its RSA key has 1024 bits"):
        gate.meet(gate.client(make_leaf(ROOT, key=rsa_key(1024)), version))
    gate.meet(gate.client(OPERATOR, version))


def test_a_curve_below_p_256_is_refused(gate: Gate) -> None:
    key = ec.generate_private_key(ec.SECP224R1())
    with pytest.raises(ssl.SSLError) as caught:
        gate.meet(gate.client(make_leaf(ROOT, key=key), ssl.TLSVersion.TLSv1_2))
    assert explain_tls_error(caught.value) == "the key of its certificate is on a curve that is not allowed here"
    below = make_leaf(make_root("Small issuer", issuer=ROOT, key=key))
    with pytest.raises(PeerError, match="CN=Small issuer is refused: its key is on a curve of 224 bits"):
        gate.meet(gate.client(below, ssl.TLSVersion.TLSv1_2))


@both_versions
def test_a_signature_with_sha_224_is_refused(gate: Gate, version: ssl.TLSVersion) -> None:
    with pytest.raises(PeerError, match="it is signed with SHA224"):
        gate.meet(gate.client(make_leaf(ROOT, algorithm=hashes.SHA224()), version))
    gate.meet(gate.client(make_leaf(ROOT, algorithm=hashes.SHA384()), version))


@pytest.mark.needs("openssl")
@both_versions
def test_a_weak_signature_is_refused_even_with_null_encryption_allowed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    gate = Gate(tmp_path, unsafe=True)
    with pytest.raises(PeerError, match="it is signed with SHA1"):
        gate.meet(gate.client(weakly_signed(tmp_path, ROOT), version))


def test_a_subject_is_shown_on_one_line(gate: Gate) -> None:
    peer, _ = gate.meet(gate.client(make_leaf(ROOT, "admin\r\nDenied \x1b[2J")))
    assert peer.subject == "CN=admin\\r\\nDenied \\x1b[2J"


@both_versions
def test_a_client_identifies_its_server_in_the_same_way(gate: Gate, version: ssl.TLSVersion, tmp_path: Path) -> None:
    client = build_client_context(Identity.load(*OPERATOR.save(tmp_path, "operator")), gate.trust)
    client.maximum_version = version
    _, end = handshake(gate.context, client, host="plc.example")
    assert PeerVerifier(gate.trust).peer(end, NOW).subject == "CN=plc"


def test_without_a_certificate_there_is_no_peer(gate: Gate) -> None:
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    careless.load_cert_chain(gate.folder / "plc.crt", gate.folder / "plc.key")
    server, _ = handshake(careless, careless_client(gate.folder, None))
    with pytest.raises(PeerError, match="no certificate was sent"):
        gate.verifier.peer(server, NOW)


def test_an_extension_that_only_openssl_can_read_does_not_hide_the_role(gate: Gate) -> None:
    policies = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.32"), b"\x04\x01a")
    peer, _ = gate.meet(gate.client(make_leaf(ROOT, role="Operator", extra=[(policies, False)])))
    assert (peer.role.value, peer.role.finding) == ("Operator", RoleFinding.PRESENT)
    assert peer.role.detail.startswith("its certificate policies (2.5.29.32) cannot be read: ")


@both_versions
@pytest.mark.parametrize("names", [X400_ADDRESS, EDI_PARTY_NAME], ids=["x400Address", "ediPartyName"])
def test_a_peer_with_a_name_that_only_openssl_can_read_keeps_its_role(
    gate: Gate, names: bytes, version: ssl.TLSVersion
) -> None:
    peer, _ = gate.meet(gate.client(make_leaf(ROOT, role="Operator", extra=odd_names(names)), version))
    assert (peer.role.value, peer.role.finding) == ("Operator", RoleFinding.PRESENT)
    assert "its subject alternative name (2.5.29.17) cannot be read" in peer.role.detail


def test_an_authority_with_such_a_name_is_refused_as_a_peer_all_the_same(gate: Gate) -> None:
    authority = make_leaf(ROOT, role="Operator", authority=True, extra=odd_names(X400_ADDRESS))
    with pytest.raises(PeerError, match="the certificate of an authority"):
        gate.meet(gate.client(authority))


def test_a_trust_file_may_have_an_authority_with_such_a_name(tmp_path: Path) -> None:
    root = make_root("Old root", extra=odd_names(X400_ADDRESS))
    gate = Gate(tmp_path, root, ROOT, lists=(make_crl(root), make_crl(ROOT)))
    assert gate.meet(gate.client(make_leaf(root, role="Operator")))[0].role == PeerRole("Operator", RoleFinding.PRESENT)
    gate = Gate(tmp_path, root, ROOT, lists=(make_crl(root, [OPERATOR]), make_crl(ROOT)))
    with pytest.raises(ssl.SSLError, match="revoked"):
        gate.meet(gate.client(make_leaf(root, serial=OPERATOR.certificate.serial_number)))


@both_versions
@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # cryptography means to refuse them one day
def test_a_peer_with_a_negative_serial_number_is_admitted(gate: Gate, tmp_path: Path, version: ssl.TLSVersion) -> None:
    server, _ = handshake(gate.context, gate.client(negative_serial(tmp_path, ROOT), version))
    peer = gate.verifier.peer(server, NOW + timedelta(hours=1))  # it begins now
    assert (peer.serial, peer.subject) == ("-05", "CN=peer")
    assert peer.role == PeerRole("Operator", RoleFinding.PRESENT)
