"""Certificate revocation lists: which serials of which issuer are revoked.

In a handshake OpenSSL checks the lists itself. This module checks again for peers that are already connected or resume a
session, because a resumed session is not verified again, and because a list may change while a connection lives. The
results agree: once lists are configured every certificate of a chain, the root included, needs a list that its issuer
signed and that is in date. A missing or outdated list refuses the peer: whether a certificate was revoked is then unknown
(MODBUS/TCP Security v36, Table 5: the revocation status of each certificate in the chain). Several lists of one issuer add
up; a certificate on hold is revoked.

The signature of a list is checked once for each issuer that a peer presents, and cached.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from sealbus.errors import ConfigError
from sealbus.security.names import render_name
from sealbus.security.parsing import UNPARSABLE
from sealbus.security.pem_files import load_revocation_lists

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

__all__ = ["RevocationList", "RevocationLists"]


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """One list and the serials on it."""

    file: str
    crl: x509.CertificateRevocationList
    serials: frozenset[int] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> tuple[RevocationList, ...]:
        """Read the lists of a file. Their signatures are checked later, against the issuers that peers present."""
        try:
            return tuple(
                cls(str(path), crl, frozenset(entry.serial_number for entry in crl))
                for crl in load_revocation_lists(path)
            )
        except UNPARSABLE:
            raise ConfigError("an entry cannot be parsed", file=str(path), hint="renew the revocation list") from None

    def is_signed_by(self, issuer: x509.Certificate) -> bool:
        """Whether this list has the name of `issuer` and is signed with its key."""
        if self.crl.issuer != issuer.subject:
            return False
        try:
            return self.crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
        except (InvalidSignature, *UNPARSABLE):
            return False

    def is_in_date(self, now: datetime) -> bool:
        """Whether `now` is between this update and the next. A list without a next update stays in date."""
        next_update = self.crl.next_update_utc
        return self.crl.last_update_utc <= now and (next_update is None or now <= next_update)

    @property
    def pem(self) -> bytes:
        """The list as OpenSSL reads it."""
        return self.crl.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True, eq=False)
class RevocationLists:
    """All lists of one trust. Without any, nothing is checked: revocation is then not in use."""

    lists: tuple[RevocationList, ...] = ()
    _by_issuer: dict[bytes, tuple[RevocationList, ...]] = field(default_factory=dict, repr=False)

    def objection(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> str | None:
        """Why `certificate` of `issuer` is not known to be good at `now`; None if it is."""
        if not self.lists:
            return None
        signed = self._signed_by(issuer)
        if any(certificate.serial_number in one.serials for one in signed):
            return f"the certificate of {render_name(certificate.subject)} was revoked"
        if not signed:
            return f"there is no revocation list of {render_name(issuer.subject)}"
        if not any(one.is_in_date(now) for one in signed):
            return f"the revocation list of {render_name(issuer.subject)} is out of date"
        return None

    def _signed_by(self, issuer: x509.Certificate) -> tuple[RevocationList, ...]:
        key = issuer.public_bytes(serialization.Encoding.DER)
        found = self._by_issuer.get(key)
        if found is None:
            found = tuple(one for one in self.lists if one.is_signed_by(issuer))
            if len(self._by_issuer) < _REMEMBERED_ISSUERS:
                self._by_issuer[key] = found
        return found


_REMEMBERED_ISSUERS = 256
