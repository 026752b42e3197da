"""What a certificate may contain: names, roles and hosts."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from sealbus.errors import ConfigError
from sealbus.security.certificates import check_reason, check_role, common_name, parse_host, role_notes
from sealbus.security.issuing import check_lifetime, check_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("plc.example", x509.DNSName("plc.example")),
        ("PLC.Example.", x509.DNSName("plc.example")),
        ("localhost", x509.DNSName("localhost")),
        ("my_plc", x509.DNSName("my_plc")),
        ("*.plant.example", x509.DNSName("*.plant.example")),
        ("xn--bcher-kva.example", x509.DNSName("xn--bcher-kva.example")),
        ("bücher.example.", x509.DNSName("xn--bcher-kva.example")),
        ("*.Plant.example.", x509.DNSName("*.plant.example")),
        ("::ffff:192.0.2.7", x509.IPAddress(ipaddress.ip_address("192.0.2.7"))),
        ("fe80::1%eth0", x509.IPAddress(ipaddress.ip_address("fe80::1"))),
        ("192.0.2.7", x509.IPAddress(ipaddress.ip_address("192.0.2.7"))),
        ("2001:db8::7", x509.IPAddress(ipaddress.ip_address("2001:db8::7"))),
        ("[::1]", x509.IPAddress(ipaddress.ip_address("::1"))),
    ],
)
def test_host_names_and_addresses_are_distinguished(text: str, name: x509.GeneralName) -> None:
    assert parse_host(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "plc:802",
        "mbaps://plc",
        "192.0.2.0/24",
        "192.0.2.256",
        "10.1",
        "a b",
        "-plc",
        "plc-",
        "a..b",
        "*",
        "*.192.0.2.7",
        "*.*.example",
        "*.example",
        "plc.*.example",
        "plc\n",
        "a" * 64,
        ("a" * 50 + ".") * 6,
        "[plc]",
    ],
)
def test_a_text_that_is_neither_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ConfigError, match="neither a host name nor an IP address") as caught:
        parse_host(text)
    assert caught.value.key == "--host"


@pytest.mark.parametrize("role", ["Operator", "Bediener für Pumpe №1", "操作员", "r" * 1024, "a,b", " "])
def test_any_printable_role_can_be_issued(role: str) -> None:
    assert check_role(role) == role


@pytest.mark.parametrize("role", ["", "a\0b", "a\nb", "\x1b[31m", "\x7f", "r" * 1025, "\ud800"])
def test_roles_that_are_not_printable_or_would_be_rejected_are_refused(role: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_role(role)
    assert caught.value.key == "--role"


def test_a_role_that_is_probably_a_mistake_gets_a_note() -> None:
    assert list(role_notes(None)) == list(role_notes("Operator")) == []
    assert list(role_notes("Operator ")) == ["the role begins or ends with a space, which is part of it"]
    assert list(role_notes("\u041eperator")) == [
        "the role mixes alphabets: \u041e is CYRILLIC CAPITAL LETTER O, and the policy must have the same"
    ]
    assert list(role_notes("\u041e\u043f\u0435\u0440")) == list(role_notes("Op\u00e9rateur")) == []
    assert list(role_notes("r" * 65)) == [
        "the role has 65 characters; devices of other vendors may refuse a role of that length"
    ]


@pytest.mark.parametrize("name", ["op", "a", "gateway-1", "pump 7", "anna@plant.example", "Bediener_ü", "1", "p" * 64])
def test_names_that_are_safe_as_file_names_are_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-rf", " a", "a ", "a.", "a\n", "a\0", "ca", "CA", "a" * 65]
    + ["0123456789ABCDEF", "a:b", "*", "$(x)"],
)
def test_names_that_are_not_safe_as_file_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a certificate"):
        check_name(name)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a" * 65])
def test_a_common_name_is_plain_text(name: str) -> None:
    with pytest.raises(ConfigError):
        common_name(name)


def test_a_validity_has_at_least_a_day_and_an_end() -> None:
    assert check_lifetime(1).days == 1
    for days in (0, -1, 40_000, 10**9):
        with pytest.raises(ConfigError, match="a lifetime of"):
            check_lifetime(days)


def test_a_revocation_reason_must_be_in_the_standard() -> None:
    assert check_reason("keyCompromise") == "keyCompromise"
    with pytest.raises(ConfigError, match="is not a reason for revocation"):
        check_reason("because")
