"""Errors in a gateway.toml are reported with file, line, key and hint, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealbus.errors import ConfigError
from sealbus.gateway import parse_gateway_file

GOOD = """\
[identity]
certificate = "gateway.crt"
key = "gateway.key"
trust = ["ca.crt"]

[[listener]]
url = "mbaps://0.0.0.0"
policy = "policy.toml"
[[listener.device]]
units = "1-10"
url = "tcp://10.0.0.5"
"""
FILE = Path("/etc/sealbus/gateway.toml")


def problem_of(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_gateway_file(text, path=FILE)
    assert error.value.hint
    return str(error.value)


def test_a_valid_file_has_defaults_and_paths_relative_to_itself() -> None:
    file = parse_gateway_file(GOOD, path=FILE)
    assert file.identity is not None
    assert (file.identity.certificate, file.identity.trust) == (["/etc/sealbus/gateway.crt"], ["/etc/sealbus/ca.crt"])
    assert (file.gateway.records, file.listener[0].policy) == ("/etc/sealbus/records", "/etc/sealbus/policy.toml")
    device = file.listener[0].device[0]
    assert (device.connections, device.in_flight, device.timeout, device.max_wait_s) == (1, 1, 1.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('policy = "policy.toml"', "", "listener[1].policy: no policy, so nothing would be allowed"),
        (
            'policy = "policy.toml"',
            'policy = "policy.toml"\nunsafe_no_policy = true',
            "both policy and unsafe_no_policy",
        ),
        ("[[listener]]", "[listener]", "gateway.toml:6: listener: [listener] is a single table"),
        ("[[listener.device]]", "[listener.device]", "listener[1].device: [listener.device] is a single table"),
        ("[[listener.device]]", "[[device]]", "gateway.toml:9: device: unknown key; write [[listener.device]], below"),
        ("[[listener.device]]", "[device]", "gateway.toml:9: device: unknown key; write [[listener.device]], below"),
        ("[[listener.device]]", "[[listeners.device]]", "listeners: unknown key; did you mean listener?"),
        ("[identity]", "[[identity]]", "gateway.toml:1: identity: [[identity]] is a list"),
        ("[[listener]]", "[identity]\n[[listener]]", "gateway.toml:6: the table identity is written twice"),
        ('key = "', 'policy = "x"\nkey = "', "identity.policy: unknown key; it belongs to [[listener]]"),
        (
            'key = "',
            'colour = "x"\nkey = "',
            "identity.colour: unknown key; remove it; the keys here are certificate, ",
        ),
        ('key = "gateway.key"', 'key = "gateway.key"\nkey = "b"', "gateway.toml:4: key is written twice in one table"),
        ("mbaps://0.0.0.0", "tcp://0.0.0.0", "listener[1].url: plain Modbus off loopback"),
        ("mbaps://0.0.0.0", "rtu+tcp://127.0.0.1:4001", "a gateway does not listen on rtu+tcp"),
        ("mbaps://0.0.0.0", "mbap://0.0.0.0", 'unknown scheme "mbap"; write mbaps://0.0.0.0'),
        ('units = "1-10"', 'units = "1-10"\ntimout = 2', "timout: unknown key; did you mean timeout?"),
        ('units = "1-10"', 'units = "1-256"', "unit ids are 0 to 255"),
        ('units = "1-10"', "", "units is missing"),
        ('units = "1-10"', 'units = "1-10"\ndeadline = 0.5', "0.5 is shorter than timeout 1.0"),
        (
            'units = "1-10"',
            'units = "1-10"\nin_flight = 0',
            "in_flight: the value is out of range; write a whole number, at least 1",
        ),
        (
            'units = "1-10"',
            'units = "1-10"\nin_flight = true',
            "in_flight: true or false is not allowed here; write a whole number",
        ),
        ('units = "1-10"', 'units = "1-10"\nin_flight = 2\nlenient_transaction_id = true', "set in_flight = 1"),
        ('units = "1-10"', 'units = "1-10"\nin_flight = 2\nlenient_unit_id = true', "set in_flight = 1"),
        ('units = "1-10"', 'units = "1-10"\nlocal_echo = true', "local_echo: tcp has no local echo"),
        ("tcp://10.0.0.5", "tcp://10.0.0.5:0", "port 0 is for listeners only"),
        ("tcp://10.0.0.5", "relay://relay.example/plant", "this version has no relay"),
        ("[identity]", '[gateway]\nmetrics = "0.0.0.0:9802"\n[identity]', "gateway.metrics: 0.0.0.0 is off loopback"),
        ("[identity]", '[gateway]\nmetrics = "9802"\n[identity]', "is not HOST:PORT"),
        (
            'trust = ["ca.crt"]',
            "trust = []",
            "identity.trust: the value is out of range; write a list in [ ] of length at least 1",
        ),
        ("[[listener.device]]", "[[listener.device]", "not valid TOML"),
    ],
)
def test_an_error_names_its_place(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    problem = problem_of(GOOD.replace(old, new))
    assert problem.startswith(f"{FILE}:")
    assert expected in problem


def test_a_unit_goes_to_one_device_of_a_listener() -> None:
    second = '[[listener.device]]\nunits = [20, "7"]\nurl = "tcp://10.0.0.6"\n'
    assert "13: listener[1].device[2].units: unit 7 already goes to device 1" in problem_of(GOOD + second)


def test_a_device_of_two_listeners_must_be_described_the_same_way() -> None:
    second = GOOD[GOOD.index("[[listener]]") :].replace("0.0.0.0", "127.0.0.1:8802").replace("1-10", "20")
    assert len(parse_gateway_file(GOOD + second, path=FILE).listener) == 2
    assert "another listener describes this device differently" in problem_of(GOOD + second + "in_flight = 4\n")


def test_mbaps_needs_an_identity() -> None:
    plain = GOOD[GOOD.index("[[listener]]") :].replace("mbaps://0.0.0.0", "tcp://127.0.0.1:1502")
    assert parse_gateway_file(plain, path=FILE).identity is None
    assert "mbaps needs an [identity]" in problem_of(plain.replace("tcp://10.0.0.5", "mbaps://plant.example"))


def test_plain_off_loopback_and_no_policy_need_their_unsafe_keys() -> None:
    text = GOOD.replace("mbaps://0.0.0.0", "tcp://0.0.0.0").replace(
        'policy = "policy.toml"', "unsafe_plain = true\nunsafe_no_policy = true"
    )
    assert parse_gateway_file(text, path=FILE).listener[0].unsafe_plain
