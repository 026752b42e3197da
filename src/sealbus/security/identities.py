"""The identity of this side: certificate chains and their keys.

An identity is loaded whole or not at all: chain, key and validity are checked together, from bytes that were read once. So
a reload gives a working identity or a ConfigError that names the file and what to change, while the last good one stays in
use. It may hold several pairs, one for each kind of key: a server with an ECDSA and an RSA certificate serves both kinds of
client of MODBUS/TCP Security v36 (R-14 asks for ECDHE-RSA, R-62 for ECDHE-ECDSA).

R-46 asks for the entire chain down to the root. What the file leaves out is completed from the trust anchors when a
context is built; what cannot be completed is sent as it is, and `chain_warnings` reports it.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealbus.errors import ConfigError
from sealbus.security.extensions import read_extensions
from sealbus.security.file_kinds import instead_of, refusal_of
from sealbus.security.names import render_name
from sealbus.security.parsing import UNPARSABLE
from sealbus.security.pem_files import as_paths, load_certificates, read_file
from sealbus.security.private_keys import is_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cryptography import x509

    from sealbus.security.pem_files import FilePath

__all__ = ["Identity", "KeyPair", "PrivateKey", "PublicKey", "complete_chain", "issued", "load_private_key"]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One chain, leaf first, and the PEM of its key as it was read (still encrypted if it was)."""

    certificate_file: str
    key_file: str
    chain: tuple[x509.Certificate, ...]
    key_pem: bytes = field(repr=False)
    password: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """One or several key pairs, each of another kind of key. `warnings` are sentences for the operator."""

    pairs: tuple[KeyPair, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        certificate: FilePath | Sequence[FilePath],
        key: FilePath | Sequence[FilePath],
        password: bytes | str | None = None,
        *,
        now: datetime | None = None,
    ) -> Identity:
        """Read certificate files (leaf first, up to the root) and their keys, in the same order.

        Raises ConfigError that names the file when one is missing, is not PEM, does not belong to the other, is
        encrypted without a password, or is not valid at `now` (default: the clock).
        """
        certificates, keys = as_paths(certificate), as_paths(key)
        if not certificates or len(certificates) != len(keys):
            raise ConfigError(
                f"{len(certificates)} certificate files and {len(keys)} key files",
                key="key",
                hint="name one key for each certificate, in the same order",
            )
        moment = now or datetime.now(UTC)
        if isinstance(password, str):
            password = password.encode()
        pairs = tuple(_load_pair(*files, password, moment) for files in zip(certificates, keys, strict=True))
        _refuse_two_of_a_kind(pairs)
        warnings = [warning for path in keys for warning in _permission_warnings(path)]
        warnings += [
            f"{pair.certificate_file}: the certificate of {render_name(one.subject)} is odd: {clause}"
            for pair in pairs
            for one in pair.chain
            for clause in read_extensions(one).left_out
        ]
        return cls(pairs, tuple(warnings))

    @property
    def not_after(self) -> datetime:
        """When the first certificate of any chain expires (UTC)."""
        return min(certificate.not_valid_after_utc for pair in self.pairs for certificate in pair.chain)

    @property
    def subject(self) -> str:
        """The subject of the first leaf, printable."""
        return render_name(self.pairs[0].chain[0].subject)

    def chain_warnings(self, anchors: Iterable[x509.Certificate]) -> list[str]:
        """What hinders sending the entire chain down to the root (R-46), given the anchors to complete it from."""
        known = tuple(anchors)
        return [
            f"{pair.certificate_file}: the chain ends at {render_name(last.issuer)}, which is in no file; "
            "append the certificates up to the root, so that peers get the whole chain"
            for pair in self.pairs
            if not issued(last := complete_chain(pair.chain, known)[-1], by=last)
        ]


def complete_chain(
    chain: Sequence[x509.Certificate], known: Iterable[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """`chain` and behind it those of `known` that lead on to a root, as far as they do."""
    completed = list(chain)
    candidates = list(known)
    while not issued(completed[-1], by=completed[-1]):
        issuer = next((candidate for candidate in candidates if issued(completed[-1], by=candidate)), None)
        if issuer is None or issuer in completed:
            break
        completed.append(issuer)
    return tuple(completed)


def issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    """Whether the key of `by` signed `certificate`, under the name of `by`."""
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, *UNPARSABLE):
        return False
    return True


def load_private_key(path: Path, pem: bytes, password: bytes | None) -> PrivateKey:
    """The ECDSA or RSA key in `pem`. Raises ConfigError that names `path`."""
    file = str(path)
    if b"-----BEGIN" not in pem:
        hint = "a file of a key begins with -----BEGIN PRIVATE KEY-----"
        raise refusal_of(pem, path, problem="the file holds no private key in PEM", hint=hint)
    encrypted = is_encrypted(pem)
    if encrypted and not password:
        raise ConfigError(
            "the key is encrypted and no passphrase was given", file=file, hint="name a passphrase_file that holds it"
        )
    try:
        key = serialization.load_pem_private_key(pem, password if encrypted else None)
    except UNPARSABLE:
        if encrypted:
            raise ConfigError("the password does not open this key", file=file, hint="give its password") from None
        problem = f"the private key cannot be read{instead_of('a private key', pem)}"
        raise refusal_of(pem, path, problem=problem, hint="name the PEM file of the key") from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise ConfigError("the key is neither ECDSA nor RSA", file=file, hint="use ECDSA P-256 or RSA 3072")
    return key


def _load_pair(certificate_path: Path, key_path: Path, password: bytes | None, now: datetime) -> KeyPair:
    chain = load_certificates(certificate_path, "the certificate")
    key_pem = read_file(key_path, "the key")
    key = load_private_key(key_path, key_pem, password)
    _check_key_belongs(certificate_path, key_path, chain, key)
    _check_order(certificate_path, chain)
    _check_validity(certificate_path, chain, now)
    used = password if is_encrypted(key_pem) else None
    return KeyPair(str(certificate_path), str(key_path), tuple(chain), key_pem, used)


def _check_key_belongs(
    certificate_path: Path, key_path: Path, chain: Sequence[x509.Certificate], key: PrivateKey
) -> None:
    belongs = [_has_key(certificate, key.public_key()) for certificate in chain]
    if belongs[0]:
        return
    if any(belongs):
        raise ConfigError(
            "the certificate of the key is not the first one in the file",
            file=str(certificate_path),
            hint="put the leaf first, then its issuer, and so on up to the root",
        )
    raise ConfigError(
        f"the key does not belong to the certificate {certificate_path}",
        file=str(key_path),
        hint="name the key that the certificate was issued for",
    )


def _has_key(certificate: x509.Certificate, key: PublicKey) -> bool:
    try:
        return certificate.public_key() == key
    except UNPARSABLE:
        return False


def _check_order(path: Path, chain: Sequence[x509.Certificate]) -> None:
    for certificate, issuer in pairwise(chain):
        if not issued(certificate, by=issuer):
            raise ConfigError(
                f"the certificate of {render_name(certificate.subject)} is followed by that of "
                f"{render_name(issuer.subject)}, which did not issue it",
                file=str(path),
                hint="put the leaf first, then its issuer, and so on up to the root",
            )


def _check_validity(path: Path, chain: Sequence[x509.Certificate], now: datetime) -> None:
    for certificate in chain:
        subject = render_name(certificate.subject)
        if now > certificate.not_valid_after_utc:
            raise ConfigError(
                f"the certificate of {subject} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
                file=str(path),
                hint="renew it, for example with sealbus ca issue",
            )
        if now < certificate.not_valid_before_utc:
            begin = certificate.not_valid_before_utc
            raise ConfigError(
                f"the certificate of {subject} is not valid before {begin:%Y-%m-%d %H:%M} UTC",
                file=str(path),
                hint="set the clock of this machine, or wait",
            )


def _refuse_two_of_a_kind(pairs: Sequence[KeyPair]) -> None:
    kinds = [isinstance(pair.chain[0].public_key(), rsa.RSAPublicKey) for pair in pairs]
    for position, kind in enumerate(kinds):
        if kind in kinds[:position]:
            raise ConfigError(
                f"a second certificate with an {'RSA' if kind else 'ECDSA'} key",
                file=pairs[position].certificate_file,
                hint="name at most one ECDSA and one RSA certificate",
            )


def _permission_warnings(path: Path) -> list[str]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return []
    if mode & 0o077:
        return [f"{path}: the key can be read by other users (mode {mode:o}); run chmod 600 {path}"]
    return []
