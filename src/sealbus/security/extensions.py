"""Reading single extensions of certificates, requests and lists."""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509

__all__ = ["find_extension", "is_authority"]

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
_Parsed = x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList


def find_extension(parsed: _Parsed, kind: type[_Kind]) -> _Kind | None:
    """The extension of this kind; None where there is none. Raises as `cryptography` does for one that is malformed."""
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether its basic constraints say CA:TRUE."""
    constraints = find_extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca
