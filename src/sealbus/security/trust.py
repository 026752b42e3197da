"""What this side trusts: root certificates, intermediate certificates, and revocation lists.

An anchor is a self-signed certificate in one of the trust files; MODBUS/TCP Security speaks of chains "down to the
root", and OpenSSL builds every chain up to one of them. Other certificates in those files are not anchors: they only
complete a chain whose sender left them out. A self-signed device certificate can be pinned (R-45 tolerates them): it is its
own anchor. It must not have CA:TRUE, because a peer whose certificate has CA:TRUE is refused (see `peer_verifier`). Any
number of anchors can be in force at the same time.

`objection` repeats, for a peer that is already connected, the checks of the handshake: is its root still an anchor, is
each certificate of its chain still in date, is none revoked? It works on the chain that the handshake verified, so it
costs no handshake, and it ends a session within moments after a trust file or list changed.

A change of trust is a new `Trust` and a new TLS context: sessions that could be resumed become invalid with the old context.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealbus.errors import ConfigError
from sealbus.security.identities import issued
from sealbus.security.names import render_name
from sealbus.security.pem_files import as_paths, load_certificates
from sealbus.security.revocation import RevocationList, RevocationLists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sealbus.security.peer import Peer
    from sealbus.security.pem_files import FilePath

__all__ = ["Trust", "TrustedCertificate"]


@dataclass(frozen=True, slots=True, eq=False)
class TrustedCertificate:
    """A certificate of a trust file and the file it came from."""

    file: str
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """Anchors, intermediate certificates and revocation lists, as read at one moment."""

    certificates: tuple[TrustedCertificate, ...]
    revocation: RevocationLists
    _anchor_fingerprints: frozenset[bytes] = field(repr=False)

    @classmethod
    def load(cls, anchors: FilePath | Sequence[FilePath], crl: FilePath | Sequence[FilePath] = ()) -> Trust:
        """Read trust files and revocation lists. Raises ConfigError that names the file that cannot be used."""
        paths = as_paths(anchors)
        if not paths:
            raise ConfigError("no trust file is named", key="trust", hint="name the ca.crt of your authority")
        certificates = tuple(
            TrustedCertificate(str(path), certificate)
            for path in paths
            for certificate in load_certificates(path, "the trust file")
        )
        roots = frozenset(_fingerprint(one.certificate) for one in certificates if _is_root(one.certificate))
        if not roots:
            raise ConfigError(
                "the trust files hold no root, only certificates that another one issued",
                file=str(paths[0]),
                hint=f"add the certificate of {render_name(certificates[-1].certificate.issuer)}",
            )
        lists = tuple(one for path in as_paths(crl) for one in RevocationList.load(path))
        return cls(certificates, RevocationLists(lists), roots)

    @property
    def anchors(self) -> tuple[TrustedCertificate, ...]:
        """The roots among the certificates."""
        return tuple(one for one in self.certificates if _fingerprint(one.certificate) in self._anchor_fingerprints)

    @property
    def pem(self) -> bytes:
        """All certificates and lists as OpenSSL reads them."""
        certificates = (one.certificate.public_bytes(serialization.Encoding.PEM) for one in self.certificates)
        return b"".join((*certificates, *(one.pem for one in self.revocation.lists)))

    @property
    def warnings(self) -> list[str]:
        """Sentences for the operator: anchors whose peers will all be refused because no list covers them."""
        if not self.revocation.lists:
            return []
        return [
            f"{anchor.file}: no revocation list of {render_name(anchor.certificate.subject)} is configured; "
            "its peers are refused until one is"
            for anchor in self.anchors
            if not self._has_list_of(anchor)
        ]

    def lists_lost_since(self, before: Trust) -> list[str]:
        """The anchors that `before` had a revocation list of, and that are still anchors and have none now."""
        had = {_fingerprint(anchor.certificate) for anchor in before.anchors if before._has_list_of(anchor)}
        return [
            render_name(anchor.certificate.subject)
            for anchor in self.anchors
            if _fingerprint(anchor.certificate) in had and not self._has_list_of(anchor)
        ]

    def objection(self, peer: Peer, now: datetime) -> str | None:
        """Why `peer` is not entitled to its connection at `now`, in one sentence; None if it is."""
        if now > peer.not_after:
            return f"a certificate of its chain expired on {peer.not_after:%Y-%m-%d %H:%M} UTC"
        if now < peer.not_before:
            return f"a certificate of its chain is not valid before {peer.not_before:%Y-%m-%d %H:%M} UTC"
        if hashlib.sha256(peer.chain[-1]).digest() not in self._anchor_fingerprints:
            return "the root of its chain is not trusted"
        if not self.revocation.lists:
            return None
        return self._revocation_objection([x509.load_der_x509_certificate(der) for der in peer.chain], now)

    def _has_list_of(self, anchor: TrustedCertificate) -> bool:
        return any(one.is_signed_by(anchor.certificate) for one in self.revocation.lists)

    def _revocation_objection(self, chain: Sequence[x509.Certificate], now: datetime) -> str | None:
        issuers: Iterable[x509.Certificate] = (*chain[1:], chain[-1])
        for certificate, issuer in zip(chain, issuers, strict=True):
            if objection := self.revocation.objection(certificate, issuer, now):
                return objection
        return None


def _is_root(certificate: x509.Certificate) -> bool:
    return issued(certificate, by=certificate)


def _fingerprint(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
