"""The verified identity of the other end of a TLS connection.

A full handshake verifies a chain; that chain is read from the TLS library and becomes a `Peer`. A resumed handshake (R-42)
verifies nothing: the library returns the leaf of the first handshake and checks neither expiry nor revocation nor trust
again. So the verified chain is kept by the fingerprint of its leaf. On resumption it is looked up, and everything is
checked again (`Trust.objection`). A resumed session whose leaf this verifier never verified is refused. The role belongs
to the leaf and so returns with it (MODBUS/TCP Security v36, 8.4).

Checked here in addition to OpenSSL, for all peers:
* The certificate of an authority (basic constraints CA:TRUE) cannot identify a device or person: the holder of an
  authority's key must not also be admitted by accident.
* Every key of the chain is one of ACCEPTED_KEYS (R-61). OpenSSL also takes DSA (in TLS 1.2) and Ed448, and Python's `ssl`
  cannot stop it from offering them: it has no call for signature algorithms.
* No signature below the root uses MD5, SHA-1 or SHA-224. OpenSSL refuses short keys, MD5 and SHA-1 at its security level 2;
  this catches them when `unsafe_null_encryption` had to lower that level.
A client makes the checks of keys and signatures at the end of its handshake (`refuse_weak_chain`), before a request is sent.

The verifier of a server belongs to one context and one `Trust`; a change of trust replaces all three. Connections that are
dialled resume no session, so a verifier may be made for each. Memory is bounded: the leaf not seen for the longest time is
dropped, and its next connection needs a full handshake.
"""

from __future__ import annotations

import hashlib
import ssl
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sealbus.errors import PeerError
from sealbus.security.extensions import is_authority
from sealbus.security.names import render_name, render_serial
from sealbus.security.parsing import UNPARSABLE, why_unparsable
from sealbus.security.peer import Peer
from sealbus.security.roles import role_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sealbus.security.trust import Trust

__all__ = ["ACCEPTED_KEYS", "WEAK_HASHES", "PeerVerifier", "refuse_weak_chain", "weakness_of"]

_REMEMBERED_PEERS: Final = 20_480
"""As many as the sessions that OpenSSL keeps for one context at most. A context is normally replaced earlier, after
`contexts._SESSIONS_KEPT` sessions."""

ACCEPTED_KEYS: Final = "RSA from 2048 bits (RSA-PSS included), EC from P-256, and Ed25519"

WEAK_HASHES = (hashes.MD5, hashes.SHA1, hashes.SHA224)
"""R-50 and R-51 forbid MD5 and SHA-1 in HMAC; in signatures they are weaker still. SHA-224 is below the SHA-256 of R-52."""


class PeerVerifier:
    """Turns finished handshakes of one context into peers. `remembered` bounds the number of chains kept."""

    def __init__(self, trust: Trust, *, remembered: int = _REMEMBERED_PEERS) -> None:
        self._trust = trust
        self._remembered = remembered
        self._peers: OrderedDict[str, Peer] = OrderedDict()

    def peer(self, ssl_object: ssl.SSLObject | ssl.SSLSocket, now: datetime) -> Peer:
        """The peer of a finished handshake. Raises PeerError with the reason for a refusal."""
        leaf = ssl_object.getpeercert(binary_form=True)
        if not leaf:
            raise PeerError("no certificate was sent")
        fingerprint = hashlib.sha256(leaf).hexdigest()
        peer = self._peers.get(fingerprint)
        if ssl_object.session_reused:
            if peer is None:
                raise PeerError("the session to resume is no longer known; a full handshake is needed")
        else:
            chain = _verified_chain(ssl_object)
            if peer is None or peer.chain != chain:  # else: known, by the same chain
                peer = _build_peer(chain, fingerprint)
        if objection := self._trust.objection(peer, now):
            raise PeerError(objection)
        self._remember(peer)
        return peer

    def _remember(self, peer: Peer) -> None:
        self._peers[peer.fingerprint] = peer
        self._peers.move_to_end(peer.fingerprint)
        while len(self._peers) > self._remembered:
            self._peers.popitem(last=False)


def refuse_weak_chain(ssl_object: ssl.SSLObject) -> None:
    """Check the keys and signatures of the chain that a handshake verified. Raises ssl.SSLCertVerificationError."""
    try:
        objection = _weakness_in([x509.load_der_x509_certificate(der) for der in _verified_chain(ssl_object)])
    except UNPARSABLE as error:
        objection = f"it cannot be parsed: {why_unparsable(error)}"
    if objection:
        refusal = ssl.SSLCertVerificationError(1, objection)
        refusal.verify_message = objection
        raise refusal


def weakness_of(certificate: x509.Certificate, *, is_root: bool = False) -> str | None:
    """What is refused about the key or, except in a root, the signature of a certificate; None if nothing is."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            return f"its RSA key has {key.key_size} bits, fewer than 2048"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < 256:
            return f"its key is on a curve of {key.curve.key_size} bits, fewer than 256"
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        # A list of what is accepted, not of what is refused: an unknown kind of key is refused.
        return f"its key is {type(key).__name__.removesuffix('PublicKey')}; accepted are {ACCEPTED_KEYS}"
    if not is_root and isinstance(certificate.signature_hash_algorithm, WEAK_HASHES):
        return f"it is signed with {certificate.signature_hash_algorithm.name.upper()}"
    return None


def _verified_chain(ssl_object: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """The chain that the handshake verified, DER, leaf first.

    `get_verified_chain` is public from Python 3.13 on and returns bytes. Before, the same call exists only on the
    object underneath, and returns objects of the `_ssl` module.
    """
    public = getattr(ssl_object, "get_verified_chain", None)
    if public is not None:
        return tuple(public())
    inner = ssl_object._sslobj  # type: ignore[union-attr]
    der = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]
    return tuple(certificate.public_bytes(der) for certificate in inner.get_verified_chain())


def _build_peer(chain: tuple[bytes, ...], fingerprint: str) -> Peer:
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
        _refuse_unfit(certificates)
        leaf = certificates[0]
        return Peer(
            subject=render_name(leaf.subject),
            serial=render_serial(leaf.serial_number),
            fingerprint=fingerprint,
            role=role_of(leaf),
            not_before=max(certificate.not_valid_before_utc for certificate in certificates),
            not_after=min(certificate.not_valid_after_utc for certificate in certificates),
            chain=chain,
        )
    except PeerError:
        raise
    except Exception as error:  # noqa: BLE001 - a peer's bytes must not end the task that looks at them
        raise PeerError(f"its certificate cannot be parsed: {why_unparsable(error)}") from None


def _refuse_unfit(chain: Sequence[x509.Certificate]) -> None:
    if weakness := _weakness_in(chain):
        raise PeerError(weakness)
    if _is_authority(chain[0]):
        raise PeerError("the certificate of an authority cannot identify a device or a person")


def _weakness_in(chain: Sequence[x509.Certificate]) -> str | None:
    for position, certificate in enumerate(chain):
        if weakness := weakness_of(certificate, is_root=position == len(chain) - 1):
            return f"the certificate of {render_name(certificate.subject)} is refused: {weakness}"
    return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return is_authority(certificate)
    except UNPARSABLE:
        return False  # its role cannot be read either: it is admitted as the NULL role, see roles
