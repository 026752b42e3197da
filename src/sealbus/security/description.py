"""What a certificate says and what a peer would object to, as labels and texts to show.

The same checks as for a live peer (`peer_verifier`, `purposes`), on one certificate, without a chain: whether its authority
is trusted shows in a handshake only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealbus.errors import ConfigError
from sealbus.security.extensions import find_extension, is_authority, read_extensions
from sealbus.security.identities import issued
from sealbus.security.names import printable, render_name, render_serial
from sealbus.security.parsing import UNPARSABLE
from sealbus.security.peer_verifier import weakness_of
from sealbus.security.pem_files import load_certificates
from sealbus.security.presented import host_names
from sealbus.security.private_keys import render_key_kind
from sealbus.security.requests import SigningRequest
from sealbus.security.revocation import RevocationList
from sealbus.security.roles import RoleFinding, role_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["Described", "Side", "describe", "describe_file"]

_SHOWN_HOSTS: Final = 20


class Side(StrEnum):
    """The side of a connection that presents a certificate."""

    CLIENT = "client"
    SERVER = "server"


_PURPOSES: Final = {Side.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH, Side.SERVER: ExtendedKeyUsageOID.SERVER_AUTH}


@dataclass(frozen=True, slots=True)
class Described:
    """Labels with their texts, printable; and `objections`: sentences about who would refuse it, and why."""

    facts: tuple[tuple[str, str], ...]
    objections: tuple[str, ...] = ()


def describe_file(path: Path, now: datetime) -> list[Described]:
    """The certificates, the signing request or the revocation lists in a file. ConfigError if it holds none of them."""
    try:
        chain = load_certificates(path, "the certificate")
    except ConfigError as error:
        return _other_content(path, now, error)
    described = [describe(one, now) for one in chain]
    for place, (one, issuer) in enumerate(pairwise(chain)):
        if not issued(one, by=issuer):
            wrong = f"everybody: the certificate after it, of {render_name(issuer.subject)}, did not issue it"
            described[place] = Described(described[place].facts, (*described[place].objections, wrong))
    return described


def describe(certificate: x509.Certificate, now: datetime, side: Side | None = None) -> Described:
    """The facts and objections of one certificate at `now`; with `side` also what hinders that use."""
    try:
        return Described(tuple(_facts(certificate, now)), tuple(_objections(certificate, now, side)))
    except UNPARSABLE as error:
        return Described((), (f"everybody: it cannot be parsed: {printable(str(error))}",))


def _other_content(path: Path, now: datetime, error: ConfigError) -> list[Described]:
    try:
        return [Described(tuple(SigningRequest.load(path).describe()))]
    except ConfigError:
        pass
    try:
        lists = RevocationList.load(path)
    except ConfigError:
        raise error from None
    return [
        Described(tuple(_list_facts(one)), () if one.is_in_date(now) else ("everybody: it is not in date",))
        for one in lists
    ]


def _list_facts(one: RevocationList) -> Iterator[tuple[str, str]]:
    yield "list of", render_name(one.crl.issuer)
    yield "number", "none" if one.number is None else str(one.number)
    yield "valid", f"{one.begin:%Y-%m-%d %H:%M} to {f'{one.end:%Y-%m-%d %H:%M} UTC' if one.end else 'no end'}"
    yield "revoked", f"{len(one.serials)} certificate{'' if len(one.serials) == 1 else 's'}"


def _facts(certificate: x509.Certificate, now: datetime) -> Iterator[tuple[str, str]]:
    hosts = host_names(certificate)
    role = role_of(certificate)
    end = certificate.not_valid_after_utc
    yield "subject", render_name(certificate.subject)
    yield "issuer", render_name(certificate.issuer)
    yield "serial", render_serial(certificate.serial_number)
    yield "hosts", ", ".join(hosts[:_SHOWN_HOSTS]) + (", ..." if len(hosts) > _SHOWN_HOSTS else "") if hosts else "none"
    if role.finding is RoleFinding.PRESENT:
        yield "role", f'"{printable(role.value)}"'
    else:
        yield "role", "none" if role.finding is RoleFinding.ABSENT else f"none: malformed, {role.detail}"
    yield "valid", f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, {_left(end, now)}"
    yield "key", _key(certificate)
    yield "use", _use(certificate)
    yield "SHA-256", certificate.fingerprint(hashes.SHA256()).hex()


def _left(end: datetime, now: datetime) -> str:
    days = (end - now).days
    return f"{days} days left" if end > now else "expired"


def _key(certificate: x509.Certificate) -> str:
    key, algorithm = certificate.public_key(), certificate.signature_hash_algorithm
    kind = render_key_kind(key) if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else type(key).__name__
    return f"{kind}, signed with {algorithm.name.upper().replace('SHA', 'SHA-') if algorithm else 'no hash'}"


def _use(certificate: x509.Certificate) -> str:
    if is_authority(certificate):
        return "authority"
    uses = {Side.CLIENT: _may_be(Side.CLIENT, certificate), Side.SERVER: _may_be(Side.SERVER, certificate)}
    return ", ".join(side for side, objection in uses.items() if not objection) or "neither client nor server"


def _may_be(side: Side, certificate: x509.Certificate) -> str:
    """Why the certificate cannot be that of a client or a server; empty if it can."""
    usage = find_extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and _PURPOSES[side] not in usage:
        return f"its extended key usage lacks {side}Auth"
    return "it names no host" if side is Side.SERVER and not host_names(certificate) else ""


def _objections(certificate: x509.Certificate, now: datetime, side: Side | None) -> Iterator[str]:
    if now > certificate.not_valid_after_utc:
        yield "everybody: it has expired"
    if now < certificate.not_valid_before_utc:
        yield "everybody: it is not yet valid"
    is_root = issued(certificate, by=certificate)
    if weakness := weakness_of(certificate, is_root=is_root):
        yield f"everybody: {weakness}"
    for clause in read_extensions(certificate).left_out:
        yield f"some peers: {clause}"
    if is_authority(certificate):
        if side is not None:
            yield "everybody: the certificate of an authority cannot identify a device or a person"
    elif side is not None and (objection := _may_be(side, certificate)):
        yield f"{'clients' if side is Side.SERVER else 'servers'}: {objection}"
    elif all(_may_be(each, certificate) for each in Side):
        yield "everybody: it is neither for a client nor for a server with a host name"
