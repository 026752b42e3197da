"""How the record describes a request: by address and values, and by its bytes where these are incomplete."""

from __future__ import annotations

import pytest

from sealbus.gateway.described import Described, describe
from sealbus.protocol import RequestError, parse_request


@pytest.mark.parametrize(
    ("pdu", "described"),
    [
        ("01 000a 0003", Described("coils", 10, 3)),
        ("02 000a 0003", Described("discrete", 10, 3)),
        ("03 000a 0003", Described("holding", 10, 3)),
        ("04 000a 0003", Described("input", 10, 3)),
        ("05 000a ff00", Described("coils", 10, 1, (1,))),
        ("05 000a 0000", Described("coils", 10, 1, (0,))),
        ("06 0064 03e8", Described("holding", 100, 1, (1000,))),
        ("0f 000a 0003 01 05", Described("coils", 10, 3, (1, 0, 1))),
        ("10 0064 0002 04 0001 ffff", Described("holding", 100, 2, (1, 65535))),
        ("16 0064 00f2 0025", Described("holding", 100, 1, None, "16006400f20025")),
        (
            "17 0003 0006 000e 0001 02 00ff",
            Described("holding", 14, 1, (255,), "1700030006000e00010200ff"),
        ),
        ("08 0004 0000", Described(pdu="0800040000")),
        ("2b 0e 01 00", Described(pdu="2b0e0100")),
        ("41 dead", Described(pdu="41dead")),
    ],
)
def test_a_request_is_described_by_its_address_and_values(pdu: str, described: Described) -> None:
    raw = bytes.fromhex(pdu)
    assert describe(parse_request(raw), raw) == described


@pytest.mark.parametrize("pdu", ["03 0000 007e", "10 0000 0001 02", "06 00", "00", "ff 00"])
def test_a_malformed_request_is_described_by_its_bytes(pdu: str) -> None:
    raw = bytes.fromhex(pdu)
    with pytest.raises(RequestError):
        parse_request(raw)
    assert describe(None, raw) == Described(pdu=raw.hex())
