"""What this side trusts: root certificates, intermediate certificates, and revocation lists.

An anchor is a self-signed certificate in one of the trust files; MODBUS/TCP Security speaks of chains "down to the
root", and OpenSSL builds every chain up to one of them. Other certificates in those files are not anchors: they only
complete a chain whose sender left them out. A self-signed device certificate can be pinned (R-45 tolerates them): it is its
own anchor. It must not have CA:TRUE, because a peer whose certificate has CA:TRUE is refused (see `peer_verifier`). Any
number of anchors can be in force at the same time.

`objection` repeats, for a peer that is already connected, the checks of the handshake: is its root still an anchor, is
each certificate of its chain still in date, is none revoked? It works on the chain that the handshake verified, so it
costs no handshake, and it ends a session within moments after a trust file or list changed.

A list that runs out refuses new connections at once, as OpenSSL does. Connections that are open may be given a grace: a
plant should not stop at the minute in which a list should have been renewed.

A change of trust is a new `Trust` and a new TLS context: sessions that could be resumed become invalid with the old context.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sealbus.errors import ConfigError
from sealbus.security.extensions import is_authority
from sealbus.security.identities import issued
from sealbus.security.names import render_name
from sealbus.security.pem_files import as_paths, load_certificates
from sealbus.security.revocation import NO_GRACE, RevocationList, RevocationLists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

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
    _authorities: tuple[TrustedCertificate, ...] = field(repr=False)
    """The certificates that need a list of their own: authorities, and anchors that are none (pinned devices)."""

    @classmethod
    def load(cls, anchors: FilePath | Sequence[FilePath], crl: FilePath | Sequence[FilePath] = ()) -> Trust:
        """Read trust files and revocation lists. Raises ConfigError that names the file that cannot be used.

        A revocation list that OpenSSL would use for no certificate, or that leaves an authority of the trust files
        without a list although it has some, cannot be used.
        """
        paths = as_paths(anchors)
        if not paths:
            raise ConfigError("no trust file is named", key="trust", hint="name the ca.crt of your authority")
        certificates = tuple(
            TrustedCertificate(str(path), certificate)
            for path in paths
            for certificate in load_certificates(path, "the trust file")
        )
        anchor_fingerprints = frozenset(
            _fingerprint(one.certificate) for one in certificates if _is_anchor(one.certificate)
        )
        if not anchor_fingerprints:
            raise ConfigError(
                "the trust files hold no root, only certificates that another one issued",
                file=str(paths[0]),
                hint=f"add the certificate of {render_name(certificates[-1].certificate.issuer)}",
            )
        lists = tuple(one for path in as_paths(crl) for one in RevocationList.load(path))
        authorities = tuple(
            one
            for one in certificates
            if is_authority(one.certificate) or _fingerprint(one.certificate) in anchor_fingerprints
        )
        trust = cls(certificates, RevocationLists(lists), anchor_fingerprints, authorities)
        trust._check_scopes()
        return trust

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
        """Sentences for the operator: lists that no authority of the trust files signed."""
        signed = {one for authority in self._authorities for one in self.revocation.signed_by(authority.certificate)}
        return [
            f"{one.file}: no certificate of the trust files signed this revocation list of {render_name(one.crl.issuer)}; "
            "it is used only for peers that bring the certificate that did"
            for one in self.revocation.lists
            if one not in signed
        ]

    def list_problems(self, now: datetime) -> dict[str, str]:
        """The authorities in the trust files without a list, or with lists not in date at `now`, by name, and why.

        All their peers are refused. Empty while revocation is not in use.
        """
        if not self.revocation.lists:
            return {}
        found = (
            (render_name(one.certificate.subject), self._list_problem(one.certificate, now))
            for one in self._authorities
        )
        return {name: problem for name, problem in found if problem is not None}

    def lists_lost_since(self, before: Trust, now: datetime) -> list[str]:
        """What is wrong at `now` with the lists of issuers that still count, and was not wrong with those of `before`."""
        return [
            problem
            for issuer, _ in before.revocation.verified()
            if self._leads_to(issuer)
            and (problem := self._list_problem(issuer, now)) is not None
            and (before._list_problem(issuer, now) is None or not self.revocation.signed_by(issuer))
        ]

    def recheck_at(self, now: datetime, list_grace: timedelta) -> datetime | None:
        """When the next list runs out for connections that are open. Until then only a change of files ends them."""
        end = self.revocation.first_end(after=now - list_grace)
        return None if end is None else end + list_grace

    def objection(self, peer: Peer, now: datetime, list_grace: timedelta = NO_GRACE) -> str | None:
        """Why `peer` is not entitled to its connection at `now`, in one sentence; None if it is.

        `list_grace` is for a connection that is open: so long a list that ran out still counts.
        """
        if now > peer.not_after:
            return f"a certificate of its chain expired on {peer.not_after:%Y-%m-%d %H:%M} UTC"
        if now < peer.not_before:
            return f"a certificate of its chain is not valid before {peer.not_before:%Y-%m-%d %H:%M} UTC"
        if hashlib.sha256(peer.chain[-1]).digest() not in self._anchor_fingerprints:
            return "the root of its chain is not trusted"
        if not self.revocation.lists:
            return None
        return self._revocation_objection([x509.load_der_x509_certificate(der) for der in peer.chain], now, list_grace)

    def _check_scopes(self) -> None:
        """Refuse lists of an authority that cover no certificate of a peer, or not that of an authority known here."""
        for authority in self._authorities:
            signed = self.revocation.signed_by(authority.certificate)
            if not signed:
                continue
            name = render_name(authority.certificate.subject)
            uncovered = [
                render_name(one.certificate.subject)
                for one in self._authorities
                if issued(one.certificate, by=authority.certificate)
                and not any(each.scope.covers(one.certificate) for each in signed)
            ]
            if uncovered:
                problem = f"they do not cover the certificate of {uncovered[0]}"
            elif all(each.scope.authorities_only for each in signed):
                problem = "they cover the certificates of authorities only"
            else:
                continue
            raise ConfigError(
                f"the revocation lists of {name} refuse every peer: {problem}",
                file=signed[0].file,
                hint=f"add the list of {name} that does, or install one without a limit",
            )

    def _list_problem(self, issuer: x509.Certificate, now: datetime) -> str | None:
        """Why the lists of `issuer` are not in date at `now`; where each covers a part, each part needs one."""
        name = render_name(issuer.subject)
        signed = self.revocation.signed_by(issuer)
        if not signed:
            return f"there is no revocation list of {name}"
        for scope in {one.scope for one in signed}:
            part = [one for one in signed if one.scope == scope]
            if any(one.is_in_date(now) for one in part):
                continue
            ends = [one.end for one in part if one.begin <= now and one.end is not None]
            when = f"ran out on {max(ends):%Y-%m-%d %H:%M} UTC" if ends else "is not yet valid"
            return f"the revocation list of {name} {when}"
        return None

    def _leads_to(self, issuer: x509.Certificate) -> bool:
        return any(one.certificate == issuer or issued(issuer, by=one.certificate) for one in self.certificates)

    def _revocation_objection(self, chain: Sequence[x509.Certificate], now: datetime, grace: timedelta) -> str | None:
        issuers: Iterable[x509.Certificate] = (*chain[1:], chain[-1])
        for certificate, issuer in zip(chain, issuers, strict=True):
            if objection := self.revocation.objection(certificate, issuer, now, grace):
                return objection
        return None


def _is_anchor(certificate: x509.Certificate) -> bool:
    return issued(certificate, by=certificate)


def _fingerprint(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
