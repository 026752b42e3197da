"""Files of certificates, keys and lists: read once, rejected with a ConfigError, and passed to OpenSSL.

A file is read a single time and everything later works on those bytes, so that a file that changes between two reads
cannot give half of the old and half of the new. The standard `ssl` module takes chains, keys and revocation lists by path
only; `as_temporary_path` gives it a path to the bytes that were checked. On Linux that path leads to anonymous memory: no
copy of a key is ever written to a disk.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509

from sealbus.errors import ConfigError
from sealbus.security.extensions import read_extensions
from sealbus.security.file_kinds import instead_of, refusal_of
from sealbus.security.parsing import UNPARSABLE
from sealbus.text_files import refuse_content

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FilePath", "as_paths", "as_temporary_path", "load_certificates", "load_revocation_lists", "read_file"]

FilePath = str | os.PathLike[str]

_PEM_LISTS = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\r?\n?", re.DOTALL)
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024  # a revocation list of a million entries has about 40 MB


def as_paths(paths: FilePath | Sequence[FilePath]) -> tuple[Path, ...]:
    """One path or several, as a tuple."""
    if isinstance(paths, (str, os.PathLike)):
        return (Path(paths),)
    return tuple(Path(path) for path in paths)


def read_file(path: Path, what: str) -> bytes:
    """The bytes of `path`. Raises ConfigError that names the file, `what` it should hold, and why it cannot be read."""
    refuse_content(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no such file for {what}", file=str(path), hint="name the right file") from None
    except IsADirectoryError:
        raise ConfigError(
            f"{what} cannot be read: it is a folder", file=str(path), hint="name the file in it"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{what} cannot be read: {error.strerror or error}", file=str(path), hint="let this user read it"
        ) from None
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(f"the file is too large for {what}", file=str(path), hint="name the right file")
    return data


def load_certificates(path: Path, what: str) -> list[x509.Certificate]:
    """All certificates of a PEM file (text around them is ignored) or the one of a DER file. ConfigError otherwise."""
    data = read_file(path, what)
    try:
        if b"-----BEGIN" in data:
            certificates = x509.load_pem_x509_certificates(data)
        else:
            certificates = [x509.load_der_x509_certificate(data)]
        for certificate in certificates:
            # cryptography parses on first use: parse now, to report errors here
            _ = certificate.subject, certificate.issuer, certificate.not_valid_after_utc, read_extensions(certificate)
    except UNPARSABLE:
        raise refusal_of(
            data,
            path,
            problem=f"{what} cannot be parsed: no certificate in PEM or DER{instead_of('a certificate', data)}",
            hint="a file of a certificate begins with -----BEGIN CERTIFICATE-----",
        ) from None
    return certificates


def load_revocation_lists(path: Path) -> list[x509.CertificateRevocationList]:
    """All revocation lists of a PEM file (text around them is ignored) or the one of a DER file. ConfigError otherwise."""
    data = read_file(path, "the revocation list")
    blocks = _PEM_LISTS.findall(data)
    try:
        if not blocks:
            return [x509.load_der_x509_crl(data)]
        return [x509.load_pem_x509_crl(block) for block in blocks]
    except UNPARSABLE:
        raise refusal_of(
            data,
            path,
            problem=f"the revocation list cannot be parsed: no CRL in PEM or DER{instead_of('a revocation list', data)}",
            hint="a file of a list begins with -----BEGIN X509 CRL-----",
        ) from None


@contextmanager
def as_temporary_path(data: bytes) -> Iterator[str]:
    """A path that holds `data` inside the block, readable by this user alone."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with os.fdopen(os.memfd_create("sealbus", os.MFD_CLOEXEC), "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:  # made with mode 600, removed at the end
            file.write(data)
            file.flush()
            yield file.name
