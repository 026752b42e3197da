"""Making and storing private keys: ECDSA P-256 unless RSA is asked for."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from sealbus.security.identities import PrivateKey, PublicKey

__all__ = ["KeyKind", "encode_private_key", "generate_private_key", "is_encrypted", "kind_of", "render_key_kind"]


_ENCRYPTED: Final = re.compile(
    rb"^-----BEGIN (?:ENCRYPTED PRIVATE KEY-----|[A-Z ]*PRIVATE KEY-----\r?\nProc-Type: ?4,ENCRYPTED)", re.MULTILINE
)


class KeyKind(StrEnum):
    """The kinds of key that the authority makes (MODBUS/TCP Security v36: R-61 asks for P-256, R-14 speaks of RSA)."""

    ECDSA_P256 = "ecdsa-p256"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"


def generate_private_key(kind: KeyKind = KeyKind.ECDSA_P256) -> PrivateKey:
    """A new key."""
    if kind is KeyKind.ECDSA_P256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048 if kind is KeyKind.RSA_2048 else 3072)


def encode_private_key(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """`key` in PKCS 8 PEM, encrypted if a passphrase is given."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def is_encrypted(pem: bytes) -> bool:
    """Whether the key in `pem` is encrypted, by its own lines: others may hold any text, such as the bag attributes of
    `openssl pkcs12`. Two forms: PKCS 8 (RFC 5958), and the older one with a header (RFC 1421).
    """
    return _ENCRYPTED.search(pem) is not None


def render_key_kind(key: PublicKey) -> str:
    """The kind of a public key in words: "ECDSA secp256r1", "RSA 3072"."""
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else f"ECDSA {key.curve.name}"


def kind_of(key: PrivateKey) -> KeyKind | None:
    """Which kind of those that the authority makes a key is; None for another."""
    if isinstance(key, rsa.RSAPrivateKey):
        return {2048: KeyKind.RSA_2048, 3072: KeyKind.RSA_3072}.get(key.key_size)
    return KeyKind.ECDSA_P256 if isinstance(key.curve, ec.SECP256R1) else None
