"""Every invalid certificate is refused, with the reason in the record, while a valid one works beside it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import Plant, RawClient, adu, open_plant, read_holding, words
from sealbus.records import Connected, HandshakeFailed, RefusedConnection

if TYPE_CHECKING:
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))

Maker = Callable[[Plant], pki.Credential | None]


def nothing(plant: Plant) -> None:
    return None


def expired(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, role="Operator", not_after=pki.YESTERDAY)


def not_yet_valid(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, role="Operator", not_before=pki.TOMORROW)


def foreign(plant: Plant) -> pki.Credential:
    return pki.make_leaf(pki.make_root("Another root"), role="Operator")


def foreign_under_our_name(plant: Plant) -> pki.Credential:
    return pki.make_leaf(pki.make_root("Test root"), role="Operator")


def self_signed(plant: Plant) -> pki.Credential:
    return pki.make_leaf(None, role="Operator")


def for_servers_only(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, role="Operator", usages=[pki.SERVER])


def the_root_itself(plant: Plant) -> pki.Credential:
    return plant.root


def an_authority_below_the_root(plant: Plant) -> pki.Credential:
    return pki.make_root("Intermediate", issuer=plant.root)


def an_authority_with_a_role(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, role="Operator", authority=True, key_usage=False)


def signed_with_sha1(plant: Plant) -> pki.Credential:
    return pki.weakly_signed(plant.folder, plant.root)


def rsa_1024(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, role="Operator", key=pki.rsa_key(1024))


def issued_by_a_leaf(plant: Plant) -> pki.Credential:
    return pki.make_leaf(pki.make_leaf(plant.root, "Operator One", role="Operator"), role="Operator")


def below_too_many_authorities(plant: Plant) -> pki.Credential:
    narrow = pki.make_root("Only leaves", issuer=plant.root, path_length=0)
    return pki.make_leaf(pki.make_root("One too many", issuer=narrow), role="Operator")


def without_the_authority_between(plant: Plant) -> pki.Credential:
    leaf = pki.make_leaf(pki.make_root("Intermediate", issuer=plant.root), role="Operator")
    return pki.Credential((leaf.certificate,), leaf.key)


def below_an_expired_authority(plant: Plant) -> pki.Credential:
    old = pki.make_root("Old", issuer=plant.root, not_after=pki.YESTERDAY)
    return pki.make_leaf(old, role="Operator")


def with_another_signature(plant: Plant) -> pki.Credential:
    good, other = pki.make_leaf(plant.root, role="Operator"), pki.make_leaf(plant.root, role="Viewer")
    forged = good.der[: -len(good.certificate.signature)] + other.certificate.signature
    length = int.from_bytes(good.der[2:4], "big") + len(other.certificate.signature) - len(good.certificate.signature)
    forged = good.der[:2] + length.to_bytes(2, "big") + forged[4:]
    bits = len(good.certificate.signature) + 1
    forged = forged.replace(b"\x03" + bytes((bits, 0)), b"\x03" + bytes((len(other.certificate.signature) + 1, 0)))
    return pki.Credential((x509.load_der_x509_certificate(forged), *plant.root.chain), good.key)


def with_a_critical_role(plant: Plant) -> pki.Credential:
    return pki.make_leaf(plant.root, role="Operator", role_critical=True)


BAD: dict[Maker, str] = {
    nothing: "no certificate was sent",
    expired: "its certificate has expired",
    not_yet_valid: "its certificate is not yet valid",
    foreign: "its authority is unknown",
    foreign_under_our_name: "",  # OpenSSL reports an unknown issuer or a wrong signature
    self_signed: "its certificate is self-signed and not among the trusted ones",
    for_servers_only: "its certificate is not meant for this use",
    the_root_itself: "its certificate is not meant for this use",
    an_authority_below_the_root: "its certificate is not meant for this use",
    an_authority_with_a_role: "the certificate of an authority cannot identify a device or a person",
    signed_with_sha1: "too weak",
    rsa_1024: "too weak",
    issued_by_a_leaf: "",
    below_too_many_authorities: "its chain is longer than an authority in it allows",
    without_the_authority_between: "its authority is unknown",
    below_an_expired_authority: "its certificate has expired",
    with_another_signature: "the signature of its certificate is wrong",
    with_a_critical_role: "its certificate has a critical extension that is not known here",
}


async def answer_to(plant: Plant, credential: pki.Credential | None, version: ssl.TLSVersion) -> bytes:
    """The answer to a client with this certificate that trusts any server; b"" if the connection is refused."""
    context = pki.careless_client(plant.folder, credential, version=version)
    try:
        wire = RawClient(*await asyncio.open_connection("127.0.0.1", plant.port, ssl=context))
        plant.wires.append(wire)
        return await wire.request(READ)
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return b""


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("make", BAD)
async def test_an_invalid_certificate_is_refused_and_the_reason_is_recorded(
    plant: Plant, make: Maker, version: ssl.TLSVersion
) -> None:
    other = await plant.connect(role="Viewer")
    assert await answer_to(plant, make(plant), version) == b""
    refusals = [*plant.records(HandshakeFailed), *plant.records(RefusedConnection)]
    assert len(refusals) == 1
    assert BAD[make] in refusals[0].reason, refusals[0].reason
    assert refusals[0].reason
    assert refusals[0].peer.startswith("127.0.0.1:")
    assert (len(plant.records(Connected)), plant.device.requests) == (1, [])
    assert await other.request(READ) == ANSWER
    assert await answer_to(plant, pki.make_leaf(plant.root, role="Viewer"), version) == ANSWER


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_every_kind_of_valid_certificate_is_accepted(plant: Plant, version: ssl.TLSVersion) -> None:
    between = pki.make_root("Intermediate", issuer=plant.root, path_length=0)
    for good in (
        pki.make_leaf(plant.root, role="Viewer"),
        pki.make_leaf(plant.root, role="Viewer", usages=None),  # v36 requires no extended key usage
        pki.make_leaf(plant.root, role="Viewer", usages=[pki.CLIENT]),
        pki.make_leaf(plant.root, role="Viewer", key=pki.rsa_key()),
        pki.make_leaf(between, role="Viewer"),
        pki.make_leaf(plant.root, "=HYPERLINK() <b>\n\0", role="Viewer"),
    ):
        assert await answer_to(plant, good, version) == ANSWER
    assert all(each.subject.isprintable() for each in plant.records(Connected))


ACCEPTED_KEYS: dict[str, Callable[[], pki.PrivateKey]] = {
    "RSA 2048": pki.rsa_key,
    "RSA 3072": lambda: pki.rsa_key(3072),
    "P-256": pki.make_key,
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("kind", ACCEPTED_KEYS)
async def test_each_accepted_kind_of_key_is_accepted(plant: Plant, kind: str, version: ssl.TLSVersion) -> None:
    own = pki.make_leaf(plant.root, role="Viewer", key=ACCEPTED_KEYS[kind]())
    assert await answer_to(plant, own, version) == ANSWER
    authority = pki.make_root("Of the same kind", issuer=plant.root, key=ACCEPTED_KEYS[kind]())
    assert await answer_to(plant, pki.make_leaf(authority, role="Viewer"), version) == ANSWER


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_a_key_for_rsa_pss_alone_is_accepted(plant: Plant, version: ssl.TLSVersion) -> None:
    files = pki.pss_leaf(plant.folder, plant.root, "Viewer")
    assert await plant.attempt(*files, maximum_version=version) == adu(1, words(0))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("place", ["the client", "its authority"])
@pytest.mark.parametrize("kind", ["DSA", "Ed448"])
async def test_a_key_of_another_kind_is_refused_and_named(
    plant: Plant, kind: str, place: str, version: ssl.TLSVersion
) -> None:
    key = pki.dsa_key() if kind == "DSA" else ed448.Ed448PrivateKey.generate()
    if place == "the client":
        made = pki.make_leaf(plant.root, "odd", role="Viewer", key=key)
    else:
        made = pki.make_leaf(pki.make_root("odd", issuer=plant.root, key=key), role="Viewer")
    assert await answer_to(plant, made, version) == b""
    refusals = [*plant.records(HandshakeFailed), *plant.records(RefusedConnection)]
    assert [each.reason for each in refusals] == [
        "no certificate was sent"  # TLS 1.3 has no DSA, so the client has no certificate that it could use
        if (kind, place, version) == ("DSA", "the client", ssl.TLSVersion.TLSv1_3)
        else f"the certificate of CN=odd is refused: its key is {kind}; accepted are RSA from 2048 bits (RSA-PSS included), "
        "EC from P-256, and Ed25519"
    ]
    assert plant.device.requests == []


async def test_with_revocation_lists_only_clients_that_are_not_revoked_are_accepted(tmp_path: Path) -> None:
    root = pki.make_root()
    revoked = pki.make_leaf(root, role="Viewer")
    (tmp_path / "ca.crl").write_bytes(pki.make_crl(root, [revoked]).public_bytes(Encoding.PEM))
    async with open_plant(tmp_path, root=root, identity='crl = ["ca.crl"]') as plant:
        version = ssl.TLSVersion.TLSv1_3
        assert await answer_to(plant, revoked, version) == b""
        assert await answer_to(plant, pki.make_leaf(root, role="Viewer"), version) == ANSWER
        unlisted = pki.make_leaf(pki.make_root("Intermediate", issuer=root), role="Viewer")
        assert await answer_to(plant, unlisted, version) == b""
        reasons = [each.reason for each in plant.records(HandshakeFailed)]
        assert reasons == ["its certificate was revoked", "there is no revocation list of its issuer"]


async def test_an_outdated_revocation_list_refuses_every_client(tmp_path: Path) -> None:
    root = pki.make_root()
    stale = pki.make_crl(root, next_update=pki.YESTERDAY)
    (tmp_path / "ca.crl").write_bytes(stale.public_bytes(Encoding.PEM))
    async with open_plant(tmp_path, root=root, identity='crl = ["ca.crl"]') as plant:
        assert await answer_to(plant, pki.make_leaf(root, role="Viewer"), ssl.TLSVersion.TLSv1_3) == b""
        assert plant.records(HandshakeFailed)[0].reason == "the revocation list is out of date"
