"""A certificate authority in one folder, enough for a plant that has none.

Every change is made under a file lock and in an order that survives being killed at any point (see authority_index and
atomic_files). Nothing that exists is overwritten but NAME.crt, of which the folder keeps every version: issuing NAME
again keeps its key unless a new one is asked for, and leaves older certificates of NAME valid until they are revoked.

The authority signs what the operator says, never what a request says: above all the role. Its revocation list lasts as
long as the root unless the operator wants it fresher: a list that ran out closes every gateway that uses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import structs

from sealbus.errors import ConfigError
from sealbus.security.atomic_files import PRIVATE, PUBLIC, write_atomically
from sealbus.security.authority_folder import AuthorityFolder, encode_certificates
from sealbus.security.authority_index import Index, IndexEntry, load_index, save_index
from sealbus.security.certificates import (
    CLOCK_SKEW,
    LeafTemplate,
    Revocation,
    build_leaf,
    build_revocation_list,
    build_root,
    check_role,
    common_name,
    parse_host,
)
from sealbus.security.identities import issued, load_private_key
from sealbus.security.names import render_name
from sealbus.security.peers import render_serial
from sealbus.security.pem_files import load_certificates, read_file
from sealbus.security.private_keys import KeyKind, encode_private_key, generate_private_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.security.identities import PrivateKey, PublicKey
    from sealbus.security.pem_files import FilePath

__all__ = ["LEAF_DAYS", "ROOT_DAYS", "Authority", "Issued", "KeyFiles", "RootOptions", "check_name"]

ROOT_DAYS: Final = 7305
"""Twenty years: as long as a plant."""

LEAF_DAYS: Final = 397
"""A year and a month: renewed every year at the same time, with a month to be late."""

_NAME = re.compile(r"[\w@+][\w@+. -]{0,62}[\w@+-]|\w")
_LOOKS_LIKE_A_SERIAL = re.compile(r"[0-9A-Fa-f]{16,}")
_LONG_ROLE = 64


@dataclass(frozen=True, slots=True)
class RootOptions:
    """How a new authority is made. `crl_days` None: the revocation list lasts as long as the root."""

    key_kind: KeyKind = KeyKind.ECDSA_P256
    days: int = ROOT_DAYS
    crl_days: int | None = None
    passphrase: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where NAME.crt and NAME.key go (None: the authority's folder), which key (None: the existing, or ECDSA)."""

    directory: Path | None = None
    kind: KeyKind | None = None
    replace: bool = False
    passphrase: bytes | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """What came of an order. `key` is None after signing a request; `notes` are sentences for the operator."""

    serial: str
    certificate: Path
    key: Path | None
    not_after: datetime
    notes: tuple[str, ...] = ()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """An opened authority. Its key is read when something is to be signed, with `passphrase` if it is encrypted."""

    def __init__(self, folder: AuthorityFolder, root: x509.Certificate, passphrase: bytes | None = None) -> None:
        self.folder = folder
        self.root = root
        self.clock: Callable[[], datetime] = _utc_now
        self._passphrase = passphrase

    @classmethod
    def create(cls, directory: FilePath, name: str, options: RootOptions = RootOptions()) -> Authority:
        """Make an authority in `directory`. Raises ConfigError if there is one already."""
        folder = AuthorityFolder(Path(directory))
        subject = common_name(name)
        folder.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder.locked():
            _refuse_existing(folder)
            folder.issued.mkdir(exist_ok=True)
            key = generate_private_key(options.key_kind)
            root = build_root(key, subject, _lifetime(options.days), _utc_now())
            write_atomically(folder.key, encode_private_key(key, options.passphrase), mode=PRIVATE, replace=False)
            authority = cls(folder, root, options.passphrase)
            authority._renew_revocation_list(Index(crl_days=options.crl_days), key)
            # last: the folder is an authority from this moment on
            write_atomically(folder.certificate, encode_certificates(root), mode=PUBLIC, replace=False)
        return authority

    @classmethod
    def open(cls, directory: FilePath, passphrase: bytes | None = None) -> Authority:
        """Open the authority in `directory`. Raises ConfigError if there is none."""
        folder = AuthorityFolder(Path(directory))
        return cls(folder, folder.load_root(), passphrase)

    def issue(
        self,
        name: str,
        *,
        role: str | None = None,
        hosts: Sequence[str] = (),
        days: int = LEAF_DAYS,
        files: KeyFiles = KeyFiles(),
    ) -> Issued:
        """Issue NAME.crt and NAME.key. An existing key of NAME is used again unless `files.replace`.

        Raises ConfigError for a name, role or host that cannot stand in a certificate, and for files in the way.
        """
        subject = common_name(check_name(name))
        general_names = tuple(parse_host(host) for host in hosts)
        directory = files.directory or self.folder.directory
        with self.folder.locked():
            signer = self._load_key()
            directory.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(directory / f"{name}.crt", self.root)
            key_path = directory / f"{name}.key"
            key, notes = _take_key(key_path, files)
            order = _Order(name, subject, key.public_key(), role, general_names, days)
            return replace(self._carry_out(order, signer, directory), key=key_path, notes=notes)

    def _carry_out(self, order: _Order, signer: PrivateKey, directory: Path) -> Issued:
        """Under the lock: into the index, into `issued`, to NAME.crt, in this order."""
        now = self.clock()
        index = load_index(self.folder.index)
        template = LeafTemplate(
            subject=order.subject,
            public_key=order.public_key,
            serial=_unused_serial(index),
            role=None if order.role is None else check_role(order.role),
            hosts=order.hosts,
            lifetime=_lifetime(order.days),
        )
        self._refuse_expired(now)
        certificate = build_leaf(template, self.root, signer, now)
        entry = IndexEntry(
            serial=render_serial(template.serial),
            name=order.name,
            subject=render_name(order.subject),
            role=order.role,
            issued_at=now,
            not_after=certificate.not_valid_after_utc,
        )
        save_index(self.folder.index, structs.replace(index, entries=(*index.entries, entry)))
        self.folder.keep_issued(entry.serial, certificate)
        path = directory / f"{order.name}.crt"
        write_atomically(path, encode_certificates(certificate, self.root), mode=PUBLIC, replace=True)
        return Issued(entry.serial, path, None, entry.not_after)

    def _load_key(self) -> PrivateKey:
        return self.folder.load_key(self.root, self._passphrase)

    def _refuse_expired(self, now: datetime) -> None:
        if now >= self.root.not_valid_after_utc:
            raise ConfigError(
                f"the authority expired on {self.root.not_valid_after_utc:%Y-%m-%d}",
                file=str(self.folder.certificate),
                mend="make a new one with sealbus ca init, and trust both until the change is over",
            )

    def _renew_revocation_list(self, index: Index, signer: PrivateKey) -> None:
        """Under the lock: into the index first, then to ca.crl."""
        now = self.clock()
        self._refuse_expired(now)
        end = self.root.not_valid_after_utc
        if index.crl_days is not None:
            end = min(end, now + _lifetime(index.crl_days))
        index = structs.replace(index, crl_number=index.crl_number + 1)
        save_index(self.folder.index, index)
        revoked = (
            Revocation(int(entry.serial, 16), entry.revoked_at, entry.reason)
            for entry in index.entries
            if entry.revoked_at is not None
        )
        dates = (now - CLOCK_SKEW, end)
        crl = build_revocation_list(revoked, self.root, signer, number=index.crl_number, dates=dates)
        pem = crl.public_bytes(serialization.Encoding.PEM)
        write_atomically(self.folder.revocation_list, pem, mode=PUBLIC, replace=True)


@dataclass(frozen=True, slots=True)
class _Order:
    name: str
    subject: x509.Name
    public_key: PublicKey
    role: str | None
    hosts: tuple[x509.GeneralName, ...]
    days: int


def check_name(name: str) -> str:
    """`name` itself. Raises ConfigError if it is not safe as a file name or could be taken for something else."""
    if not _NAME.fullmatch(name) or name.lower() == "ca" or _LOOKS_LIKE_A_SERIAL.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a certificate",
            key="NAME",
            mend="use at most 64 letters, digits, spaces and . _ - @ +; not ca, nothing like a serial number",
        )
    return name


def _refuse_existing(folder: AuthorityFolder) -> None:
    for path in (folder.certificate, folder.key, folder.index):
        if path.exists():
            raise ConfigError(
                "there is an authority in this folder already, or one was begun",
                file=str(path),
                mend="name another folder; nothing is ever overwritten here",
            )


def _refuse_foreign(path: Path, root: x509.Certificate) -> None:
    if path.exists() and not issued(load_certificates(path, "the certificate in the way")[0], by=root):
        raise ConfigError(
            "the file holds a certificate of another authority and is not overwritten",
            file=str(path),
            mend="move it away, or name another folder with --out",
        )


def _take_key(path: Path, files: KeyFiles) -> tuple[PrivateKey, tuple[str, ...]]:
    if path.exists() and not files.replace:
        key = load_private_key(path, read_file(path, "the key"), files.passphrase)
        return key, (f"{path} exists and was kept; the new certificate belongs to it (--replace makes a new key)",)
    key = generate_private_key(files.kind or KeyKind.ECDSA_P256)
    write_atomically(path, encode_private_key(key, files.passphrase), mode=PRIVATE, replace=files.replace)
    return key, ()


def _unused_serial(index: Index) -> int:
    used = {entry.serial for entry in index.entries}
    serial = x509.random_serial_number()  # 159 bits: the loop is a promise, not a need
    while render_serial(serial) in used:
        serial = x509.random_serial_number()
    return serial


def _lifetime(days: int) -> timedelta:
    if days < 1:
        raise ConfigError(f"a life of {days} days", key="--days", mend="give at least 1")
    return timedelta(days=days)
