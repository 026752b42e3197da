"""One UTF8String in one extension of the leaf is a role and is used unchanged. Everything else is the NULL role.

The handshake completes (R-23), each request is answered with exception 01 in nine bytes (R-31), and the connection
stays open. The record says that the role is malformed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.plant import POLICY, Plant, RawClient, adu, exception, open_plant, read_holding, words, write_register
from sealbus.records import Connected, Denied, Disconnected

if TYPE_CHECKING:
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 7))
OTHER_READ = adu(3, read_holding(20, 1))

Maker = Callable[[pki.Credential], pki.Credential]


def string(tag: int, content: bytes) -> bytes:
    return bytes((tag, len(content))) + content


def leaf(*der: bytes, **options: str) -> Maker:
    return lambda root: pki.make_leaf(root, role_der=der, **options)  # type: ignore[arg-type]


def role_in_the_authority_only(root: pki.Credential) -> pki.Credential:
    between = pki.make_leaf(root, "Between", role="Operator", authority=True, key_usage=False, usages=None)
    return pki.make_leaf(between)


OPERATOR = pki.utf8_string(b"Operator")

NULL: dict[str, tuple[Maker, str]] = {
    "none": (leaf(), "absent: it has no role extension"),
    "under a sibling of the OID": (
        leaf(OPERATOR, role_oid="1.3.6.1.4.1.50316.802.2"),
        "absent: it has no role extension",
    ),
    "under a child of the OID": (
        leaf(OPERATOR, role_oid="1.3.6.1.4.1.50316.802.1.1"),
        "absent: it has no role extension",
    ),
    "in the authority, not in the leaf": (role_in_the_authority_only, "absent: it has no role extension"),
    "empty": (leaf(pki.utf8_string(b"")), "malformed: the role is an empty string"),
    "two different ones": (leaf(pki.utf8_string(b"Viewer"), OPERATOR), "malformed: the role occurs twice"),
    "the same twice": (leaf(OPERATOR, OPERATOR), "malformed: the role occurs twice"),
    "a PrintableString": (leaf(string(0x13, b"Operator")), "malformed: the role has ASN.1 tag 13, not 0C (UTF8String)"),
    "an IA5String": (leaf(string(0x16, b"Operator")), "malformed: the role has ASN.1 tag 16, not 0C (UTF8String)"),
    "an OCTET STRING": (leaf(string(0x04, b"Operator")), "malformed: the role has ASN.1 tag 04, not 0C (UTF8String)"),
    "a UTF8String in pieces": (
        leaf(string(0x2C, OPERATOR)),
        "malformed: the role has ASN.1 tag 2C, not 0C (UTF8String)",
    ),
    "a SEQUENCE of roles": (
        leaf(string(0x30, OPERATOR * 2)),
        "malformed: the role has ASN.1 tag 30, not 0C (UTF8String)",
    ),
    "bare text": (leaf(b"Operator"), "malformed: the role has ASN.1 tag 4F, not 0C (UTF8String)"),
    "nothing in the extension": (leaf(b""), "malformed: the role is cut short"),
    "bytes behind it": (leaf(OPERATOR + b"\0"), "malformed: 1 bytes follow the role"),
    "another role behind it": (leaf(OPERATOR + OPERATOR), "malformed: 10 bytes follow the role"),
    "fewer bytes than its length": (leaf(b"\x0c\x09Operator"), "malformed: the role is cut short: 8 of 9 bytes"),
    "a length in the long form": (leaf(b"\x0c\x81\x08Operator"), "malformed: the length of the role is not DER"),
    "an indefinite length": (leaf(b"\x0c\x80Operator\0\0"), "malformed: the length of the role is not DER"),
    "bad UTF-8": (leaf(pki.utf8_string(b"Operator\xff")), "malformed: the role is not valid UTF-8"),
    "half a character": (leaf(pki.utf8_string("Operatör".encode()[:-2])), "malformed: the role is not valid UTF-8"),
    "overlong UTF-8": (leaf(pki.utf8_string(b"Operato\xc1\xb2")), "malformed: the role is not valid UTF-8"),
    "NUL inside": (leaf(pki.utf8_string(b"Operator\0Admin")), "malformed: the role contains a NUL"),
    "NUL at the end": (leaf(pki.utf8_string(b"Operator\0")), "malformed: the role contains a NUL"),
    "1,025 bytes": (leaf(pki.utf8_string(b"x" * 1025)), "malformed: the role has 1025 bytes, more than 1024"),
    "64 KB": (leaf(pki.utf8_string(b"Operator" * 8192)), "malformed: the role has 65536 bytes, more than 1024"),
}

UNKNOWN = {
    "1,024 bytes": "x" * 1024,
    "a space behind": "Operator ",
    "a space before": " Operator",
    "a line end": "Operator\n",
    "another case": "operator",
    "Cyrillic": "\u041eperator",
    "full width": "\uff2fperator",
    "decomposed": "Ope\u0301rator",
    "a zero width joiner": "Operator\u200d",
    "a byte order mark": "\ufeffOperator",
    "right to left": "\u202eOperator",
    "two in one": "Operator,Viewer",
    "a prefix": "Operato",
    "longer": "Operators",
    "a wildcard": "*",
    "the word NULL": "NULL",
}


async def assert_everything_is_denied(wire: RawClient) -> None:
    for request in (
        READ,
        WRITE,
        adu(3, b"\x2b\x0e\1\0"),
        adu(4, b"\x03"),
        adu(5, b"\x5a"),
        READ,
        adu(6, WRITE[7:], unit=0),
    ):
        answer = await wire.request(request)
        assert answer == request[:4] + b"\0\3" + request[6:7] + exception(request[7], 1)
        assert len(answer) == 9


async def connect(plant: Plant, credential: pki.Credential) -> RawClient:
    return await plant.connect_with(*credential.save(plant.folder, "doubtful"))


@pytest.mark.parametrize("kind", NULL)
async def test_a_certificate_without_exactly_one_valid_role_has_no_rights(plant: Plant, kind: str) -> None:
    make, finding = NULL[kind]
    wire, operator = await connect(plant, make(plant.root)), await plant.connect(role="Operator")
    await assert_everything_is_denied(wire)
    assert await operator.request(WRITE) == WRITE
    await assert_everything_is_denied(wire)
    first = plant.records(Connected)[0]
    assert (first.role, first.role_finding) == ("", finding)
    assert {(each.role, each.connection) for each in plant.records(Denied)} == {("", first.connection)}
    assert all("the NULL role" in each.reason for each in plant.records(Denied))
    assert (len(plant.device.requests), plant.records(Disconnected)) == (1, [])


@pytest.mark.parametrize("role", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_role_similar_to_one_of_the_policy_has_no_rights(plant: Plant, role: str) -> None:
    wire = await plant.connect(role=role)
    await assert_everything_is_denied(wire)
    (connected,) = plant.records(Connected)
    assert (connected.role, connected.role_finding) == (role, "present")
    denied = plant.records(Denied)
    assert {each.role for each in denied} == {role}
    assert all(each.reason.isprintable() and "is not in the policy" in each.reason for each in denied)
    assert plant.device.requests == []


@pytest.mark.parametrize("kind", NULL)
async def test_the_null_role_has_the_rights_that_the_policy_grants_it_and_no_others(tmp_path: Path, kind: str) -> None:
    granting = POLICY + '[[role]]\nname = ""\n[[role.allow]]\nunits = "1"\nread = ["holding:0-9"]\n'
    async with open_plant(tmp_path, policy=granting) as plant:
        wire = await connect(plant, NULL[kind][0](plant.root))
        assert await wire.request(READ) == ANSWER
        assert await wire.request(OTHER_READ) == adu(3, exception(3, 1))
        assert await wire.request(adu(4, read_holding(9, 2))) == adu(4, exception(3, 1))
        assert await wire.request(adu(5, read_holding(7, 1), unit=2)) == adu(5, exception(3, 1), unit=2)
        assert await wire.request(WRITE) == adu(2, exception(6, 1))
        stranger = await plant.connect(role="Operator ")
        assert await stranger.request(READ) == adu(1, exception(3, 1))
        assert await (await plant.connect(role="Operator")).request(OTHER_READ) == adu(3, words(20))
