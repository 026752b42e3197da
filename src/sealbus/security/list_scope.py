"""Which certificates a revocation list speaks for, judged as OpenSSL judges it in a handshake.

OpenSSL (crypto/x509/x509_vfy.c, without the flags for extended lists and for deltas, which Sealbus does not set) uses only
lists of the issuer itself, and of these only the ones whose scope includes the certificate. A list that it does not use
leaves a certificate without a list, so every peer is refused. `why_unusable` finds, when a list is read, what makes it
useless for every certificate, or dangerous (RFC 5280, 5.2):

* a delta list (5.2.4) holds only what changed, and without those flags OpenSSL takes it for a complete one: what its base
  list revoked would count as good;
* an indirect list, a list for some reasons only, a list of attribute certificates (5.2.5);
* a list with a critical extension, of its own or of an entry, that OpenSSL does not know.

A list may be limited to certificates of users or of authorities, or to those that name a distribution point (5.2.5).
Whether it covers a certificate is then decided for each certificate, as in RFC 5280, 6.3.3 (b).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509

from sealbus.security.extensions import find_extension, is_authority
from sealbus.security.parsing import UNPARSABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ListScope", "may_sign_lists", "names_another_key", "why_unusable"]

_KNOWN_IF_CRITICAL: Final = (
    x509.IssuingDistributionPoint.oid,
    x509.AuthorityKeyIdentifier.oid,
    x509.DeltaCRLIndicator.oid,
)


@dataclass(frozen=True, slots=True)
class ListScope:
    """The limits of a list. `names` are those of its distribution point, if it has one."""

    users_only: bool = False
    authorities_only: bool = False
    names: frozenset[x509.GeneralName] = frozenset()
    has_point: bool = False

    @classmethod
    def of(cls, crl: x509.CertificateRevocationList) -> ListScope:
        """The scope in the issuing distribution point of a list."""
        point = find_extension(crl, x509.IssuingDistributionPoint)
        if point is None:
            return cls()
        return cls(
            users_only=point.only_contains_user_certs,
            authorities_only=point.only_contains_ca_certs,
            names=frozenset(point.full_name or ()),
            has_point=point.full_name is not None or point.relative_name is not None,
        )

    def covers(self, certificate: x509.Certificate) -> bool:
        """Whether the list speaks for `certificate`. A point given relative to its issuer matches none."""
        try:
            if (self.users_only or self.authorities_only) and self.authorities_only is not is_authority(certificate):
                return False
            return not self.has_point or not self.names.isdisjoint(_points_of(certificate))
        except UNPARSABLE:
            return False

    @property
    def text(self) -> str:
        """For comparing two scopes, also across restarts; empty where there is no limit."""
        kind = "users" if self.users_only else "authorities" if self.authorities_only else ""
        points = sorted(repr(name) for name in self.names) if self.has_point else []
        return " ".join(filter(None, (kind, *points)))


def why_unusable(crl: x509.CertificateRevocationList) -> str | None:
    """Why this list must not be used for any certificate; None if it may. Raises as `cryptography` does for broken ones."""
    if find_extension(crl, x509.DeltaCRLIndicator) is not None:
        return "it is a delta list, which holds only the changes since its base list"
    point = find_extension(crl, x509.IssuingDistributionPoint)
    if point is not None:
        if point.indirect_crl:
            return "it is an indirect list, which speaks for other issuers"
        if point.only_some_reasons is not None:
            return "it holds only revocations for some reasons"
        if point.only_contains_attribute_certs:
            return "it is a list of attribute certificates"
    if (unknown := _unknown_critical(crl.extensions, _KNOWN_IF_CRITICAL)) is not None:
        return f"it has the critical extension {unknown}, which is not known here"
    for entry in crl:
        if (unknown := _unknown_critical(entry.extensions)) is not None:
            return f"an entry has the critical extension {unknown}, which is not known here"
    return None


def may_sign_lists(issuer: x509.Certificate) -> bool:
    """Whether its key usage, if there is one, includes cRLSign (RFC 5280, 4.2.1.3)."""
    usage = find_extension(issuer, x509.KeyUsage)
    return usage is None or usage.crl_sign


def names_another_key(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether the list says that it was signed with another key than that of `issuer`; OpenSSL does not use it then."""
    meant = find_extension(crl, x509.AuthorityKeyIdentifier)
    if meant is None:
        return False
    own = find_extension(issuer, x509.SubjectKeyIdentifier)
    if meant.key_identifier is not None and own is not None and meant.key_identifier != own.digest:
        return True
    serial = meant.authority_cert_serial_number
    return serial is not None and serial != issuer.serial_number


def _unknown_critical(
    extensions: Iterable[x509.Extension[x509.ExtensionType]], known: Sequence[x509.ObjectIdentifier] = ()
) -> str | None:
    for extension in extensions:
        if extension.critical and extension.oid not in known:
            return extension.oid.dotted_string
    return None


def _points_of(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    points = find_extension(certificate, x509.CRLDistributionPoints)
    return frozenset(name for point in points or () for name in point.full_name or ())
