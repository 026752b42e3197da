"""Addresses of clients."""

from __future__ import annotations

import pytest

from sealbus.endpoints import address_group, plain_address


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", ""),
    ],
)
def test_an_ipv6_network_counts_as_one_address(host: str, group: str) -> None:
    assert address_group(host) == group


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::FFFF:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.7:80", ""),
        ("", ""),
    ],
)
def test_an_address_has_one_form(text: str, plain: str) -> None:
    assert plain_address(text) == plain
