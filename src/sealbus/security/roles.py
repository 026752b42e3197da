"""The role in a certificate.

MODBUS/TCP Security v36 puts the role of a client into one extension of its leaf certificate: OID
1.3.6.1.4.1.50316.802.1 (R-21), an ASN.1 UTF8String (R-22), one role per certificate, the entire string being that role
(R-65). TLS libraries ignore it: OpenSSL completes a handshake with no role, two roles, a role of the wrong type or with
bytes behind it. So it is decided here, once, and always in the same way: anything that is not exactly one well-formed role
is the NULL role (R-23), which the policy denies unless a rule names it. No certificate makes `role_of` raise: a peer's
bytes must not end the task that parses them. ABSENT and MALFORMED are distinguished in the log: an operator forgot the role,
or a certificate was made wrongly or in bad faith.

The whole certificate is parsed by `cryptography`; another extension that it cannot read does not hide the role
(`extensions`). Decoded here is only the one UTF8String inside the extension: tag, definite length in its shortest form,
bytes to the end. Nothing is trimmed, folded or normalised: "Operator " and a
Cyrillic look-alike are other roles, which no policy knows.

v36 sets no limit to the length. MAX_ROLE_BYTES is ours: a longer one is the NULL role, never a shortened one,
because each denial is recorded with the role, and a certificate must not decide how large the records grow. An empty
string is the NULL role too, and MALFORMED: it names nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from cryptography import x509

from sealbus.security.extensions import read_extensions
from sealbus.security.parsing import UNPARSABLE, why_unparsable

__all__ = ["MAX_ROLE_BYTES", "ROLE_OID", "PeerRole", "RoleFinding", "encode_role", "role_of", "role_of_request"]

ROLE_OID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1")
"""MODBUS/TCP Security v36, R-21."""

MAX_ROLE_BYTES: Final = 1024
"""The longest role that is honoured, in bytes of UTF-8."""

_UTF8_STRING_TAG = 0x0C  # R-22; ITU-T X.690, 8.23


class RoleFinding(Enum):
    """What the extension holds."""

    PRESENT = "present"
    ABSENT = "absent"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class PeerRole:
    """The role of one certificate. `value` is "" for the NULL role.

    `detail` is for the log: the reason for the NULL role, and which other extensions cannot be read.
    """

    value: str
    finding: RoleFinding
    detail: str = ""


def role_of(certificate: x509.Certificate | bytes) -> PeerRole:
    """The role of a leaf certificate, parsed or as DER. Never raises; anything doubtful is the NULL role."""
    try:
        parsed = x509.load_der_x509_certificate(certificate) if isinstance(certificate, bytes) else certificate
        return _role_of_certificate(parsed)
    except Exception as error:  # noqa: BLE001 - a peer's bytes must not end the task that looks at them
        return _malformed(f"the certificate cannot be parsed: {why_unparsable(error)}")


def role_of_request(request: x509.CertificateSigningRequest) -> PeerRole:
    """The role that a signing request asks for. Never raises."""
    try:
        return _role_in(request.extensions)
    except UNPARSABLE as error:
        return _unreadable(error)


def encode_role(role: str) -> bytes:
    """The DER of `role` as a UTF8String, as it is in the extension (R-22)."""
    content = role.encode()
    if len(content) < 0x80:
        return bytes((_UTF8_STRING_TAG, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((_UTF8_STRING_TAG, 0x80 | len(length))) + length + content


def _role_of_certificate(certificate: x509.Certificate) -> PeerRole:
    try:
        found = read_extensions(certificate)
    except UNPARSABLE as error:
        return _unreadable(error)
    role = _role_in(found.readable)
    return replace(role, detail="; ".join(filter(None, (role.detail, *found.left_out))))


def _role_in(extensions: x509.Extensions) -> PeerRole:
    try:
        extension = extensions.get_extension_for_oid(ROLE_OID)
    except x509.ExtensionNotFound:
        return PeerRole("", RoleFinding.ABSENT, "it has no role extension")
    value = extension.value
    if not isinstance(value, x509.UnrecognizedExtension):
        return _malformed("the extension of the role is read as something else")
    return _decode_role(value.value)


def _decode_role(der: bytes) -> PeerRole:
    if len(der) < 2:
        return _malformed("the role is cut short")
    if der[0] != _UTF8_STRING_TAG:
        return _malformed(f"the role has ASN.1 tag {der[0]:02X}, not 0C (UTF8String)")
    header_bytes, length = _decode_length(der)
    if length is None:
        return _malformed("the length of the role is not DER")
    content = der[header_bytes:]
    if len(content) < length:
        return _malformed(f"the role is cut short: {len(content)} of {length} bytes")
    if len(content) > length:
        return _malformed(f"{len(content) - length} bytes follow the role")
    return _role_of_content(content)


def _decode_length(der: bytes) -> tuple[int, int | None]:
    """The size of tag and length, and the length; None unless it is definite and in its shortest form (X.690, 10.1)."""
    first = der[1]
    if first < 0x80:
        return 2, first
    size = first & 0x7F
    octets = der[2 : 2 + size]
    if not 1 <= size <= 4 or len(octets) < size:
        return 2, None
    length = int.from_bytes(octets, "big")
    shortest = length >= 0x80 and octets[0] != 0
    return 2 + size, length if shortest else None


def _role_of_content(content: bytes) -> PeerRole:
    if not content:
        return _malformed("the role is an empty string")
    if len(content) > MAX_ROLE_BYTES:
        return _malformed(f"the role has {len(content)} bytes, more than {MAX_ROLE_BYTES}")
    try:
        value = content.decode()
    except UnicodeDecodeError:
        return _malformed("the role is not valid UTF-8")
    if "\0" in value:
        return _malformed("the role contains a NUL")
    return PeerRole(value, RoleFinding.PRESENT)


def _unreadable(error: Exception) -> PeerRole:
    if isinstance(error, x509.DuplicateExtension):
        which = "the role" if error.oid == ROLE_OID else f"the extension {error.oid.dotted_string}"
        return _malformed(f"{which} occurs twice")
    return _malformed(f"its extensions cannot be parsed: {why_unparsable(error)}")


def _malformed(detail: str) -> PeerRole:
    return PeerRole("", RoleFinding.MALFORMED, detail)
