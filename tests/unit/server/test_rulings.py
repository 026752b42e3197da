"""A ruling is made once for a kind of request; the cache of rulings is bounded for all roles."""

from __future__ import annotations

from sealbus.policy import parse_policy, unsafe_allow_everything
from sealbus.server import PolicyRulings

READ = bytes.fromhex("01 03 0000 0001")
WRITE = bytes.fromhex("01 06 0000 0007")
POLICY = """
[[role]]
name = "Viewer"
[[role.allow]]
units = "1"
read = ["holding"]
"""


def test_all_sessions_of_a_role_share_one_cache() -> None:
    policy_rulings = PolicyRulings(parse_policy(POLICY, file="policy.toml"))
    assert policy_rulings.rulings_of("Viewer") is policy_rulings.rulings_of("Viewer")
    assert policy_rulings.rulings_of("Viewer") is not policy_rulings.rulings_of("Operator")


def test_without_a_policy_all_clients_of_a_plain_listener_share_one_cache() -> None:
    policy_rulings = PolicyRulings(unsafe_allow_everything())
    assert policy_rulings.rulings_of("") is policy_rulings.rulings_of("")


def test_unknown_roles_neither_fill_the_cache_nor_keep_a_named_role_out() -> None:
    policy_rulings = PolicyRulings(parse_policy(POLICY, file="policy.toml"))
    for number in range(300):
        policy_rulings.rulings_of(f"stranger {number}")
    assert len(policy_rulings._of_role) == 256
    assert policy_rulings.rulings_of("Viewer") is policy_rulings.rulings_of("Viewer")


def test_only_allowed_reads_are_cached_and_their_number_is_bounded() -> None:
    rulings = PolicyRulings(parse_policy(POLICY, file="policy.toml")).rulings_of("Viewer")
    for unit_and_pdu in (WRITE, b"\1\3", b"\2" + READ[1:]):
        assert rulings.judge(unit_and_pdu).exception_code is not None
    assert rulings.known == {}
    for address in range(5000):
        rulings.judge(b"\1\3" + address.to_bytes(2, "big") + b"\0\1")
        assert len(rulings.known) <= 4096
