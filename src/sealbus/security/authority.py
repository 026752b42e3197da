"""A certificate authority in one folder, enough for a plant that has none.

Every change is made under a file lock and in an order that survives being killed at any point (see authority_index and
durable_files). No file is overwritten except NAME.crt, of which the folder keeps every version: issuing NAME again keeps its
key unless a new one is requested, and leaves older certificates of NAME valid until they are revoked.

The authority signs what the operator decides, never what a request asks for: above all the role. Its revocation list lasts
as long as the root unless the operator sets a shorter time: an outdated list makes every gateway that uses it refuse peers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import structs

from sealbus.durable_files import PRIVATE, PUBLIC, make_folder, write_atomically
from sealbus.errors import ConfigError
from sealbus.security.authority_folder import AuthorityFolder, encode_certificates
from sealbus.security.authority_index import Index, IndexEntry, find_entries, load_index, save_index, unused_serial
from sealbus.security.certificates import (
    CLOCK_SKEW,
    LeafTemplate,
    Revocation,
    build_leaf,
    build_revocation_list,
    build_root,
    check_reason,
    check_role,
    common_name,
    parse_host,
    role_notes,
)
from sealbus.security.issuing import (
    LEAF_DAYS,
    AuthorityStatus,
    CertificateSpec,
    Issued,
    IssuedCertificate,
    KeyFiles,
    RootOptions,
    check_lifetime,
    check_name,
    load_or_make_key,
    refuse_foreign_certificate,
    refuse_foreign_key,
)
from sealbus.security.names import render_name, render_serial
from sealbus.security.pem_files import load_revocation_lists
from sealbus.security.private_keys import encode_private_key, generate_private_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealbus.security.identities import PrivateKey
    from sealbus.security.pem_files import FilePath
    from sealbus.security.requests import SigningRequest

__all__ = ["Authority"]

_DEFAULT_ROOT = RootOptions()
_DEFAULT_FILES = KeyFiles()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """An opened authority. Its key is read when something is signed, with `passphrase` if it is encrypted."""

    def __init__(self, folder: AuthorityFolder, root: x509.Certificate, passphrase: bytes | None = None) -> None:
        self.folder = folder
        self.root = root
        self.clock: Callable[[], datetime] = _utc_now
        self._passphrase = passphrase

    @classmethod
    def create(cls, directory: FilePath, name: str, options: RootOptions = _DEFAULT_ROOT) -> Authority:
        """Make an authority in `directory`. Raises ConfigError if there is one already."""
        folder = AuthorityFolder(Path(directory))
        subject = common_name(name)
        lifetime = check_lifetime(options.days)
        folder.make()
        with folder.locked():
            folder.refuse_existing()
            key = generate_private_key(options.key_kind)
            root = build_root(key, subject, lifetime, _utc_now())
            authority = cls(folder, root, options.passphrase)
            write_atomically(folder.key, encode_private_key(key, options.passphrase), mode=PRIVATE, replace=False)
            authority._write_revocation_list(Index(crl_days=options.crl_days), key)
            # last: from this moment on the folder is an authority
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
        files: KeyFiles = _DEFAULT_FILES,
    ) -> Issued:
        """Issue NAME.crt and NAME.key. An existing key of NAME is used again unless `files.replace`.

        Raises ConfigError for a name, role or host that cannot be in a certificate, and for files in the way.
        """
        subject = common_name(check_name(name))
        general_names = _check_wishes(role, hosts, days)
        directory = files.directory or self.folder.directory
        key_path = directory / f"{name}.key"
        with self.folder.locked():
            signer = self._load_key()
            make_folder(directory, mode=0o755)
            refuse_foreign_certificate(directory / f"{name}.crt", self.root)
            key, notes = load_or_make_key(key_path, files)
            spec = CertificateSpec(name, subject, key.public_key(), role, general_names, days)
            done = self._issue(spec, signer, directory)
        return replace(done, key=key_path, notes=notes + done.notes)

    def sign(
        self,
        request: SigningRequest,
        *,
        role: str | None = None,
        days: int = LEAF_DAYS,
        directory: Path | None = None,
    ) -> Issued:
        """Sign a request: NAME.crt with its subject, its hosts and this `role`. Show its contents to the operator before.

        Raises ConfigError as `issue` does, and where NAME.crt would no longer match its key.
        """
        check_name(request.name)
        general_names = _check_wishes(role, request.hosts, days)
        directory = directory or self.folder.directory
        with self.folder.locked():
            signer = self._load_key()
            make_folder(directory, mode=0o755)
            refuse_foreign_certificate(directory / f"{request.name}.crt", self.root)
            refuse_foreign_key(directory / f"{request.name}.key", request.public_key)
            spec = CertificateSpec(request.name, request.subject, request.public_key, role, general_names, days)
            return self._issue(spec, signer, directory)

    def revoke(self, name_or_serial: str, *, reason: str = "unspecified") -> tuple[IssuedCertificate, ...]:
        """Revoke every certificate of a name, or the one with a serial, and write a new ca.crl.

        Returns those that were not revoked before. Raises ConfigError if none has that name or serial.
        """
        check_reason(reason)
        with self.folder.locked():
            signer = self._load_key()
            index = load_index(self.folder.index)
            meant = find_entries(index, name_or_serial)
            if not meant:
                raise ConfigError(
                    f"no certificate has the name or serial {name_or_serial!r}",
                    file=str(self.folder.directory),
                    hint=f"sealbus ca list {self.folder.directory} shows them",
                )
            now = self.clock()
            revoked = {
                entry.serial: structs.replace(entry, revoked_at=now, reason=reason)
                for entry in meant
                if entry.revoked_at is None
            }
            entries = tuple(revoked.get(entry.serial, entry) for entry in index.entries)
            self._write_revocation_list(structs.replace(index, entries=entries), signer)
        return tuple(IssuedCertificate.of(entry, now, exists=True) for entry in revoked.values())

    def renew_revocation_list(self, crl_days: int | None = None) -> datetime:
        """Write a new ca.crl; returns its end. `crl_days` is kept: 0 for as long as the root, None for as before."""
        with self.folder.locked():
            signer = self._load_key()
            index = load_index(self.folder.index)
            if crl_days is not None:
                index = structs.replace(index, crl_days=crl_days or None)
            return self._write_revocation_list(index, signer)

    def list(self) -> tuple[IssuedCertificate, ...]:
        """All certificates ever issued, in order of issue. Needs no key."""
        now = self.clock()
        return tuple(
            IssuedCertificate.of(entry, now, exists=self.folder.has_issued(entry.serial))
            for entry in load_index(self.folder.index).entries
        )

    def status(self) -> AuthorityStatus:
        """The state of the authority itself. Needs no key."""
        number = load_index(self.folder.index).crl_number
        renew = f"run sealbus ca renew-crl {self.folder.directory}"
        problems: list[str] = []
        end = None
        try:
            crl = load_revocation_lists(self.folder.revocation_list)[0]
            end = crl.next_update_utc
            if crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number != number:
                problems.append(f"{self.folder.revocation_list} is older than the last revocation; {renew}")
            if end is not None and self.clock() > end:
                problems.append(
                    f"{self.folder.revocation_list} is out of date: gateways that use it refuse every peer; {renew}"
                )
        except (ConfigError, x509.ExtensionNotFound):
            problems.append(f"{self.folder.revocation_list} cannot be used; {renew}")
        return AuthorityStatus(render_name(self.root.subject), self.root.not_valid_after_utc, end, tuple(problems))

    def _issue(self, spec: CertificateSpec, signer: PrivateKey, directory: Path) -> Issued:
        """Under the lock: into the index, into `issued`, to NAME.crt, in this order."""
        now = self.clock()
        self._check_validity(now)
        index = load_index(self.folder.index)
        template = LeafTemplate(
            subject=spec.subject,
            public_key=spec.public_key,
            serial=unused_serial(index),
            role=spec.role,
            hosts=spec.hosts,
            lifetime=check_lifetime(spec.days),
        )
        key_notes = self._check_key_history(spec, index)
        certificate = build_leaf(template, self.root, signer, now)
        entry = IndexEntry(
            serial=render_serial(template.serial),
            name=spec.name,
            subject=render_name(spec.subject),
            role=spec.role,
            issued_at=now,
            not_after=certificate.not_valid_after_utc,
        )
        save_index(self.folder.index, structs.replace(index, entries=(*index.entries, entry)))
        self.folder.keep_issued(entry.serial, certificate)
        path = directory / f"{spec.name}.crt"
        write_atomically(path, encode_certificates(certificate, self.root), mode=PUBLIC, replace=True)
        return Issued(entry.serial, path, None, entry.not_after, key_notes + self._notes(spec, index, now))

    def _check_key_history(self, spec: CertificateSpec, index: Index) -> tuple[str, ...]:
        """Refuse a key that was revoked as compromised; warn of a key whose certificate was revoked otherwise."""
        for entry in index.entries:
            if entry.revoked_at is None or not self.folder.has_issued(entry.serial):
                continue
            if self.folder.load_issued(entry.serial).public_key() != spec.public_key:
                continue
            if entry.reason == "keyCompromise":
                raise ConfigError(
                    f"its key was revoked as compromised, with the certificate {entry.serial}",
                    key=spec.name,
                    hint="make a new key: --replace, or a new request",
                )
            return (
                f"its key is that of the revoked certificate {entry.serial}; if others may have it, make a new one",
            )
        return ()

    def _notes(self, spec: CertificateSpec, index: Index, now: datetime) -> tuple[str, ...]:
        notes = list(role_notes(spec.role))
        if now + check_lifetime(spec.days) > self.root.not_valid_after_utc:
            notes.append(
                f"it ends with its authority on {self.root.not_valid_after_utc:%Y-%m-%d}, sooner than asked for"
            )
        notes += [
            f"the earlier certificate {entry.serial} of {entry.name} stays valid until {entry.not_after:%Y-%m-%d}; "
            f"to end it: sealbus ca revoke {self.folder.directory} {entry.serial}"
            for entry in index.entries
            if entry.name == spec.name and entry.revoked_at is None and now <= entry.not_after
        ]
        return tuple(notes)

    def _load_key(self) -> PrivateKey:
        return self.folder.load_key(self.root, self._passphrase)

    def _check_validity(self, now: datetime) -> None:
        if now < self.root.not_valid_before_utc:
            # what is signed now would be refused by every peer whose clock is right, or end before it begins
            raise ConfigError(
                f"the clock of this machine says {now:%Y-%m-%d %H:%M} UTC, and the authority begins on "
                f"{self.root.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                file=str(self.folder.certificate),
                hint="set the clock",
            )
        if now >= self.root.not_valid_after_utc:
            raise ConfigError(
                f"the authority expired on {self.root.not_valid_after_utc:%Y-%m-%d}",
                file=str(self.folder.certificate),
                hint="make a new one with sealbus ca init, and trust both until the change is over",
            )

    def _write_revocation_list(self, index: Index, signer: PrivateKey) -> datetime:
        """Under the lock: into the index first, then to ca.crl. Returns the next update."""
        now = self.clock()
        self._check_validity(now)
        end = self.root.not_valid_after_utc
        if index.crl_days is not None:
            end = min(end, now + check_lifetime(index.crl_days, "--crl-days"))
        index = structs.replace(index, crl_number=index.crl_number + 1)
        save_index(self.folder.index, index)
        revoked = (
            Revocation(int(entry.serial, 16), entry.revoked_at, entry.reason)
            for entry in index.entries
            if entry.revoked_at is not None
        )
        dates = (self._list_begin(now), end)
        crl = build_revocation_list(revoked, self.root, signer, number=index.crl_number, dates=dates)
        pem = crl.public_bytes(serialization.Encoding.PEM)
        write_atomically(self.folder.revocation_list, pem, mode=PUBLIC, replace=True)
        return end

    def _list_begin(self, now: datetime) -> datetime:
        """This update: never before that of the last list, which gateways would refuse, if the clock was set back."""
        try:
            last = load_revocation_lists(self.folder.revocation_list)[0].last_update_utc
        except ConfigError:
            return now - CLOCK_SKEW
        return max(now - CLOCK_SKEW, last) if last <= now else now - CLOCK_SKEW


def _check_wishes(role: str | None, hosts: Sequence[str], days: int) -> tuple[x509.GeneralName, ...]:
    """Check the lifetime and the hosts before anything is written; returns the hosts in the form of a certificate."""
    if role is not None:
        check_role(role)
    check_lifetime(days)
    return tuple(dict.fromkeys(parse_host(host) for host in hosts))
