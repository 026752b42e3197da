"""The values of issuing: what an authority is asked for, what it returns, and checks of the files that it must not
overwrite.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sealbus.durable_files import PRIVATE, write_atomically
from sealbus.errors import ConfigError
from sealbus.security.expiry import days_until
from sealbus.security.identities import issued, load_private_key
from sealbus.security.pem_files import load_certificates, read_file
from sealbus.security.private_keys import KeyKind, encode_private_key, generate_private_key, is_encrypted, kind_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from sealbus.security.authority_index import IndexEntry
    from sealbus.security.identities import PrivateKey, PublicKey

__all__ = [
    "LEAF_DAYS",
    "ROOT_DAYS",
    "AuthorityStatus",
    "CertificateSpec",
    "CertificateState",
    "Issued",
    "IssuedCertificate",
    "KeyFiles",
    "RootOptions",
    "check_lifetime",
    "check_name",
    "load_or_make_key",
    "refuse_foreign_certificate",
    "refuse_foreign_key",
]

ROOT_DAYS: Final = 7305
"""Twenty years: the life of a plant."""

LEAF_DAYS: Final = 397
"""A year and a month: renewed every year, with a month in reserve."""

_MAX_DAYS = 36_525
_NAME = re.compile(r"[\w@+]([\w@+. -]{0,62}[\w@+-])?")
_LOOKS_LIKE_A_SERIAL = re.compile(r"[0-9A-Fa-f]{16,}")


@dataclass(frozen=True, slots=True)
class RootOptions:
    """How a new authority is made. `crl_days` None: the revocation list lasts as long as the root."""

    key_kind: KeyKind = KeyKind.ECDSA_P256
    days: int = ROOT_DAYS
    crl_days: int | None = None
    passphrase: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where NAME.crt and NAME.key go (None: the authority's folder), which key (None: the existing one, or ECDSA)."""

    directory: Path | None = None
    kind: KeyKind | None = None
    replace: bool = False
    passphrase: bytes | None = None


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """One certificate to be made, completely specified."""

    name: str
    subject: x509.Name
    public_key: PublicKey
    role: str | None
    hosts: tuple[x509.GeneralName, ...]
    days: int


@dataclass(frozen=True, slots=True)
class Issued:
    """The result of issuing. `key` is None after signing a request; `notes` are sentences for the operator."""

    serial: str
    certificate: Path
    key: Path | None
    not_after: datetime
    notes: tuple[str, ...] = ()


class CertificateState(StrEnum):
    """The state of an issued certificate. UNFINISHED: the process ended before the certificate was written."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """One certificate that the authority issued. `role` is None for no role; times are UTC."""

    serial: str
    name: str
    subject: str
    role: str | None
    issued_at: datetime
    not_after: datetime
    state: CertificateState
    revoked_at: datetime | None = None
    reason: str = ""

    def days_left(self, now: datetime) -> int:
        """Whole days of life from `now` on; negative when it has expired."""
        return days_until(self.not_after, now)

    @classmethod
    def of(cls, entry: IndexEntry, now: datetime, *, exists: bool) -> IssuedCertificate:
        """The entry of the index at `now`; `exists` is false for a certificate that was never written."""
        state = CertificateState.VALID if exists else CertificateState.UNFINISHED
        if now > entry.not_after:
            state = CertificateState.EXPIRED
        if entry.revoked_at is not None:
            state = CertificateState.REVOKED
        reason = entry.reason if entry.revoked_at is not None else ""
        return cls(
            serial=entry.serial,
            name=entry.name,
            subject=entry.subject,
            role=entry.role,
            issued_at=entry.issued_at,
            not_after=entry.not_after,
            state=state,
            revoked_at=entry.revoked_at,
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class AuthorityStatus:
    """The state of the authority: its subject, the ends of its certificate and its list, and problems as sentences."""

    subject: str
    not_after: datetime
    list_not_after: datetime | None
    problems: tuple[str, ...] = ()


def check_name(name: str) -> str:
    """`name` itself. Raises ConfigError if it is not safe as a file name or could be mistaken for something else."""
    if len(name) > 64 or not _NAME.fullmatch(name) or name.lower() == "ca" or _LOOKS_LIKE_A_SERIAL.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a certificate",
            key="NAME",
            hint="use at most 64 letters, digits, spaces and . _ - @ +; not ca, nothing like a serial number",
        )
    return name


def check_lifetime(days: int, key: str = "--days") -> timedelta:
    """`days` as a duration. Raises ConfigError, naming `key`, for none and for more than a hundred years."""
    if not 1 <= days <= _MAX_DAYS:
        raise ConfigError(f"a lifetime of {days} days is not allowed", key=key, hint=f"give 1 to {_MAX_DAYS}")
    return timedelta(days=days)


def refuse_foreign_certificate(path: Path, root: x509.Certificate) -> None:
    """Raises ConfigError if `path` holds a certificate that `root` did not issue: it is not ours to overwrite."""
    if path.exists() and not issued(load_certificates(path, "the certificate in the way")[0], by=root):
        raise ConfigError(
            "the file holds a certificate of another authority and is not overwritten",
            file=str(path),
            hint="move it away, or name another folder with --out",
        )


def refuse_foreign_key(path: Path, public_key: PublicKey) -> None:
    """Raises ConfigError if the key at `path` is another one: its certificate must not be overwritten."""
    if not path.exists():
        return
    pem = read_file(path, "the key in the way")
    if is_encrypted(pem) or load_private_key(path, pem, None).public_key() != public_key:
        raise ConfigError(
            "a key of the same name exists and does not belong to the request",
            file=str(path),
            hint="give another --name, or name another folder with --out",
        )


def load_or_make_key(path: Path, files: KeyFiles) -> tuple[PrivateKey, tuple[str, ...]]:
    """The key at `path`, made if there is none or a new one is requested; and notes for the operator."""
    if not path.exists() or files.replace:
        key = generate_private_key(files.kind or KeyKind.ECDSA_P256)
        write_atomically(path, encode_private_key(key, files.passphrase), mode=PRIVATE, replace=files.replace)
        return key, ()
    key = load_private_key(path, read_file(path, "the key"), files.passphrase)
    kind = kind_of(key)
    if files.kind not in (None, kind):
        raise ConfigError(
            f"the key exists and is not {files.kind}", file=str(path), hint="add --replace to make a new one"
        )
    return key, (f"kept the key {path}, which exists; --replace makes a new one",)
