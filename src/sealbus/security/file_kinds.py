"""What a file is that holds no certificate, key or list in PEM: for the error only, which then has the command that helps.

Authorities on Windows give out PKCS #12 (.pfx, .p12) and PKCS #7 (.p7b, .p7c). Nothing is decided here: a file is looked at
after it was refused, by its first bytes.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError
from sealbus.text_files import is_utf_16

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["instead_of", "refusal_of"]

_SEQUENCE: Final = rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)"
_PKCS_12: Final = re.compile(_SEQUENCE + rb"\x02\x01\x03", re.DOTALL)
"""RFC 7292, 4: a SEQUENCE that begins with version 3."""
_DER_KEY: Final = re.compile(_SEQUENCE + rb"\x02\x01[\x00\x01]", re.DOTALL)
"""RFC 5958, 2 (version 0 or 1), RFC 8017, A.1.2 (0) and RFC 5915, 3 (1)."""
_PKCS_7: Final = re.compile(_SEQUENCE + rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", re.DOTALL)
"""RFC 2315, 7 and 9: a SEQUENCE that begins with the object identifier of signed data."""
_PEM: Final = re.compile(rb"^-----BEGIN ([A-Z0-9 ]{1,40})-----", re.MULTILINE)


_NOUNS: Final = {
    b"CERTIFICATE": "a certificate",
    b"PRIVATE KEY": "a private key",
    b"CERTIFICATE REQUEST": "a signing request",
    b"X509 CRL": "a revocation list",
}


def refusal_of(data: bytes, path: Path, *, problem: str, hint: str) -> ConfigError:
    """The error for the content of `path`: what it is and how to convert it; `problem` and `hint` if that is not known."""
    known = _recognise(data, path)
    return ConfigError(known[0] if known else problem, file=str(path), hint=known[1] if known else hint)


def instead_of(noun: str, data: bytes) -> str:
    """ "; the file holds ..." for a PEM file with another content than `noun`, else empty."""
    found = {_NOUNS.get(_kind(label), "") for label in _PEM.findall(data)} - {""}
    return f"; the file holds {found.pop()} instead" if len(found) == 1 and noun not in found else ""


def _kind(label: bytes) -> bytes:
    return b"PRIVATE KEY" if label.endswith(b"PRIVATE KEY") else label


def _recognise(data: bytes, path: Path) -> tuple[str, str] | None:
    file, certificates, key = (shlex.quote(str(name)) for name in (path, _beside(path, ".crt"), _beside(path, ".key")))
    labels = set(_PEM.findall(data))
    if is_utf_16(data):
        return "the file is UTF-16 text", "save it as UTF-8"
    if _PKCS_12.match(data):
        return (
            "this is PKCS #12 (.pfx), which holds certificate and key in one file",
            f"take it apart: openssl pkcs12 -in {file} -nokeys -out {certificates} and "
            f"openssl pkcs12 -in {file} -nocerts -nodes -out {key}",
        )
    if _PKCS_7.match(data) or b"PKCS7" in labels:
        form = "" if b"PKCS7" in labels else "-inform DER "
        return (
            "this is PKCS #7 (.p7b), a bundle of certificates",
            f"convert it: openssl pkcs7 {form}-in {file} -print_certs -out {certificates}",
        )
    if _DER_KEY.match(data):
        return "this is a private key in DER", f"convert it: openssl pkey -inform DER -in {file} -out {key}"
    return None


def _beside(path: Path, suffix: str) -> Path:
    """The name of a new file: never that of the file that is converted."""
    return path.with_suffix(suffix) if path.suffix != suffix else path.with_suffix(f".new{suffix}")
