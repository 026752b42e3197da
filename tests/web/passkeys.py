"""A security key in software: makes a key pair for a site, and signs challenges of that site and of no other.

Written after Web Authentication Level 2 (sections 5.8.1, 6.1, 6.5) with CBOR by hand, so that the library under test is
not its own witness.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["SoftKey"]

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftKey:
    """One key. `origin` is the origin that the browser sends, independent of what the site requested."""

    origin: str = "http://localhost"
    site: str = "localhost"
    verifies: bool = True
    """Whether the key asks for a finger or a PIN."""
    count: int = 0
    """How often it has signed; a key that does not count stays at 0."""
    counts: bool = True
    cross_origin: object = False
    """Whether the page that uses the key is in a frame of another origin."""
    user_handle: bytes = b""
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer to `navigator.credentials.create`."""
        public_key = options["publicKey"]
        self.user_handle = _bytes(public_key["user"]["id"])
        client = self._client_data("webauthn.create", public_key["challenge"])
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._authenticator_data(attested=True)}
        is_resident = public_key.get("authenticatorSelection", {}).get("residentKey") == "required"
        return self._answer(
            {"clientDataJSON": _text(client), "attestationObject": _text(_cbor(attestation))},
            extensions={"credProps": {"rk": is_resident}},
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer to `navigator.credentials.get`."""
        client = self._client_data("webauthn.get", options["publicKey"]["challenge"])
        self.count += self.counts
        data = self._authenticator_data()
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": _text(client),
                "authenticatorData": _text(data),
                "signature": _text(signature),
                "userHandle": _text(self.user_handle),
            }
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        sent = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin}
        return json.dumps(sent).encode()

    def _authenticator_data(self, *, attested: bool = False) -> bytes:
        flags = _PRESENT | (_VERIFIED if self.verifies else 0) | (_ATTESTED if attested else 0)
        data = hashlib.sha256(self.site.encode()).digest() + struct.pack(">BI", flags, self.count)
        if attested:
            data += bytes(16) + struct.pack(">H", len(self.id)) + self.id + _cbor(self._public())
        return data

    def _public(self) -> dict[int, Any]:
        """The public key as COSE (RFC 9053): EC2, ES256, P-256."""
        numbers = self.private.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _answer(self, response: dict[str, str], extensions: dict[str, Any] | None = None) -> dict[str, Any]:
        return {
            "id": _text(self.id),
            "rawId": _text(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": extensions or {},
        }


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _cbor(value: Any) -> bytes:
    """RFC 8949, as far as a key needs it."""
    match value:
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case dict():
            return _head(5, len(value)) + b"".join(_cbor(key) + _cbor(each) for key, each in value.items())
    raise TypeError(type(value))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25]) + struct.pack(">H", number)
