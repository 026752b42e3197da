"""The allowed networks: what a rule allows, special addresses that need their own rule, and refused spellings."""

from __future__ import annotations

import pytest

from sealbus.endpoints import NetworkRules, parse_endpoint
from sealbus.errors import ConfigError

PLANT = NetworkRules.parse(
    [
        "10.20.0.0/16",
        "192.168.7.9 1502,4000-4010",
        "fd12::/16 *",
        "plc7.plant.example 502",
        "/dev/ttyUSB*",
        "/dev/serial/by-id/*",
    ]
)
ALL_ADDRESSES = NetworkRules.parse(["0.0.0.0/0 *", "::/0 *"])


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("10.20.0.0", 502),
        ("10.20.255.255", 802),
        ("192.168.7.9", 1502),
        ("192.168.7.9", 4000),
        ("192.168.7.9", 4010),
        ("fd12::1", 9999),
        ("::ffff:10.20.3.4", 502),
    ],
)
def test_an_address_and_port_of_a_rule_are_allowed(address: str, port: int) -> None:
    assert PLANT.objection(address, port) is None


@pytest.mark.parametrize(
    ("address", "port", "why"),
    [
        ("10.21.0.1", 502, "none of the allowed networks"),
        ("10.20.0.1", 22, "do not name port 22"),
        ("10.20.0.1", 0, "do not name port 0"),
        ("192.168.7.9", 502, "do not name port 502"),
        ("192.168.7.9", 4011, "do not name port"),
        ("fd13::1", 502, "none of the allowed networks"),
        ("::ffff:10.21.0.1", 502, "none of the allowed networks"),
        ("plc7.plant.example", 502, "not an IP address"),
        ("0x0a.0x14.0.1", 502, "not an IP address"),
        ("169083905", 502, "not an IP address"),
        ("10.20.1", 502, "not an IP address"),
        ("010.20.0.1", 502, "not an IP address"),
        (" 10.20.0.1", 502, "not an IP address"),
        ("", 502, "not an IP address"),
    ],
)
def test_other_addresses_and_ports_are_refused_with_a_reason(address: str, port: int, why: str) -> None:
    assert why in (PLANT.objection(address, port) or "allowed")


SPECIAL = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::127.0.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "64:ff9b::7f00:1",
    "::ffff:0:7f00:1",
    "fec0::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("address", SPECIAL)
def test_a_rule_for_all_addresses_does_not_allow_special_addresses(address: str) -> None:
    assert ALL_ADDRESSES.objection("8.8.8.8", 1) is None
    assert "is not allowed" in (ALL_ADDRESSES.objection(address, 502) or "allowed")


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("127.0.0.0/8 502", "127.0.0.1"),
        ("127.0.0.1 502", "127.0.0.1"),
        ("127.0.0.1 502", "::ffff:127.0.0.1"),
        ("::1 502", "::1"),
        ("169.254.3.0/24 502", "169.254.3.4"),
        ("fe80::/10 502", "fe80::1%eth0"),
    ],
)
def test_a_rule_that_names_a_special_address_allows_it(rule: str, address: str) -> None:
    rules = NetworkRules.parse([rule])
    assert rules.objection(address, 502) is None
    assert rules.objection(address, 503) is not None


def test_without_rules_nothing_is_allowed() -> None:
    assert NetworkRules().objection("10.0.0.1", 502) is not None
    assert NetworkRules().objection_to_device("/dev/ttyUSB0") is not None
    assert NetworkRules().objection_to_target("plc", 502) is not None


@pytest.mark.parametrize(
    ("path", "real_path", "allowed"),
    [
        ("/dev/ttyUSB0", "/dev/ttyUSB0", True),
        ("/dev/ttyUSB17", "", True),
        ("/dev/serial/by-id/usb-FTDI", "/dev/ttyACM3", True),
        ("/dev/meter", "/dev/ttyUSB0", True),
        ("/dev/meter", "/dev/sda", False),
        ("/dev/meter", "", False),
        ("/dev/ttyS0", "/dev/ttyS0", False),
        ("/dev/ttyUSB/../sda", "/dev/sda", False),
        ("/dev/serial/by-id/../../ttyUSB0", "/dev/ttyUSB0", False),
        ("/dev/serial/by-id/deeper/one", "", False),
        ("dev/ttyUSB0", "/dev/ttyUSB0", False),
    ],
)
def test_a_serial_device_is_allowed_by_its_path_or_by_the_target_of_its_link(
    path: str, real_path: str, allowed: bool
) -> None:
    assert (PLANT.objection_to_device(path, real_path) is None) is allowed


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("10.20.0.1", 502, True),
        ("plc7.plant.example", 502, True),
        ("PLC7.Plant.example", 502, True),
        ("plc7.plant.example", 22, False),
        ("plc8.plant.example", 502, False),
        ("localhost", 502, False),
        ("127.0.0.1", 502, False),
        ("0x7f.1", 502, False),
        ("2130706433", 502, False),
    ],
)
def test_the_target_behind_an_ssh_server_is_compared_as_text(host: str, port: int, allowed: bool) -> None:
    assert (PLANT.objection_to_target(host, port) is None) is allowed


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("tcp://10.20.0.1", None),
        ("mbaps://10.20.0.1", None),
        ("tcp://some.name", None),
        ("tcp://10.21.0.1", "none of the allowed"),
        ("tcp://some.name:23", None),  # fd12::/16 has every port
        ("tcp://0x7f.1", "not an IP address"),
        ("tcp://0x7f000001", "not an IP address"),
        ("tcp://[::ffff:127.0.0.1]", "this machine"),
        ("tcp://169.254.169.254:80", "metadata"),
        ("rtu:///dev/ttyUSB0", None),
        ("rtu:///dev/ttyS0", "not among"),
        ("ssh+tcp://joe@192.168.7.9:4000/plc7.plant.example", None),
        ("ssh+tcp://joe@192.168.7.9:4000/localhost", "behind the SSH server"),
        ("ssh+tcp://joe@192.168.7.9/plc7.plant.example", "port 22"),
    ],
)
def test_a_url_is_checked_before_its_name_is_resolved(url: str, why: str | None) -> None:
    objection = PLANT.objection_to_endpoint(parse_endpoint(url))
    assert objection is None if why is None else why in (objection or "allowed")


def test_a_port_that_no_rule_has_is_refused_before_the_name_is_looked_up() -> None:
    assert "port 22" in (
        NetworkRules.parse(["10.0.0.0/8"]).objection_to_endpoint(parse_endpoint("tcp://name:22")) or ""
    )


@pytest.mark.parametrize("rule", ["plc7.plant.example", "PLC7.plant.example."])
@pytest.mark.parametrize("target", ["plc7.plant.example", "PLC7.Plant.example."])
def test_a_rule_with_a_name_is_for_the_host_in_all_its_spellings(rule: str, target: str) -> None:
    rules = NetworkRules.parse([rule, "xn--mnchen-3ya.example", "zürich.example"])
    assert rules.objection_to_target(target, 502) is None
    assert rules.objection_to_target("münchen.example", 502) is None
    assert rules.objection_to_target("xn--zrich-kva.example", 502) is None
    assert rules.objection_to_target("plc7.plant.example.evil", 502) is not None
    assert rules.objection_to_target("munchen.example", 502) is not None


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("10.20.0.1/16", "write 10.20.0.0/16"),
        ("10.20.0.0/16 0", "write 10.20"),
        ("10.20.0.0/16 65536", "write 10.20"),
        ("10.20.0.0/16 502-", "write 10.20"),
        ("10.20.0.0/16 900-800", "write 10.20"),
        ("10.20.0.0/16 ssh", "write 10.20"),
        ("10.20.0.0/16 ²", "write 10.20"),
        ("0x7f.1 502", "write 10.20"),
        ("10.20 502", "write 10.20"),
        ("", "write 10.20"),
        ("::ffff:10.0.0.0/104", "IPv4"),
        ("/", "/dev/ttyUSB*"),
        ("/*/*", "/dev/ttyUSB*"),
        ("/dev/../etc/*", "/dev/ttyUSB*"),
    ],
)
def test_an_invalid_rule_is_an_error_with_the_line_and_a_hint(line: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NetworkRules.parse(["10.0.0.0/8", line])
    assert line in str(caught.value)
    assert hint in caught.value.hint
