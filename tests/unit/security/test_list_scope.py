"""A revocation list is judged as OpenSSL judges it: refused when it is read, or used for the same certificates."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from pki import NOW, Credential, careless_client, handshake, make_crl, make_leaf, make_root, save_crl, save_trust
from sealbus.errors import ConfigError
from sealbus.security import Identity, PeerVerifier, Trust, build_server_context

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

POINT = x509.UniformResourceIdentifier("http://pki.example/part-1.crl")
OTHER_POINT = x509.UniformResourceIdentifier("http://pki.example/part-2.crl")

_Extensions = list[tuple[x509.ExtensionType, bool]]


def issuing_point(
    *,
    name: x509.GeneralName | None = None,
    users: bool = False,
    authorities: bool = False,
    reasons: frozenset[x509.ReasonFlags] | None = None,
    indirect: bool = False,
    attributes: bool = False,
) -> _Extensions:
    point = x509.IssuingDistributionPoint(
        [name] if name else None, None, users, authorities, reasons, indirect, attributes
    )
    return [(point, True)]


def points(name: x509.GeneralName) -> _Extensions:
    point = x509.DistributionPoint([name], None, None, None)
    return [(x509.CRLDistributionPoints([point]), False)]


UNKNOWN: _Extensions = [
    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.99"), b"\x05\x00"), True)
]

ROOT = make_root(extra=points(POINT))
PEER = make_leaf(ROOT, extra=points(POINT))
SERVER = make_leaf(ROOT, "plc", hosts=["plc.example"])
PLAIN_ROOT = make_root("Plain root")
PLAIN_PEER = make_leaf(PLAIN_ROOT)
ISSUER = make_root("Test issuer", issuer=PLAIN_ROOT)

USERS, AUTHORITIES = issuing_point(users=True), issuing_point(authorities=True)
UNUSABLE: dict[str, tuple[Sequence[_Extensions], str]] = {
    "an indirect list": ([issuing_point(indirect=True)], "it is an indirect list"),
    "a list for some reasons": (
        [issuing_point(reasons=frozenset({x509.ReasonFlags.key_compromise}))],
        "only revocations for some reasons",
    ),
    "a list of attribute certificates": ([issuing_point(attributes=True)], "it is a list of attribute certificates"),
    "an unknown critical extension": ([UNKNOWN], "critical extension 1.3.6.1.4.1.50316.802.99"),
    "users only": ([USERS], "do not cover the certificate of CN=Plain root"),
    "authorities only": ([AUTHORITIES], "cover the certificates of authorities only"),
    "a distribution point that no certificate names": (
        [issuing_point(name=POINT)],
        "do not cover the certificate of CN=Plain root",
    ),
}


def _accepts_by_openssl(folder: Path, root: Credential, peer: Credential, trust: Trust) -> bool:
    own = make_leaf(root, "plc", hosts=["plc.example"])
    server = build_server_context(Identity.load(*own.save(folder, "plc")), trust)
    try:
        end, _ = handshake(server, careless_client(folder, peer))
    except ssl.SSLError:
        return False
    peer_of = PeerVerifier(trust).peer(end, NOW)  # raises where the two do not agree
    return bool(peer_of.chain)


def _load_unchecked(folder: Path, root: Credential, lists: list[x509.CertificateRevocationList]) -> ssl.SSLContext:
    """A server context of OpenSSL alone."""
    own = make_leaf(root, "plc", hosts=["plc.example"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*own.save(folder, "plc"))
    for path in [save_trust(folder / "bare.crt", root), *save_crl(folder / "bare.crl", *lists)]:
        context.load_verify_locations(path)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    return context


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_list_that_openssl_does_not_use_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    extensions, reason = UNUSABLE[kind]
    lists = [make_crl(PLAIN_ROOT, extra=each) for each in extensions]
    with pytest.raises(ssl.SSLError):
        handshake(_load_unchecked(tmp_path, PLAIN_ROOT, lists), careless_client(tmp_path, PLAIN_PEER))
    files = save_crl(tmp_path / "ca.crl", *lists)
    with pytest.raises(ConfigError, match=reason) as caught:
        Trust.load(save_trust(tmp_path / "ca.crt", PLAIN_ROOT), files)
    assert caught.value.file == str(files[0])
    assert caught.value.hint


def test_a_delta_list_is_refused_because_openssl_takes_it_for_a_complete_one(tmp_path: Path) -> None:
    """The base list revoked the peer; the delta list holds nothing, since nothing changed."""
    delta = make_crl(PLAIN_ROOT, extra=[(x509.DeltaCRLIndicator(1), True)])
    handshake(_load_unchecked(tmp_path, PLAIN_ROOT, [delta]), careless_client(tmp_path, PLAIN_PEER))
    base = make_crl(PLAIN_ROOT, [PLAIN_PEER])
    for lists in ([delta], [base, delta]):
        with pytest.raises(ConfigError, match="it is a delta list, which holds only the changes since its base list"):
            Trust.load(save_trust(tmp_path / "ca.crt", PLAIN_ROOT), save_crl(tmp_path / "ca.crl", *lists))


def test_a_list_with_an_entry_that_openssl_does_not_understand_is_refused(tmp_path: Path) -> None:
    entry = make_crl(PLAIN_ROOT, [SERVER], entry_extra=UNKNOWN)
    with pytest.raises(ssl.SSLError):
        handshake(_load_unchecked(tmp_path, PLAIN_ROOT, [entry]), careless_client(tmp_path, PLAIN_PEER))
    with pytest.raises(ConfigError, match="an entry has the critical extension"):
        Trust.load(save_trust(tmp_path / "ca.crt", PLAIN_ROOT), save_crl(tmp_path / "ca.crl", entry))


USABLE: dict[str, tuple[Credential, Credential, Sequence[_Extensions]]] = {
    "a whole list": (PLAIN_ROOT, PLAIN_PEER, [[]]),
    "users and authorities in a list each": (PLAIN_ROOT, PLAIN_PEER, [USERS, AUTHORITIES]),
    "a distribution point that every certificate names": (ROOT, PEER, [issuing_point(name=POINT)]),
    "an unknown extension that is not critical": (PLAIN_ROOT, PLAIN_PEER, [[(UNKNOWN[0][0], False)]]),
}


@pytest.mark.parametrize("kind", USABLE)
def test_a_list_that_openssl_uses_is_used(tmp_path: Path, kind: str) -> None:
    root, peer, extensions = USABLE[kind]
    lists = save_crl(tmp_path / "ca.crl", *(make_crl(root, extra=each) for each in extensions))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", root), lists)
    assert _accepts_by_openssl(tmp_path, root, peer, trust)
    assert trust.warnings == []
    revoking = save_crl(tmp_path / "ca.crl", *(make_crl(root, [peer], extra=each) for each in extensions))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", root), revoking)
    assert not _accepts_by_openssl(tmp_path, root, peer, trust)


def test_a_peer_outside_the_distribution_point_of_the_list_is_refused(tmp_path: Path) -> None:
    lists = save_crl(tmp_path / "ca.crl", make_crl(ROOT, extra=issuing_point(name=POINT)))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", ROOT), lists)
    for points_of_peer in ([], points(OTHER_POINT)):
        peer = make_leaf(ROOT, extra=points_of_peer)
        assert not _accepts_by_openssl(tmp_path, ROOT, peer, trust)
        objection = trust.revocation.objection(peer.certificate, ROOT.certificate, NOW)
        assert objection == "no revocation list of CN=Test root covers the certificate of CN=peer"


def test_a_list_of_an_authority_that_may_not_sign_lists_does_not_count(tmp_path: Path) -> None:
    root = make_root("No lists", crl_sign=False)
    peer = make_leaf(root)
    lists = save_crl(tmp_path / "ca.crl", make_crl(root))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", root), lists)
    assert not _accepts_by_openssl(tmp_path, root, peer, trust)
    assert trust.revocation.objection(peer.certificate, root.certificate, NOW) == (
        "there is no revocation list of CN=No lists"
    )


def test_a_list_that_names_another_key_of_its_issuer_does_not_count(tmp_path: Path) -> None:
    other = x509.AuthorityKeyIdentifier(b"another key", None, None)
    lists = save_crl(tmp_path / "ca.crl", make_crl(PLAIN_ROOT, extra=[(other, False)]))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", PLAIN_ROOT), lists)
    assert not _accepts_by_openssl(tmp_path, PLAIN_ROOT, PLAIN_PEER, trust)
    assert trust.revocation.objection(PLAIN_PEER.certificate, PLAIN_ROOT.certificate, NOW) is not None


def test_a_list_without_its_issuer_in_the_trust_files_is_a_warning(tmp_path: Path) -> None:
    both = save_crl(tmp_path / "both.crl", make_crl(PLAIN_ROOT), make_crl(ISSUER))
    (warning,) = Trust.load(save_trust(tmp_path / "ca.crt", PLAIN_ROOT), both).warnings
    assert warning.startswith(
        f"{both[1]}: no certificate of the trust files signed this revocation list of CN=Test issu"
    )
    assert Trust.load(save_trust(tmp_path / "ca.crt", PLAIN_ROOT, ISSUER), both).warnings == []
