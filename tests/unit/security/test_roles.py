"""The role of a leaf is one UTF8String in one extension, whole; all else is the NULL role, and nothing raises."""

from __future__ import annotations

import warnings

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from pki import EDI_PARTY_NAME, X400_ADDRESS, make_leaf, make_root, odd_names, utf8_string
from sealbus.security import MAX_ROLE_BYTES, PeerRole, RoleFinding, role_of

ROOT = make_root()
ODD_NAMES = {
    "x400Address": X400_ADDRESS,
    "ediPartyName": EDI_PARTY_NAME,
    "an address of five bytes": b"\x87\x05\xc0\x00\x02\x07\x00",
    "cut short": b"\x82\x7fplc.example",
}
PRESENT, ABSENT, MALFORMED = RoleFinding.PRESENT, RoleFinding.ABSENT, RoleFinding.MALFORMED


def test_the_reference_certificate_has_the_role_operator() -> None:
    der = bytes.fromhex("0C 08 4F 70 65 72 61 74 6F 72")
    assert role_of(make_leaf(ROOT, role_der=[der]).certificate) == PeerRole("Operator", PRESENT)


def test_der_is_read_as_well_as_a_parsed_certificate() -> None:
    assert role_of(make_leaf(ROOT, role="Operator").der) == PeerRole("Operator", PRESENT)


@pytest.mark.parametrize(
    "role",
    [
        "Operator",
        "Operator,Admin",  # one role, never two
        "Operator Admin",
        " Operator ",  # another role than "Operator"
        "operator",
        "\u041eperator",  # a Cyrillic O: another role
        "Bediener für Pumpe №1",
        "e\u0301",  # not normalised
        "*",
        "r" * 127,
        "r" * 128,
        "r" * 255,
        "r" * 256,
        "r" * MAX_ROLE_BYTES,
    ],
)
def test_a_role_is_the_whole_string_unchanged(role: str) -> None:
    assert role_of(make_leaf(ROOT, role=role).certificate) == PeerRole(role, PRESENT)


def test_a_critical_role_extension_is_read() -> None:
    assert role_of(make_leaf(ROOT, role="Operator", role_critical=True).certificate).value == "Operator"


def test_without_a_role_the_finding_is_absent() -> None:
    role = role_of(make_leaf(ROOT).certificate)
    assert (role.value, role.finding) == ("", ABSENT)


@pytest.mark.parametrize(
    "oid",
    [
        "1.3.6.1.4.1.50316.802",
        "1.3.6.1.4.1.50316.802.2",
        "1.3.6.1.4.1.50316.802.1.1",
        "1.3.6.1.4.1.50316.8021",
    ],
)
def test_a_role_under_another_identifier_is_absent(oid: str) -> None:
    assert role_of(make_leaf(ROOT, role="Operator", role_oid=oid).certificate).finding is ABSENT


@pytest.mark.parametrize(
    ("der", "detail"),
    [
        ("", "cut short"),
        ("0C", "cut short"),
        ("0C 00", "empty string"),
        ("0C 08 4F 70", "cut short: 2 of 8 bytes"),
        ("0C 02 4F 70 65", "1 bytes follow the role"),
        ("0C 02 4F 70 0C 02 4F 70", "4 bytes follow the role"),
        ("13 02 4F 70", "tag 13, not 0C"),  # PrintableString
        ("16 02 4F 70", "tag 16"),  # IA5String
        ("1E 04 00 4F 00 70", "tag 1E"),  # BMPString
        ("04 02 4F 70", "tag 04"),  # OCTET STRING
        ("2C 04 0C 02 4F 70", "tag 2C"),  # constructed
        ("2C 80 0C 02 4F 70 00 00", "tag 2C"),  # constructed, indefinite
        ("0C 80 4F 70 00 00", "not DER"),  # indefinite length
        ("30 04 0C 02 4F 70", "tag 30"),  # a sequence of one role
        ("0C 81 02 4F 70", "not DER"),  # longer than needed
        ("0C 82 00 02 4F 70", "not DER"),
        ("0C 82 00 80" + "41" * 128, "not DER"),
        ("0C 81", "not DER"),
        ("0C 82 01", "not DER"),
        ("0C 84 FF FF FF FF 41", "cut short"),
        ("0C 85 00 00 00 00 01 41", "not DER"),
        ("0C FF 41", "not DER"),
        ("0C 02 C3 28", "UTF-8"),
        ("0C 02 C0 80", "UTF-8"),  # an overlong NUL
        ("0C 03 ED A0 80", "UTF-8"),  # half of a surrogate pair
        ("0C 0E 4F 70 65 72 61 74 6F 72 00 41 64 6D 69 6E", "NUL"),
        ("0C 01 00", "NUL"),
    ],
)
def test_an_extension_that_is_not_one_utf8_string_gives_the_null_role_and_a_reason(der: str, detail: str) -> None:
    role = role_of(make_leaf(ROOT, role_der=[bytes.fromhex(der)]).certificate)
    assert (role.value, role.finding) == ("", MALFORMED)
    assert detail in role.detail


@pytest.mark.parametrize("second", ["Operator", "Admin", ""])
def test_two_roles_give_the_null_role_even_if_they_are_equal(second: str) -> None:
    leaf = make_leaf(ROOT, role="Operator", role_der=[utf8_string(second.encode())])
    assert role_of(leaf.certificate) == PeerRole("", MALFORMED, "the role occurs twice")


@pytest.mark.parametrize("size", [MAX_ROLE_BYTES + 1, 4096, 65_536])
def test_a_role_that_is_too_long_gives_the_null_role_and_is_not_shortened(size: int) -> None:
    role = role_of(make_leaf(ROOT, role_der=[utf8_string(b"r" * size)]).certificate)
    assert role == PeerRole("", MALFORMED, f"the role has {size} bytes, more than {MAX_ROLE_BYTES}")


def test_the_role_of_an_authority_is_not_inherited() -> None:
    issuer = make_leaf(ROOT, "issuer", role="Admin", authority=True)
    assert role_of(make_leaf(issuer).certificate).finding is ABSENT


def test_bytes_that_are_not_a_certificate_give_the_null_role() -> None:
    for der in (b"", b"\x30", b"\x30\x80", b"Operator", bytes(1000)):
        assert role_of(der).finding is MALFORMED


@pytest.mark.parametrize("names", ODD_NAMES.values(), ids=ODD_NAMES)
def test_another_extension_that_cannot_be_read_is_named_and_does_not_hide_the_role(names: bytes) -> None:
    role = role_of(make_leaf(ROOT, role="Operator", extra=odd_names(names)).certificate)
    assert (role.value, role.finding) == ("Operator", PRESENT)
    assert role.detail.startswith("its subject alternative name (2.5.29.17) cannot be read: ")
    absent = role_of(make_leaf(ROOT, extra=odd_names(names)).certificate)
    assert (absent.value, absent.finding) == ("", ABSENT)
    assert "it has no role extension; its subject alternative name (2.5.29.17) cannot be read" in absent.detail


def test_two_roles_beside_an_extension_that_cannot_be_read_are_the_null_role() -> None:
    leaf = make_leaf(ROOT, role="Operator", role_der=[utf8_string(b"Operator")], extra=odd_names(X400_ADDRESS))
    assert role_of(leaf.certificate) == PeerRole("", MALFORMED, "the role occurs twice")


@pytest.mark.parametrize("oid", ["2.5.29.19", "2.5.29.15", "2.5.29.37"], ids=["constraints", "usage", "extended usage"])
def test_an_extension_that_is_needed_and_cannot_be_read_gives_the_null_role(oid: str) -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x04\x01\x00")
    leaf = make_leaf(None, role="Operator", only_extra=True, extra=[(broken, False)])
    assert role_of(leaf.certificate).finding is MALFORMED


def test_the_reading_of_odd_extensions_is_bounded() -> None:
    many = [
        (x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.99999.{n}"), b""), False) for n in range(64)
    ]
    role = role_of(make_leaf(ROOT, role="Operator", extra=[*many, *odd_names(X400_ADDRESS)]).certificate)
    assert role.finding is MALFORMED
    assert "extensions, and one cannot be read" in role.detail


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_in_the_extension_give_a_role_or_the_null_role(content: bytes) -> None:
    role = role_of(make_leaf(ROOT, role_der=[content]).certificate)
    if role.finding is PRESENT:
        assert content == utf8_string(role.value.encode())
        assert role.value
    else:
        assert role.value == ""


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0, max_value=100_000), st.integers(min_value=0, max_value=255), st.booleans())
def test_a_certificate_with_any_byte_changed_or_cut_never_raises(place: int, value: int, cut: bool) -> None:
    der = bytearray(_REFERENCE)
    der[place % len(der)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        role = role_of(bytes(der[: place % len(der)] if cut else der))
    assert isinstance(role, PeerRole)


_REFERENCE = make_leaf(ROOT, role="Operator", hosts=["plc.example", "192.0.2.7"]).der
