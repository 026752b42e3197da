"""From raw values to values: scale, bits, and the patterns that mean that there is no value."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sealbus.plant import SUNSPEC_TYPES, NoValue, Raw, build_conversion
from sealbus.protocol import ValueType
from sealbus.samples import Reason
from unit.acquisition.plans import tag

BAR = {"raw_low": 4000, "raw_high": 20000, "scaled_low": 0, "scaled_high": 10}


@pytest.mark.parametrize(
    ("kind", "options", "raw", "value"),
    [
        ("uint16", {}, 7, 7),
        ("uint64", {}, 2**64 - 1, 2**64 - 1),
        ("uint16", {"scale": 0.1}, 3, 0.3),
        ("int16", {"scale": 0.01, "offset": -50}, 5150, 1.5),
        ("uint16", {"scale": -0.1}, 3, -0.3),
        ("uint16", {"scale": 0.3}, 10, 3.0),
        ("int32", {"scale": 10, "offset": 1}, -2, -19),
        ("uint16", BAR, 12000, 5.0),
        ("uint16", BAR, 2000, -1.25),
        ("float32", {"scale": 2}, 1.5, 3.0),
        ("uint16", {"bit": 0}, 1, True),
        ("uint16", {"bit": 15}, 0x7FFF, False),
        ("uint16", {"bit": 4, "bit_width": 3}, 0b1011_0000, 0b011),
        ("uint32", {"bit": 31, "bit_width": 1}, 1 << 31, 1),
        ("uint16", {"bit": 8, "bit_width": 8, "scale": 0.5}, 0x0700, 3.5),
        ("string", {"length": 2}, b"ab\0\0", "ab"),
        ("bcd16", {"scale": 0.1}, b"\x12\x34", 123.4),
        ("int16", {"sentinels": (0x8000,)}, 0, 0),
        ("uint64", {"scale": 1000}, 2**63, float(1000 * 2**63)),
        ("string", {"length": 4, "sunspec": True}, b"SE4000\xff\xff", "SE4000"),
        ("string", {"length": 4, "sunspec_type": "string"}, b"SE40 \xff\xff\0", "SE40"),
        ("string", {"length": 4, "sunspec_type": "string"}, b"M\xfcnchen\0", "München"),
        ("string", {"length": 4, "sunspec_type": "string"}, "Münche".encode() + b"\0", "Münche"),
        ("string", {"length": 4, "sunspec_type": "string"}, b"10 \xb0C\xff\xff\xff", "10 °C"),
        ("string", {"length": 2, "sunspec_type": "ipaddr"}, b"\x0a\0\0\1", "10.0.0.1"),
        ("string", {"length": 8, "sunspec_type": "ipv6addr"}, b"\xfe\x80" + bytes(13) + b"\1", "fe80::1"),
        ("string", {"length": 4, "sunspec_type": "eui48"}, b"\0\0\0\x1a\x2b\x3c\x4d\x5e", "00:1a:2b:3c:4d:5e"),
    ],
)
def test_a_raw_value_becomes_the_value(kind: str, options: dict[str, Any], raw: Raw, value: object) -> None:
    found = build_conversion(tag("holding:0", kind, **options))(raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "options", "raw", "reason"),
    [
        ("float32", {}, math.nan, Reason.NOT_DECODABLE),
        ("float32", {}, math.inf, Reason.NOT_DECODABLE),
        ("float64", {"scale": 10}, 1.7e308, Reason.NOT_DECODABLE),
        ("string", {"length": 1}, b"\xff\xfe", Reason.NOT_DECODABLE),
        ("bcd16", {}, b"\x1a\x00", Reason.NOT_DECODABLE),
        ("bcd16", {"sentinels": (0xFFFF,)}, b"\xff\xff", Reason.NOT_AVAILABLE),
        ("uint16", {"sentinels": (65535, 65534)}, 65534, Reason.NOT_AVAILABLE),
        ("int16", {"sentinels": (0x8000,)}, -32768, Reason.NOT_AVAILABLE),
        ("int16", {"sentinels": (-32768,)}, -32768, Reason.NOT_AVAILABLE),
        ("float32", {"sentinels": (-999.0,)}, -999.0, Reason.NOT_AVAILABLE),
        ("uint16", {"sentinels": (0xFFFF,), "bit": 0, "bit_width": 8}, 0xFFFF, Reason.NOT_AVAILABLE),
        ("uint16", {"sunspec": True, "bit": 0}, 0xFFFF, Reason.NOT_AVAILABLE),
        ("int16", {"sunspec": True}, -0x8000, Reason.NOT_AVAILABLE),
        ("uint16", {"sunspec": True}, 0xFFFF, Reason.NOT_AVAILABLE),
        ("int32", {"sunspec": True}, -0x80000000, Reason.NOT_AVAILABLE),
        ("uint32", {"sunspec": True}, 0xFFFFFFFF, Reason.NOT_AVAILABLE),
        ("int64", {"sunspec": True}, -(2**63), Reason.NOT_AVAILABLE),
        ("uint64", {"sunspec": True}, 2**64 - 1, Reason.NOT_AVAILABLE),
        ("float32", {"sunspec": True}, math.nan, Reason.NOT_AVAILABLE),
        ("float32", {"sunspec": True}, math.inf, Reason.NOT_DECODABLE),
        ("string", {"sunspec": True, "length": 2}, b"\0\0\0\0", Reason.NOT_AVAILABLE),
        ("string", {"sunspec": True, "length": 2}, b"\xff" * 4, Reason.NOT_AVAILABLE),
        ("string", {"sunspec_type": "string", "length": 2}, b"  \xff\xff", Reason.NOT_AVAILABLE),
        ("string", {"length": 2}, b"ab\xff\xff", Reason.NOT_DECODABLE),
        ("int16", {"sunspec_type": "sunssf"}, -0x8000, Reason.NOT_AVAILABLE),
        ("uint16", {"sunspec_type": "enum16"}, 0xFFFF, Reason.NOT_AVAILABLE),
        ("uint32", {"sunspec_type": "acc32"}, 0, Reason.NOT_AVAILABLE),
        ("uint32", {"sunspec_type": "bitfield32"}, 0xFFFFFFFF, Reason.NOT_AVAILABLE),
        ("uint32", {"sunspec_type": "bitfield32"}, 0x80000001, Reason.NOT_AVAILABLE),
        ("uint16", {"sunspec_type": "bitfield16", "bit": 0}, 0x8001, Reason.NOT_AVAILABLE),
        ("string", {"length": 2, "sunspec_type": "ipaddr"}, bytes(4), Reason.NOT_AVAILABLE),
        ("string", {"length": 8, "sunspec_type": "ipv6addr"}, bytes(16), Reason.NOT_AVAILABLE),
        ("string", {"length": 4, "sunspec_type": "eui48"}, b"\0\0" + b"\xff" * 6, Reason.NOT_AVAILABLE),
        ("float32", {"scale": 1e308}, 2.0, Reason.NOT_DECODABLE),
        ("int16", {"scale": 1e303, "offset": -1.7e308}, -32768, Reason.NOT_DECODABLE),
    ],
)
def test_registers_without_a_value_give_a_reason_and_never_zero(
    kind: str, options: dict[str, Any], raw: Raw, reason: Reason
) -> None:
    with pytest.raises(NoValue) as caught:
        build_conversion(tag("holding:0", kind, **options))(raw)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("kind", "options", "raw"),
    [
        ("uint32", {"sunspec": True}, 0),
        ("uint16", {"sunspec": True}, 0x8000),
        ("uint32", {"sunspec_type": "bitfield32"}, 0x7FFFFFFF),
        ("int16", {"sunspec": True}, -1),
    ],
)
def test_the_sentinel_of_another_type_is_a_value(kind: str, options: dict[str, Any], raw: Raw) -> None:
    assert build_conversion(tag("holding:0", kind, **options))(raw) == raw


def test_each_sunspec_type_has_a_way_to_be_read() -> None:
    for name, fits in SUNSPEC_TYPES.items():
        options = {"length": fits.text_registers or 4} if fits.fits == (ValueType.STRING,) else {}
        build_conversion(tag("holding:0", fits.fits[0], sunspec_type=name, **options))
