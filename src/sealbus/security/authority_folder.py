"""The files of an authority.

DIR/ca.crt    the trust anchor, for everybody
DIR/ca.key    its key, mode 600, optionally encrypted
DIR/ca.crl    the revocation list
DIR/index.json, DIR/issued/SERIAL.crt    what was issued
DIR/.lock     locked during each change
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from sealbus.durable_files import PUBLIC, locked, make_folder, refuse_open_folder, write_atomically
from sealbus.errors import ConfigError
from sealbus.security.identities import load_private_key
from sealbus.security.pem_files import load_certificates, read_file
from sealbus.security.private_keys import is_encrypted

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cryptography import x509

    from sealbus.security.identities import PrivateKey

__all__ = ["AuthorityFolder", "encode_certificates"]


@dataclass(frozen=True, slots=True)
class AuthorityFolder:
    """The folder of one authority and the names in it."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """The trust anchor."""
        return self.directory / "ca.crt"

    @property
    def key(self) -> Path:
        """The private key of the authority."""
        return self.directory / "ca.key"

    @property
    def revocation_list(self) -> Path:
        """The list of revoked certificates."""
        return self.directory / "ca.crl"

    @property
    def index(self) -> Path:
        """What was issued."""
        return self.directory / "index.json"

    @property
    def issued(self) -> Path:
        """Every certificate ever issued, by serial."""
        return self.directory / "issued"

    def make(self) -> None:
        """Make the folder, closed to others, unless it exists."""
        make_folder(self.directory, mode=0o700)
        refuse_open_folder(self.directory)
        make_folder(self.issued, mode=0o700)
        refuse_open_folder(self.issued)

    def refuse_existing(self) -> None:
        """Raises ConfigError if there is an authority here, complete or unfinished."""
        for path in (self.certificate, self.key, self.index):
            if path.exists():
                raise ConfigError(
                    "this folder has an authority already, or an unfinished one",
                    file=str(path),
                    hint="name another folder; nothing is ever overwritten here",
                )

    def locked(self) -> AbstractContextManager[None]:
        """The lock of the authority: one process changes it at a time. Raises ConfigError if others may write to it."""
        refuse_open_folder(self.directory)
        refuse_open_folder(self.issued)
        return locked(self.directory / ".lock")

    def load_root(self) -> x509.Certificate:
        """The certificate of the authority. ConfigError if there is none here."""
        if not self.certificate.exists():
            raise ConfigError(
                "there is no certificate authority in this folder",
                file=str(self.directory),
                hint=f"make one with sealbus ca init {self.directory}",
            )
        return load_certificates(self.certificate, "the certificate of the authority")[0]

    def key_is_encrypted(self) -> bool:
        """Does `load_key` need a passphrase?"""
        return is_encrypted(read_file(self.key, "the key of the authority"))

    def load_key(self, root: x509.Certificate, passphrase: bytes | None) -> PrivateKey:
        """The key of `root`. ConfigError if it cannot be read or belongs to another certificate."""
        key = load_private_key(self.key, read_file(self.key, "the key of the authority"), passphrase)
        if key.public_key() != root.public_key():
            raise ConfigError(
                f"the key does not belong to {self.certificate}",
                file=str(self.key),
                hint="restore both from one backup",
            )
        return key

    def keep_issued(self, serial: str, certificate: x509.Certificate) -> None:
        """Store the certificate `serial` permanently."""
        write_atomically(self.issued / f"{serial}.crt", encode_certificates(certificate), mode=PUBLIC, replace=False)

    def load_issued(self, serial: str) -> x509.Certificate:
        """The certificate `serial`. ConfigError if it was never written."""
        return load_certificates(self.issued / f"{serial}.crt", "an issued certificate")[0]

    def has_issued(self, serial: str) -> bool:
        """Was the certificate `serial` ever written?"""
        return (self.issued / f"{serial}.crt").exists()


def encode_certificates(*certificates: x509.Certificate) -> bytes:
    """Certificates as PEM, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)
