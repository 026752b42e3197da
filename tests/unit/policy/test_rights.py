"""What a role may do and what it may not, side by side."""

from __future__ import annotations

import pytest

from sealbus.policy import Decision, Rights, Verdict, parse_policy, unsafe_allow_everything
from sealbus.protocol import (
    MaskWriteRegister,
    ReadCoils,
    ReadDiscreteInputs,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    Request,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
)

POLICY = """\
[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["coils", "discrete:8-15", "holding:0-999", "input:0-999"]
[[role.allow]]
units = "1"
write = ["holding:100-109"]
min = 0
max = 1000
[[role.allow]]
units = "1"
write = ["coils:4-7", "holding:110-119"]

[[role]]
name = "Viewer"
[[role.allow]]
units = "1"
read = ["holding:0-9", "holding:10-19"]
[[role.allow]]
units = "1"
read = ["holding:15-29"]

[[role]]
name = ""
[[role.allow]]
units = "7"
read = ["holding:0"]
"""


def rights(role: str) -> Rights:
    return parse_policy(POLICY, file="policy.toml").rights_of(role)


def decide(request: Request, *, role: str = "Operator", unit_id: int = 1) -> Decision:
    return rights(role).decide(unit_id, request)


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        (ReadCoils(0, 2000), None),
        (ReadCoils(65535, 1), None),
        (ReadDiscreteInputs(8, 8), ReadDiscreteInputs(7, 2)),
        (ReadDiscreteInputs(15, 1), ReadDiscreteInputs(15, 2)),
        (ReadHoldingRegisters(0, 125), ReadHoldingRegisters(1000, 1)),
        (ReadHoldingRegisters(999, 1), ReadHoldingRegisters(999, 2)),
        (ReadInputRegisters(900, 100), ReadInputRegisters(900, 101)),
        (WriteSingleCoil(4, True), WriteSingleCoil(3, True)),
        (WriteMultipleCoils(4, (True,) * 4), WriteMultipleCoils(4, (True,) * 5)),
        (WriteSingleRegister(109, 1000), WriteSingleRegister(120, 0)),
        (WriteMultipleRegisters(110, (65535,) * 10), WriteMultipleRegisters(111, (65535,) * 10)),
        (MaskWriteRegister(110, 0, 0), MaskWriteRegister(120, 0, 0)),
    ],
)
def test_a_request_is_allowed_whole_or_denied_whole(allowed: Request, refused: Request | None) -> None:
    assert decide(allowed).verdict is Verdict.ALLOW
    if refused is not None:
        assert decide(refused).verdict is Verdict.DENY


def test_an_allowed_request_names_its_rule() -> None:
    assert decide(ReadHoldingRegisters(0, 1)) == Decision(
        Verdict.ALLOW, "Operator/1 at policy.toml:3", "rule Operator/1 (policy.toml:3) allows it"
    )


def test_a_denial_names_the_missing_right() -> None:
    assert decide(WriteMultipleRegisters(100, (1, 2)), role="Viewer") == Decision(
        Verdict.DENY, None, 'no rule of role "Viewer" allows writing holding:100-101 on unit 1'
    )


def test_a_denial_of_a_part_names_the_part() -> None:
    assert decide(ReadHoldingRegisters(990, 20)).reason == (
        'no rule of role "Operator" allows reading holding:990-1009 on unit 1: holding:1000-1009 is missing'
    )
    assert decide(WriteMultipleRegisters(98, (1, 1, 1))).reason == (
        'no rule of role "Operator" allows writing holding:98-100 on unit 1: holding:98-99 is missing'
    )
    assert decide(WriteMultipleCoils(2, (True,) * 8)).reason == (
        'no rule of role "Operator" allows writing coils:2-9 on unit 1: coils:2-3 is missing'
    )


def test_a_value_outside_its_limit_is_denied_by_the_rule_with_the_limit() -> None:
    assert decide(WriteSingleRegister(100, 1000)).allowed
    assert decide(WriteSingleRegister(100, 1200)) == Decision(
        Verdict.DENY,
        "Operator/2 at policy.toml:6",
        "value 1200 at holding:100 is above max 1000 of rule Operator/2 (policy.toml:6), on unit 1",
    )


def test_one_value_outside_its_limit_denies_the_whole_write() -> None:
    assert decide(WriteMultipleRegisters(100, (0, 1000, 0))).allowed
    assert not decide(WriteMultipleRegisters(100, (0, 1001, 0))).allowed


def test_rights_add_up_over_rules() -> None:
    assert decide(ReadHoldingRegisters(0, 30), role="Viewer") == Decision(
        Verdict.ALLOW,
        "Viewer/1 at policy.toml:17, Viewer/2 at policy.toml:20",
        "rules Viewer/1 (policy.toml:17) and Viewer/2 (policy.toml:20) allow it together",
    )
    assert decide(ReadHoldingRegisters(5, 10), role="Viewer").rule == "Viewer/1 at policy.toml:17"
    assert decide(ReadHoldingRegisters(18, 10), role="Viewer").rule == "Viewer/2 at policy.toml:20"
    assert decide(WriteMultipleRegisters(109, (1000, 1001))).rule == (
        "Operator/2 at policy.toml:6, Operator/3 at policy.toml:11"
    )
    assert not decide(WriteMultipleRegisters(109, (1001, 1001))).allowed


def test_a_rule_applies_to_its_units_only() -> None:
    assert decide(ReadHoldingRegisters(0, 1), unit_id=10).allowed
    assert not decide(ReadHoldingRegisters(0, 1), unit_id=11).allowed
    assert decide(WriteSingleRegister(110, 1), unit_id=1).allowed
    assert not decide(WriteSingleRegister(110, 1), unit_id=2).allowed


def test_the_broadcast_needs_a_rule_that_names_unit_0() -> None:
    named = parse_policy(
        '[[role]]\nname = "Operator"\n[[role.allow]]\nunits = "0"\nwrite = ["holding:110"]', file="policy.toml"
    )
    assert named.rights_of("Operator").decide(0, WriteSingleRegister(110, 1)).allowed
    assert decide(WriteSingleRegister(110, 1), unit_id=0) == Decision(
        Verdict.DENY, None, 'no rule of role "Operator" allows writing holding:110 on unit 0 (broadcast)'
    )


def test_read_write_needs_both_rights_each_over_its_own_range() -> None:
    assert decide(ReadWriteMultipleRegisters(0, 2, 110, (1, 2))).allowed
    assert not decide(ReadWriteMultipleRegisters(0, 2, 50, (1, 2))).allowed
    assert not decide(ReadWriteMultipleRegisters(999, 2, 110, (1, 2))).allowed


def test_read_write_names_both_rules_or_both_missing_rights() -> None:
    assert decide(ReadWriteMultipleRegisters(0, 1, 110, (1,))).rule == (
        "Operator/3 at policy.toml:11, Operator/1 at policy.toml:3"
    )
    assert decide(ReadWriteMultipleRegisters(1000, 1, 50, (1,))) == Decision(
        Verdict.DENY,
        None,
        'no rule of role "Operator" allows writing holding:50 on unit 1; '
        'no rule of role "Operator" allows reading holding:1000 on unit 1',
    )


def test_the_write_half_of_read_write_keeps_the_limits() -> None:
    assert decide(ReadWriteMultipleRegisters(0, 1, 100, (1000,))).allowed
    assert decide(ReadWriteMultipleRegisters(0, 1, 100, (1001,))).rule == "Operator/2 at policy.toml:6"


def test_a_mask_write_needs_a_rule_without_limits() -> None:
    assert decide(MaskWriteRegister(110, 0xFFFF, 0)).rule == "Operator/3 at policy.toml:11"
    assert decide(MaskWriteRegister(100, 0xFFFF, 0)) == Decision(
        Verdict.DENY,
        "Operator/2 at policy.toml:6",
        "the result of a mask write to holding:100 on unit 1 depends on its present value, so the limits of rule "
        "Operator/2 (policy.toml:6) cannot be checked",
    )


@pytest.mark.parametrize("role", ["operator", "Operator ", " Operator", "Oper\u0430tor", "Operator\x00", "Engineer"])
def test_a_role_matches_exactly_or_not_at_all(role: str) -> None:
    assert rights("Operator").decide(1, ReadCoils(0, 1)).allowed
    decision = rights(role).decide(1, ReadCoils(0, 1))
    assert decision.verdict is Verdict.DENY
    assert decision.rule is None
    assert "is not in the policy policy.toml" in decision.reason


def test_an_unknown_role_is_shown_shortened_and_without_control_characters() -> None:
    reason = rights('x\n\u202e"' + "y" * 500).decide(1, ReadCoils(0, 1)).reason
    assert reason == 'role "x\\n\\u202e\\"' + "y" * 76 + '…" is not in the policy policy.toml'


def test_the_null_role_has_the_rights_of_the_empty_name() -> None:
    assert decide(ReadHoldingRegisters(0, 1), role="", unit_id=7).rule == '""/1 at policy.toml:26'
    assert decide(ReadHoldingRegisters(0, 1), role="", unit_id=1).reason == (
        "no rule of the NULL role allows reading holding:0 on unit 1"
    )


def test_without_an_empty_name_the_null_role_has_no_rights() -> None:
    policy = parse_policy('[[role]]\nname = "Operator"', file="policy.toml")
    assert policy.rights_of("").decide(1, ReadCoils(0, 1)) == Decision(
        Verdict.DENY, None, "the NULL role is not in the policy policy.toml"
    )


def test_an_empty_policy_denies_everything() -> None:
    policy = parse_policy("", file="policy.toml")
    assert policy.roles == ()
    assert not policy.rights_of("Operator").decide(1, ReadCoils(0, 1)).allowed


def test_only_the_unsafe_policy_allows_everything() -> None:
    everything = unsafe_allow_everything().rights_of("anyone")
    assert everything.decide(0, WriteSingleRegister(0, 0)).rule == "unsafe_allow_everything"
    assert everything.decide(9, ReadHoldingRegisters(0, 1)).allowed
    assert everything.may_call(9, b"\x08").allowed
    assert not parse_policy("", file="policy.toml").rights_of("anyone").may_call(9, b"\x08").allowed
