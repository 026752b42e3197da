"""Certificate revocation lists: which serials of which issuer are revoked.

In a handshake OpenSSL checks the lists itself. This module checks again for peers that are already connected or resume a
session, because a resumed session is not verified again, and because a list may change while a connection lives. The
results agree: once lists are configured every certificate of a chain, the root included, needs a list that its issuer
signed, that covers it and that is in date. A missing or outdated list refuses the peer: whether a certificate was revoked
is then unknown (MODBUS/TCP Security v36, Table 5: the revocation status of each certificate in the chain). Several lists
of one issuer add up; a certificate on hold is revoked.

A list that OpenSSL would never use is refused when it is read (`list_scope`), so that it cannot replace a usable one. The
signature of a list is checked once for each issuer that a peer presents, and cached.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from sealbus.errors import ConfigError
from sealbus.security.list_scope import ListScope, may_sign_lists, names_another_key, why_unusable
from sealbus.security.names import render_name
from sealbus.security.parsing import UNPARSABLE
from sealbus.security.pem_files import load_revocation_lists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["NO_GRACE", "RevocationList", "RevocationLists"]

NO_GRACE: Final = timedelta()


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """One list and the serials on it. `begin` and `end` are this update and the next (UTC); no end: it stays in date."""

    file: str
    crl: x509.CertificateRevocationList
    number: int | None
    begin: datetime
    end: datetime | None
    scope: ListScope
    serials: frozenset[int] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> tuple[RevocationList, ...]:
        """Read the lists of a file. Their signatures are checked later, against the issuers that peers present.

        Raises ConfigError for a file without a list, and for a list that OpenSSL would not use.
        """
        try:
            return tuple(cls._of(path, crl) for crl in load_revocation_lists(path))
        except UNPARSABLE:
            raise ConfigError(
                "an extension or an entry cannot be parsed", file=str(path), hint="renew the revocation list"
            ) from None

    @classmethod
    def _of(cls, path: Path, crl: x509.CertificateRevocationList) -> RevocationList:
        if reason := why_unusable(crl):
            raise ConfigError(
                f"the revocation list of {render_name(crl.issuer)} cannot be used: {reason}",
                file=str(path),
                hint="install a complete list of this authority",
            )
        try:
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except x509.ExtensionNotFound:
            number = None
        return cls(
            file=str(path),
            crl=crl,
            number=number,
            begin=crl.last_update_utc,
            end=crl.next_update_utc,
            scope=ListScope.of(crl),
            serials=frozenset(entry.serial_number for entry in crl),
        )

    def is_signed_by(self, issuer: x509.Certificate) -> bool:
        """Whether this list has the name of `issuer`, is signed with its key, and its issuer may sign lists."""
        if self.crl.issuer != issuer.subject:
            return False
        try:
            if names_another_key(self.crl, issuer) or not may_sign_lists(issuer):
                return False
            return self.crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
        except (InvalidSignature, *UNPARSABLE):
            return False

    def is_in_date(self, now: datetime, grace: timedelta = NO_GRACE) -> bool:
        """Whether `now` is between this update and the next, which is `grace` later for connections that are open."""
        return self.begin <= now and (self.end is None or now <= self.end + grace)

    @property
    def pem(self) -> bytes:
        """The list as OpenSSL reads it."""
        return self.crl.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True, eq=False)
class RevocationLists:
    """All lists of one trust. Without any, nothing is checked: revocation is then not in use."""

    lists: tuple[RevocationList, ...] = ()
    _by_issuer: dict[bytes, tuple[x509.Certificate, tuple[RevocationList, ...]]] = field(
        default_factory=dict, repr=False
    )

    def objection(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, grace: timedelta = NO_GRACE
    ) -> str | None:
        """Why `certificate` of `issuer` is not known to be good at `now`; None if it is.

        `grace` is for connections that are open already: so long a list that ran out still counts.
        """
        if not self.lists:
            return None
        signed = self.signed_by(issuer)
        if any(certificate.serial_number in one.serials for one in signed):
            return f"the certificate of {render_name(certificate.subject)} was revoked"
        if not signed:
            return f"there is no revocation list of {render_name(issuer.subject)}"
        covering = [one for one in signed if one.scope.covers(certificate)]
        if not covering:
            names = f"{render_name(issuer.subject)} covers the certificate of {render_name(certificate.subject)}"
            return f"no revocation list of {names}"
        if not any(one.is_in_date(now, grace) for one in covering):
            problem = "is out of date" if any(one.begin <= now for one in covering) else "is not yet valid"
            return f"the revocation list of {render_name(issuer.subject)} {problem}"
        return None

    def signed_by(self, issuer: x509.Certificate) -> tuple[RevocationList, ...]:
        """The lists that `issuer` signed."""
        key = issuer.public_bytes(serialization.Encoding.DER)
        found = self._by_issuer.get(key)
        if found is None:
            found = issuer, tuple(one for one in self.lists if one.is_signed_by(issuer))
            if len(self._by_issuer) < _REMEMBERED_ISSUERS:
                self._by_issuer[key] = found
        return found[1]

    def verified(self) -> Iterator[tuple[x509.Certificate, tuple[RevocationList, ...]]]:
        """Each issuer that was asked for so far and has lists: those of the trust files, and those of peers."""
        return (found for found in list(self._by_issuer.values()) if found[1])

    def first_end(self, after: datetime) -> datetime | None:
        """When the next list runs out."""
        return min((one.end for one in self.lists if one.end is not None and one.end > after), default=None)


_REMEMBERED_ISSUERS = 256
