"""The policies that come with the package do what their comments say."""

from __future__ import annotations

from importlib import resources

import pytest

from sealbus.policy import Policy, findings, parse_policy
from sealbus.protocol import (
    Diagnostics,
    ReadDeviceIdentification,
    ReadHoldingRegisters,
    Request,
    ValueType,
    WordOrder,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    encode_registers,
)

SUNSPEC_ROLES = (
    "ReadOnlySunSpec",
    "GridServiceSunSpec",
    "NetworkAdministratorSunSpec",
    "SuperAdministratorSunSpec",
)


def text_of(name: str) -> str:
    return (resources.files("sealbus.policy") / "examples" / f"{name}.toml").read_text(encoding="utf-8")


def policy(name: str) -> Policy:
    return parse_policy(text_of(name), file=f"{name}.toml")


@pytest.mark.parametrize("name", ["starter", "secure-sunspec"])
def test_an_example_has_no_findings(name: str) -> None:
    assert findings(policy(name)) == []


def test_the_sunspec_example_has_exactly_the_four_roles() -> None:
    assert tuple(role.name for role in policy("secure-sunspec").roles) == SUNSPEC_ROLES
    assert (
        not policy("secure-sunspec")
        .rights_of("SuperAdministratorSpec")
        .decide(1, WriteSingleRegister(40068, 1))
        .allowed
    )


@pytest.mark.parametrize("role", SUNSPEC_ROLES)
def test_every_sunspec_role_reads_everything(role: str) -> None:
    rights = policy("secure-sunspec").rights_of(role)
    assert rights.decide(1, ReadHoldingRegisters(40000, 125)).allowed
    assert rights.decide(1, ReadHoldingRegisters(40157, 125)).allowed
    assert not rights.decide(1, ReadHoldingRegisters(40158, 125)).allowed
    assert not rights.decide(1, ReadHoldingRegisters(39999, 1)).allowed


@pytest.mark.parametrize(
    ("address", "writers"),
    [
        (40003, ()),  # common L
        (40067, ()),  # common SN
        (40068, ("NetworkAdministratorSunSpec", "SuperAdministratorSunSpec")),  # common DA
        (40072, ("NetworkAdministratorSunSpec", "SuperAdministratorSunSpec")),  # 12 Nam
        (40076, ()),  # 12 CfgSt
        (40078, ()),  # 12 Cap
        (40079, ("NetworkAdministratorSunSpec", "SuperAdministratorSunSpec")),  # 12 Cfg
        (40168, ("NetworkAdministratorSunSpec", "SuperAdministratorSunSpec")),  # 12 HostNam
        (40169, ()),  # 12 Pad
        (40180, ()),  # 103
        (40224, ("GridServiceSunSpec", "SuperAdministratorSunSpec")),  # 121 WMax
        (40243, ("GridServiceSunSpec", "SuperAdministratorSunSpec")),  # 121 ConnPh
        (40244, ()),  # 121 WMax_SF
        (40256, ("GridServiceSunSpec", "SuperAdministratorSunSpec")),  # 123 Conn_WinTms
        (40276, ("GridServiceSunSpec", "SuperAdministratorSunSpec")),  # 123 VArPct_Ena
        (40277, ()),  # 123 WMaxLimPct_SF
    ],
)
def test_each_sunspec_point_can_be_written_by_the_roles_of_the_tables_only(
    address: int, writers: tuple[str, ...]
) -> None:
    rights = {role: policy("secure-sunspec").rights_of(role) for role in SUNSPEC_ROLES}
    may = tuple(role for role in SUNSPEC_ROLES if rights[role].decide(1, WriteSingleRegister(address, 1)).allowed)
    assert may == writers


def test_the_commented_role_of_the_sunspec_example_can_be_enabled() -> None:
    text = text_of("secure-sunspec")
    start = text.index('# [[role]]\n# name = "SuperAdministratorSpec"')
    alias = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text[start:].splitlines())
    both = parse_policy(text[:start] + alias, file="secure-sunspec.toml")
    assert both.rights_of("SuperAdministratorSpec").decide(1, WriteSingleRegister(40276, 1)).allowed
    assert not both.rights_of("SuperAdministratorSpec").decide(1, WriteSingleRegister(40277, 1)).allowed


def temperature(celsius: float) -> WriteMultipleRegisters:
    return WriteMultipleRegisters(200, tuple(encode_registers([celsius], ValueType.FLOAT32, WordOrder.CDAB)))


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("Viewer", ReadHoldingRegisters(0, 125), WriteSingleRegister(100, 1)),
        ("Operator", WriteSingleRegister(100, 1000), WriteSingleRegister(100, 1001)),
        ("Operator", WriteSingleCoil(1, True), WriteSingleCoil(2, True)),
        ("Operator", temperature(65.5), temperature(66.0)),
        ("Engineer", WriteSingleRegister(65535, 1), Diagnostics(4, b"\x00\x00")),
        ("Engineer", ReadDeviceIdentification(1, 0), Diagnostics(1, b"\x00\x00")),
        ("Engineer", Diagnostics(0, b"ab"), Diagnostics(10, b"\x00\x00")),
    ],
)
def test_the_starter_grants_the_described_rights_and_no_more(role: str, allowed: Request, refused: Request) -> None:
    rights = policy("starter").rights_of(role)
    assert rights.decide(1, allowed).allowed
    assert not rights.decide(1, refused).allowed
    assert not policy("starter").rights_of("").decide(1, allowed).allowed
