"""One host has one spelling: for the resolver, for allowed networks, and for certificates."""

from __future__ import annotations

import pytest

from sealbus.endpoints import canonical_host

ONE_SPELLING = {
    "plant.example": "plant.example",
    "plant.example.": "plant.example",
    "Plant.EXAMPLE.": "plant.example",
    "plc_7": "plc_7",
    "localhost.": "localhost",
    "münchen.example": "xn--mnchen-3ya.example",
    "MÜNCHEN.example.": "xn--mnchen-3ya.example",
    "XN--MNCHEN-3YA.example": "xn--mnchen-3ya.example",
    "plant\u3002example\u3002": "plant.example",
    "\uff50lant.example": "plant.example",
    "10.0.0.5": "10.0.0.5",
    "\uff11\uff10.0.0.5": "10.0.0.5",
    "::1": "::1",
    "0:0:0:0:0:0:0:1": "::1",
    "2001:DB8::00A": "2001:db8::a",
    "::ffff:10.0.0.5": "10.0.0.5",
    "::FFFF:a00:5": "10.0.0.5",
    "fe80::1%eth0": "fe80::1%eth0",
}


@pytest.mark.parametrize(("written", "one"), ONE_SPELLING.items())
def test_a_host_has_one_spelling(written: str, one: str) -> None:
    assert canonical_host(written) == one
    assert canonical_host(one) == one


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..", "a..b", "-plc", "plc-", "a b", "plc:802", "[::1]", "10.0.0.5.", "10.0.0.256", "10.1", "*.example",
     "plc\n", "a" * 64, ("a" * 50 + ".") * 6, "ü" * 64, "\ud800.example"],
)  # fmt: skip
def test_what_is_neither_a_name_nor_an_address_is_none(text: str) -> None:
    assert canonical_host(text) == ""
