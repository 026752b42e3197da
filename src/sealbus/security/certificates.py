"""What an authority signs: the root, the leaves, the revocation list. Pure: keys and `now` are given.

Root: CA:TRUE, key usage certificate and CRL signing, both critical. Leaf: CA:FALSE, key usage digital signature (and
key encipherment for RSA, which the suites of v21 need), critical; the extended usage is clientAuth always, since every
side of mbaps may dial, and serverAuth only where a host is named: a certificate that no client could verify by name is
no server's. The role is a non-critical extension with one UTF8String (MODBUS/TCP Security v36, R-20 to R-22, R-65):
marked critical it would be refused by OpenSSL, which does not know it. A leaf never outlives its root. Beginnings are
dated back by CLOCK_SKEW, so that a device whose clock is a little slow does not refuse a new certificate.
"""

from __future__ import annotations

import contextlib
import ipaddress
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealbus.endpoints import canonical_host
from sealbus.errors import ConfigError
from sealbus.security.extensions import find_extension
from sealbus.security.roles import MAX_ROLE_BYTES, ROLE_OID, encode_role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealbus.security.identities import PrivateKey, PublicKey

__all__ = [
    "CLOCK_SKEW",
    "REASONS",
    "LeafTemplate",
    "Revocation",
    "build_leaf",
    "build_revocation_list",
    "build_root",
    "check_reason",
    "check_role",
    "common_name",
    "parse_host",
    "role_notes",
]

CLOCK_SKEW: Final = timedelta(minutes=5)

REASONS: Final = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")
"""Why a certificate may be revoked: those of RFC 5280, 5.3.1 that fit a plant."""

_LONG_ROLE = 64


@dataclass(frozen=True, slots=True)
class LeafTemplate:
    """The contents of one leaf."""

    subject: x509.Name
    public_key: PublicKey
    serial: int
    role: str | None
    hosts: tuple[x509.GeneralName, ...]
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of a revocation list."""

    serial: int
    at: datetime
    reason: str = "unspecified"


def common_name(text: str) -> x509.Name:
    """A subject of one common name. Raises ConfigError for text that X.509 does not allow or that is not printable."""
    if not text.isprintable() or not text.strip():
        raise ConfigError("a name is empty or holds control characters", key="name", hint="use plain text")
    if len(text) > 64:  # RFC 5280, appendix A: ub-common-name
        raise ConfigError(f"the name {text[:20]!r}... is longer than 64 characters", key="name", hint="shorten it")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def check_role(role: str) -> str:
    """`role` itself. Raises ConfigError for a role that gateways reject or that is not printable."""
    if not role:
        raise ConfigError("the role is empty", key="--role", hint="leave it out for a certificate without a role")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in role):
        raise ConfigError("the role holds control characters", key="--role", hint="use letters, digits and spaces")
    size = len(role.encode())
    if size > MAX_ROLE_BYTES:
        raise ConfigError(
            f"the role has {size} bytes, more than {MAX_ROLE_BYTES}", key="--role", hint="choose a shorter one"
        )
    return role


def role_notes(role: str | None) -> Iterator[str]:
    """Warnings about a role that is allowed but seldom intended."""
    if role is None:
        return
    if len(role) > _LONG_ROLE:
        yield f"the role has {len(role)} characters; devices of other vendors may refuse a role of that length"
    if role != role.strip():
        yield "the role begins or ends with a space, which is part of it"
    alphabets = {
        unicodedata.name(letter, "").partition(" ")[0]: letter for letter in reversed(role) if letter.isalpha()
    }
    for alphabet in ("CYRILLIC", "GREEK"):
        if alphabet in alphabets and "LATIN" in alphabets:
            letter = alphabets[alphabet]
            yield f"the role mixes alphabets: {letter} is {unicodedata.name(letter)}, and the policy must have the same"


def check_reason(reason: str) -> str:
    """`reason` itself. Raises ConfigError if RFC 5280, 5.3.1 does not know it or it does not fit a revocation."""
    if reason not in REASONS:
        raise ConfigError(
            f"{reason!r} is not a reason for revocation", key="--reason", hint=f"choose one of {', '.join(REASONS)}"
        )
    return reason


def parse_host(text: str) -> x509.GeneralName:
    """A host name or address as it is written in a SAN, in the spelling that endpoints have. ConfigError has the form."""
    in_brackets = text.startswith("[") and text.endswith("]")
    bare = text[1:-1] if in_brackets else text
    wildcard = "*." if bare.startswith("*.") else ""
    host = canonical_host(bare.removeprefix(wildcard))
    if not wildcard:
        with contextlib.suppress(ValueError):
            return x509.IPAddress(ipaddress.ip_address(host.partition("%")[0]))
    labels = host.split(".")
    looks_like_an_address = labels[-1].isdigit() or in_brackets
    if not host or looks_like_an_address or (wildcard and len(labels) == 1):
        raise ConfigError(
            f"{text!r} is neither a host name nor an IP address",
            key="--host",
            hint="write plc.example, 192.0.2.7 or 2001:db8::7, without port",
        )
    return x509.DNSName(wildcard + host)


def build_root(key: PrivateKey, subject: x509.Name, lifetime: timedelta, now: datetime) -> x509.Certificate:
    """A self-signed root."""
    public = key.public_key()
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    builder = _builder(subject, subject, public, x509.random_serial_number())
    return (
        builder.not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def build_leaf(template: LeafTemplate, root: x509.Certificate, root_key: PrivateKey, now: datetime) -> x509.Certificate:
    """A leaf under `root`, ending with it at the latest."""
    is_rsa = isinstance(template.public_key, rsa.RSAPublicKey)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if template.hosts:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = _builder(template.subject, root.subject, template.public_key, template.serial)
    builder = (
        builder.not_valid_before(max(now - CLOCK_SKEW, root.not_valid_before_utc))
        .not_valid_after(min(now + template.lifetime, root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True, key_encipherment=is_rsa), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(template.public_key), critical=False)
        .add_extension(_authority_key_identifier(root), critical=False)
    )
    if template.hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(template.hosts), critical=False)
    if template.role is not None:
        role = x509.UnrecognizedExtension(ROLE_OID, encode_role(template.role))
        builder = builder.add_extension(role, critical=False)
    return builder.sign(root_key, hashes.SHA256())


def build_revocation_list(
    revoked: Iterable[Revocation],
    root: x509.Certificate,
    root_key: PrivateKey,
    *,
    number: int,
    dates: tuple[datetime, datetime],
) -> x509.CertificateRevocationList:
    """The list of `revoked`; `dates` are this update and the next."""
    this_update, next_update = dates
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(this_update)
        .next_update(next_update)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority_key_identifier(root), critical=False)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(one.at)
        if one.reason != "unspecified":  # RFC 5280, 5.3.1: this reason is expressed by leaving the extension out
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(one.reason)), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(root_key, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey, serial: int) -> x509.CertificateBuilder:
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    return named.public_key(key).serial_number(serial)


def _authority_key_identifier(root: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = find_extension(root, x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
