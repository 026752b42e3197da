"""A wrong argument is refused where it is given, by name, and nothing is sent. What is meant is sent.

The case that this began with: `write_coil(0, "off")` switched the coil on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import pki
import sealbus
from sealbus import ChannelRules, ConfigError, LocalError
from sealbus.protocol import WriteMultipleCoils, WriteSingleCoil

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenarios.both_clients import Client
    from scenarios.plant import ScriptedDevice


COILS = r"is not a value for a coil: use True, False, 0 or 1"
REGISTER = r"is not valid in a register: use a whole number from 0 to 65535"
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a text for a coil": (lambda it: it.write_coil(0, "off"), f"'off' {COILS}"),
    "the text 0 for a coil": (lambda it: it.write_coil(0, "0"), f"'0' {COILS}"),
    "two for a coil": (lambda it: it.write_coil(0, 2), f"2 {COILS}"),
    "None for a coil": (lambda it: it.write_coil(0, None), f"None {COILS}"),
    "a text for coils": (lambda it: it.write_coils(0, "01"), r"values '01' is not a list"),
    "texts for coils": (lambda it: it.write_coils(0, ["0", "1"]), f"'0' {COILS}"),
    "bytes for coils": (lambda it: it.write_coils(0, b"\0\1"), r"values b'\\x00\\x01' is not a list"),
    "a text for a coil, typed": (lambda it: it.write("coils:0", "off"), f"'off' {COILS}"),
    "a text for a coil, executed": (lambda it: it.execute(WriteSingleCoil(0, "off")), f"'off' {COILS}"),  # type: ignore[arg-type]
    "a text for coils, executed": (lambda it: it.execute(WriteMultipleCoils(0, ("off",))), f"'off' {COILS}"),  # type: ignore[arg-type]
    "a text as a request": (lambda it: it.execute("\x06\0\0\0\1"), r"is not a request"),
    "a class as a request": (lambda it: it.execute(WriteSingleCoil), r"is not a request"),
    "one value for registers": (lambda it: it.write_registers(0, 7), r"values 7 is not a list"),
    "bytes for registers": (lambda it: it.write_registers(0, b"ab"), r"values b'ab' is not a list"),
    "a set for registers": (lambda it: it.write_registers(0, {1, 2}), r"values \{1, 2\} is not a list"),
    "a text for a register": (lambda it: it.write_register(0, "5"), r"'5' is not valid in a register"),
    "true for a register": (lambda it: it.write_register(0, True), f"True {REGISTER}"),
    "false among registers": (lambda it: it.write_registers(0, [1, False]), f"False {REGISTER}"),
    "true for a mask": (lambda it: it.mask_write_register(0, True, 0), f"True {REGISTER}"),
    "true to write and read": (lambda it: it.read_write_registers((0, 1), (0, [True])), f"True {REGISTER}"),
    "true in a file": (lambda it: it.write_file_record(1, 0, [True]), f"True {REGISTER}"),
    "true for a number": (lambda it: it.write("holding:0", True), r"True is not valid as uint16"),
    "true among floats": (lambda it: it.write("holding:0", 1.5, True, type="float32"), r"True is not valid as float32"),
    "true for a bcd": (lambda it: it.write("holding:0", True, type="bcd16"), r"True is not valid as bcd16"),
    "a text for an address": (lambda it: it.read_coils("0", 8), r"address '0' is not a whole number"),
    "a list for an address": (lambda it: it.read_coils([0], 8), r"address \[0\] is not a whole number"),
    "a fraction for a count": (lambda it: it.read_holding_registers(0, 1.0), r"count 1.0 is not a whole number"),
    "a text for a unit": (lambda it: it.read_coils(0, 8, unit="1"), r"unit '1' is not a unit id"),
    "true for a unit": (lambda it: it.read_coils(0, 8, unit=True), r"unit True is not a unit id"),
    "None for a unit": (lambda it: it.read_coils(0, 8, unit=None), r"unit None is not a unit id"),
    "None for a unit to write": (lambda it: it.write_register(0, 1, unit=None), r"unit None is not a unit id"),
    "None for a unit, typed": (lambda it: it.read("holding:0", unit=None), r"unit None is not a unit id"),
    "None for a unit to scan": (lambda it: it.scan_registers("holding:0", unit=None), r"unit None is not a unit id"),
    "None for a unit of one": (lambda it: it.unit(3).write_coil(0, 1, unit=None), r"these are the calls of unit 3"),
    "units from the end": (lambda it: it.scan_units(5, 1), r"units 5 to 1 end before they begin: .*scan_units\(1, 5\)"),
    "a place from the end": (lambda it: it.scan_registers("holding:9-0"), r"ends before it begins; write holding:0-9"),
    "256 for a unit": (lambda it: it.write_coil(0, True, unit=256), r"unit 256 is not a unit id"),
    "one pair for two": (lambda it: it.read_write_registers((0, 1), (10,)), r"give \(address, count\) and"),
    "a number for a pair": (lambda it: it.read_write_registers(0, (10, [1])), r"read 0 and write"),
    "a number for a place": (lambda it: it.read(20), r"place 20 is not a text"),
    "an unknown type": (lambda it: it.read("holding:0", type="float"), r"unknown type 'float': use one of"),
    "an unknown order": (lambda it: it.read("holding:0", order=5), r"unknown order 5: use one of"),
    "a type for coils": (lambda it: it.read("coils:0", type="float32"), r"coils:0 has bits.*leave out the type"),
    "a type for inputs": (lambda it: it.read("discrete:0-7", type="uint16"), r"discrete:0-7 has bits"),
    "a type for coils to write": (lambda it: it.write("coils:0", 1, type="int16"), r"coils:0 has bits"),
    "half a value": (
        lambda it: it.read("holding:4-6", type="float32"),
        r"registers and float32 takes 2: write holding:4-5",
    ),
    "less than a value": (lambda it: it.read("holding:4-5", type="int64"), r"int64 takes 4: write holding:4-7"),
    "a list for a value": (lambda it: it.write("holding:20", [1, 2]), r"write\('holding:20', 1, 2\), or"),
    "a list for a coil": (lambda it: it.write("coils:0", [True]), r"write\('coils:0', True\), or"),
    "a generator for a value": (lambda it: it.write("holding:0", (n for n in (3, 4))), r"write\('holding:0', 3, 4\)"),
    "None for a value": (lambda it: it.write("holding:0", None), r"None is not valid as uint16"),
    "a text for a number": (lambda it: it.write("holding:0", "1"), r"'1' is not valid as uint16"),
    "two texts": (lambda it: it.write("holding:0-9", "a", "b", type="string"), r"a string takes one text"),
    "a number for a text": (lambda it: it.write("holding:0-9", 5, type="string"), r"a string takes one text"),
    "a long text": (lambda it: it.write("holding:0-1", "abcde", type="string"), r"has 5 bytes and needs more than 2"),
}


@pytest.mark.parametrize("wrong", REFUSED)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(
    modbus: Client, device: ScriptedDevice, wrong: str
) -> None:
    call, message = REFUSED[wrong]
    with pytest.raises(LocalError, match=message):
        await modbus.call(call)
    assert device.requests == []


MEANT: dict[str, tuple[Callable[[Any], Any], str]] = {
    "on": (lambda it: it.write_coil(3, True), "050003ff00"),
    "1": (lambda it: it.write_coil(3, 1), "050003ff00"),
    "off": (lambda it: it.write_coil(3, False), "0500030000"),
    "0": (lambda it: it.write_coil(3, 0), "0500030000"),
    "coils": (lambda it: it.write_coils(0, [0, 1, True]), "0f000000030106"),
    "typed coils": (lambda it: it.write("coils:0-2", 0, 1, True), "0f000000030106"),
    "typed coils as bits": (lambda it: it.write("coils:3", 1, type="bit"), "050003ff00"),
    "a tuple of registers": (lambda it: it.write_registers(0, (1, 2)), "10000000020400010002"),
    "an iterator of registers": (lambda it: it.write_registers(0, iter([1, 2])), "10000000020400010002"),
    "values one by one": (lambda it: it.write("holding:0", 1, 2), "10000000020400010002"),
    "a short text fills its range": (
        lambda it: it.write("holding:0-3", "abc", type="string"),
        "1000000004086162630000000000",
    ),
    "an empty text clears its range": (lambda it: it.write("holding:0-1", "", type="string"), "10000000020400000000"),
    "a text without a range": (lambda it: it.write("holding:0", "abc", type="string"), "10000000020461626300"),
    "bits of a register": (lambda it: it.write("holding:0", 1, 0, 1, *[0] * 13, type="bit"), "0600000005"),
}


@pytest.mark.parametrize("meant", MEANT)
async def test_what_is_meant_is_sent(modbus: Client, device: ScriptedDevice, meant: str) -> None:
    call, pdu = MEANT[meant]
    await modbus.call(call)
    assert [request[7:].hex() for request in device.writes] == [pdu]


async def test_bits_and_texts_are_read_as_the_table_of_types_says(modbus: Client, device: ScriptedDevice) -> None:
    device.registers = {0: 0b101, 1: 0x8000, 2: 0x6162, 3: 0x6300}
    first, second = [True, False, True] + [False] * 13, [False] * 15 + [True]
    assert await modbus.call(lambda it: it.read("holding:0", type="bit")) == first
    assert await modbus.call(lambda it: it.read("holding:0-1", type="bit")) == first + second
    assert await modbus.call(lambda it: it.read("holding:2-3", type="string")) == "abc"
    assert await modbus.call(lambda it: it.read("holding:2-3")) == [0x6162, 0x6300]


async def test_coils_are_read_with_the_type_bit_or_none() -> None:
    device = sealbus.Device({"coils": [0, 1, 1]})
    async with (
        sealbus.serve("tcp://127.0.0.1:0", device, unsafe_no_policy=True) as server,
        sealbus.connect(f"tcp://127.0.0.1:{server.port}", timeout=20.0) as modbus,
    ):
        assert await modbus.read("coils:1") is True
        assert await modbus.read("coils:1", type="bit") is True
        assert await modbus.read("coils:0-2", type="bit") == [False, True, True]


async def _awaited(event: object) -> None:
    raise AssertionError("nobody awaits this")


class Awaited:
    """A callback that nobody would await."""

    async def call(self, event: object) -> None:
        await _awaited(event)

    __call__ = call


ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "negative time-out": ({"timeout": -1.0}, "timeout: -1.0 is not valid"),
    "no time-out at all": ({"timeout": 0}, "timeout: 0 is not valid"),
    "endless time-out": ({"timeout": float("inf")}, "timeout: inf is not valid"),
    "a time-out that is no number": ({"timeout": float("nan")}, "timeout: nan is not valid"),
    "a text for a time-out": ({"timeout": "1"}, "timeout: '1' is not valid"),
    "true for a time-out": ({"timeout": True}, "timeout: True is not valid"),
    "a mapping for rules": ({"rules": {"timeout_s": 1.0}}, "rules: .* is not a ChannelRules"),
    "two time-outs": (
        {"rules": ChannelRules(timeout_s=2.0), "timeout": 3.0},
        "timeout: 3 s differs from timeout_s of rules, 2 s",
    ),
    "revocation lists without TLS": ({"crl": "ca.crl"}, "crl mean nothing"),
    "a coroutine function for events": ({"on_event": _awaited}, "on_event: .*_awaited.* is a coroutine function"),
    "a coroutine function for bytes": ({"on_bytes": Awaited().call}, "on_bytes: .* is a coroutine function"),
    "an object that is called with await": ({"on_event": Awaited()}, "on_event: .* is a coroutine function"),
    "a part of a coroutine function": ({"on_event": partial(_awaited)}, "on_event: .* is a coroutine function"),
    "options of TLS without TLS": ({"tls_options": sealbus.TlsOptions()}, "tls_options mean nothing"),
}


@pytest.mark.parametrize("connect", [sealbus.connect, sealbus.sync.connect])
@pytest.mark.parametrize("wrong", ARGUMENTS)
def test_a_wrong_argument_of_connect_is_named(wrong: str, connect: Callable[..., object]) -> None:
    arguments, message = ARGUMENTS[wrong]
    with pytest.raises(ConfigError, match=message):
        connect("tcp://127.0.0.1:5020", **arguments)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[sealbus.Identity, sealbus.Trust]:
    root = pki.make_root()
    identity = sealbus.Identity.load(*pki.make_leaf(root, role="Viewer").save(tmp_path, "viewer"))
    return identity, sealbus.Trust.load(pki.save_trust(tmp_path / "ca.crt", root))


TLS: dict[str, tuple[dict[str, Any], str]] = {
    "a file for an identity": ({"identity": "op.crt"}, r"identity: 'op.crt' is not an Identity; give Identity.load"),
    "a number for trust": ({"trust": 5}, "trust: 5 is not a file"),
    "numbers for trust": ({"trust": [5]}, r"trust: \[5\] is not a file"),
    "a number for lists": ({"trust": "ca.crt", "crl": 5}, "crl: 5 is not a file"),
    "lists beside a Trust": ({"crl": "ca.crl"}, "crl: a Trust holds its revocation lists already"),
    "a mapping for options": ({"tls_options": {}}, r"tls_options: \{\} is not a TlsOptions"),
}


@pytest.mark.parametrize("wrong", TLS)
def test_a_wrong_argument_of_mutual_tls_is_named(wrong: str, pair: tuple[sealbus.Identity, sealbus.Trust]) -> None:
    arguments, message = TLS[wrong]
    with pytest.raises(ConfigError, match=message):
        sealbus.connect("mbaps://127.0.0.1:8802", **{"identity": pair[0], "trust": pair[1], **arguments})


def test_an_endpoint_that_is_no_text_is_named() -> None:
    with pytest.raises(ConfigError, match="url: 5020 is not an endpoint URL"):
        sealbus.connect(5020)  # type: ignore[arg-type]


RULES: dict[str, dict[str, Any]] = {
    "timeout_s": {"timeout_s": 0.0},
    "connect_timeout_s": {"connect_timeout_s": -1},
    "gap_s": {"gap_s": -0.1},
    "connect_delay_s": {"connect_delay_s": "1"},
    "turnaround_s": {"turnaround_s": float("nan")},
    "in_flight": {"in_flight": 0},
    "connections": {"connections": -1},
    "queue": {"queue": 1.5},
    "lenient_transaction_id": {"lenient_transaction_id": "no"},
}


@pytest.mark.parametrize("name", RULES)
def test_a_wrong_rule_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: {next(iter(RULES[name].values()))!r}.* is not valid"):
        ChannelRules(**RULES[name])


@pytest.mark.parametrize("wrong", [{"in_flight": 257}, {"queue": 100_001}, {"timeout_s": 86_401.0}])
def test_a_rule_has_an_upper_limit(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(wrong))}: "):
        ChannelRules(**wrong)
    assert ChannelRules(in_flight=256, queue=100_000, timeout_s=86_400).in_flight == 256


def test_every_rule_has_a_check() -> None:
    assert set(RULES) <= set(ChannelRules.__dataclass_fields__)
    for name, field in ChannelRules.__dataclass_fields__.items():
        if isinstance(field.default, int | float):
            with pytest.raises(ConfigError, match=f"^{name}: "):
                ChannelRules(**{name: "1"})  # type: ignore[arg-type]
