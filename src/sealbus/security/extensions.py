"""Reading single extensions, also of a certificate that has others which `cryptography` cannot read.

`cryptography` reads all extensions of a certificate or none. So one that nobody here needs would hide the role and all
others: an x400Address in a subject alternative name, which OpenSSL accepts, or an address of five bytes. Such an extension
is left out: the certificate is taken apart with the ASN.1 decoder of `cryptography`, put together without it, and read
again. What Sealbus decides by is never left out: a certificate whose basic constraints, key usage or extended key usage
cannot be read, or that has an extension twice, cannot be read at all. Nothing here judges a signature: the copy serves for
reading only.

The decoder (`cryptography.hazmat.asn1`) is marked as unstable; the tests of this module fail where it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID

from sealbus.security.parsing import UNPARSABLE, why_unparsable

__all__ = ["ReadExtensions", "find_extension", "is_authority", "read_extensions"]

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

_NEEDED: Final = (x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid)
_NAMES: Final = {
    oid: name.lower().replace("_", " ")
    for name, oid in vars(ExtensionOID).items()
    if isinstance(oid, x509.ObjectIdentifier)
}
_MAX_EXTENSIONS: Final = 64
"""Beyond this number none is looked for: each is read alone, and a peer must not decide how long that takes."""


@asn1.sequence
class _Extension:
    """RFC 5280, 4.1: Extension."""

    oid: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class _Contents:
    """RFC 5280, 4.1: TBSCertificate. All but the extensions is copied as it is."""

    version: Annotated[int | None, asn1.Explicit(0)]
    serial: int
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    public_key: asn1.TLV
    issuer_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(3)]


@asn1.sequence
class _Certificate:
    """RFC 5280, 4.1: Certificate."""

    contents: _Contents
    algorithm: asn1.TLV
    signature: asn1.BitString


@dataclass(frozen=True, slots=True)
class ReadExtensions:
    """The extensions that can be read, and a clause for each that cannot."""

    readable: x509.Extensions
    left_out: tuple[str, ...] = ()


def read_extensions(certificate: x509.Certificate) -> ReadExtensions:
    """The extensions of a certificate. Raises as `cryptography` does where one that is needed cannot be read."""
    try:
        return ReadExtensions(certificate.extensions)
    except x509.DuplicateExtension:
        raise
    except UNPARSABLE:
        return _read_one_by_one(certificate)


def find_extension(parsed: x509.Certificate | x509.CertificateRevocationList, kind: type[_Kind]) -> _Kind | None:
    """The extension of this kind; None where there is none, or it was left out. Raises as `read_extensions` does."""
    extensions = read_extensions(parsed).readable if isinstance(parsed, x509.Certificate) else parsed.extensions
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether its basic constraints say CA:TRUE. Raises as `read_extensions` does."""
    constraints = find_extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _read_one_by_one(certificate: x509.Certificate) -> ReadExtensions:
    taken_apart = asn1.decode_der(_Certificate, certificate.public_bytes(serialization.Encoding.DER))
    every = taken_apart.contents.extensions or []
    if len(every) > _MAX_EXTENSIONS:
        raise ValueError(f"{len(every)} extensions, and one cannot be read")
    readable, left_out = [], []
    for one in every:
        try:
            _extensions_of(taken_apart, [one])
        except UNPARSABLE as error:
            if one.oid in _NEEDED:
                raise
            name = _NAMES.get(one.oid, "extension")
            left_out.append(f"its {name} ({one.oid.dotted_string}) cannot be read: {why_unparsable(error)}")
        else:
            readable.append(one)
    return ReadExtensions(_extensions_of(taken_apart, readable), tuple(left_out))


def _extensions_of(taken_apart: _Certificate, extensions: list[_Extension]) -> x509.Extensions:
    taken_apart.contents.extensions = extensions or None
    return x509.load_der_x509_certificate(asn1.encode_der(taken_apart)).extensions
