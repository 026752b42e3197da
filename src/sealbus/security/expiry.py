"""The dates on which certificates, keys and lists expire: one list for the log, the metrics and `ca list`.

Certificates warn in their last 30 days. A revocation list may live for a week only, so it warns in the last third of
its life, at most 30 days: early enough to act, not always.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sealbus.security.names import render_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cryptography import x509

    from sealbus.security.identities import Identity
    from sealbus.security.revocation import RevocationList
    from sealbus.security.trust import Trust

__all__ = ["WARNING_TIME", "Expiry", "ExpiryKind", "days_until", "expiries_of", "near_expiry"]

WARNING_TIME: Final = timedelta(days=30)


class ExpiryKind(StrEnum):
    """What runs out."""

    CERTIFICATE = "certificate"
    ANCHOR = "trust anchor"
    REVOCATION_LIST = "revocation list"


@dataclass(frozen=True, slots=True)
class Expiry:
    """One thing that expires: its file, its subject, when it ends and from when on to warn (UTC)."""

    kind: ExpiryKind
    file: str
    subject: str
    not_after: datetime
    warn_from: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days from `now` on; negative when it has run out."""
        return days_until(self.not_after, now)

    def is_near(self, now: datetime) -> bool:
        """Whether to warn at `now`."""
        return now >= self.warn_from

    def sentence(self, now: datetime) -> str:
        """The log line: what ends when, and in which file."""
        verb = "ended" if now > self.not_after else "ends"
        when = f"{self.not_after:%Y-%m-%d %H:%M} UTC"
        return f"{self.file}: the {self.kind} of {self.subject} {verb} on {when} ({self.days_left(now)} days)"


def near_expiry(expiries: Iterable[Expiry], now: datetime) -> list[Expiry]:
    """The certificates to warn about at `now`, the most urgent first."""
    return sorted((one for one in expiries if one.is_near(now)), key=lambda one: one.not_after)


def expiries_of(identity: Identity | None = None, trust: Trust | None = None) -> list[Expiry]:
    """Everything in an identity and a trust that expires, each certificate of a file once."""
    found: list[Expiry] = []
    if identity is not None:
        for pair in identity.pairs:
            found += (_of_certificate(ExpiryKind.CERTIFICATE, pair.certificate_file, one) for one in pair.chain)
    if trust is not None:
        found += (_of_certificate(ExpiryKind.ANCHOR, one.file, one.certificate) for one in trust.certificates)
        found += (expiry for one in trust.revocation.lists for expiry in _of_list(one))
    return list(dict.fromkeys(found))


def days_until(moment: datetime, now: datetime) -> int:
    """Whole days from `now` to `moment`; negative when it is past."""
    return (moment - now) // timedelta(days=1)


def _of_certificate(kind: ExpiryKind, file: str, certificate: x509.Certificate) -> Expiry:
    end = certificate.not_valid_after_utc
    return Expiry(kind, file, render_name(certificate.subject), end, end - WARNING_TIME)


def _of_list(one: RevocationList) -> Iterator[Expiry]:
    end = one.crl.next_update_utc
    if end is not None:
        notice = min(WARNING_TIME, (end - one.crl.last_update_utc) / 3)
        yield Expiry(ExpiryKind.REVOCATION_LIST, one.file, render_name(one.crl.issuer), end, end - notice)
