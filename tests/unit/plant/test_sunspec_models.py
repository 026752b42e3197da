"""Where the points of a SunSpec model lie: groups once, as often as a point says, or up to the end of the model."""

from __future__ import annotations

import pytest

from sealbus.plant import ModelDefinition, PointDefinition, PointGroup
from sealbus.plant.sunspec_models import Layout, lay_out


def point(name: str, type_: str = "uint16", **options: object) -> PointDefinition:
    return PointDefinition(name=name, type=type_, **options)  # type: ignore[arg-type]


def curves(count: int | str | None = "NCrv") -> ModelDefinition:
    """After model 705: 3 registers, then curves of 1 register and `NPt` pairs."""
    pairs = PointGroup(name="Pt", count="NPt", points=(point("V", sf="V_SF"), point("Var", "int16")))
    curve = PointGroup(name="Crv", count=count, points=(point("ActPt"),), groups=(pairs,))
    return ModelDefinition(
        id=705, label="curves", name="m", points=(point("NCrv"), point("NPt"), point("V_SF", "sunssf")), groups=(curve,)
    )


def offsets(layout: Layout) -> dict[str, int]:
    return {placed.name: placed.offset for placed in layout.points}


def test_groups_in_groups_are_placed_as_often_as_the_device_says() -> None:
    layout = lay_out(curves(), "m", [2, 2, 0, *[0] * 10])
    assert offsets(layout) == {
        "m.NCrv": 2, "m.NPt": 3,
        "m.Crv_1.ActPt": 5, "m.Crv_1.Pt_1.V": 6, "m.Crv_1.Pt_1.Var": 7, "m.Crv_1.Pt_2.V": 8, "m.Crv_1.Pt_2.Var": 9,
        "m.Crv_2.ActPt": 10, "m.Crv_2.Pt_1.V": 11, "m.Crv_2.Pt_1.Var": 12, "m.Crv_2.Pt_2.V": 13, "m.Crv_2.Pt_2.Var": 14,
    }  # fmt: skip
    assert layout.missing == []
    factor = next(placed for placed in layout.points if placed.name == "m.Crv_2.Pt_2.V").factors["V_SF"]
    assert (factor.name, factor.offset) == ("m.V_SF", 4)


def test_a_number_beyond_the_registers_places_no_more_than_there_are() -> None:
    layout = lay_out(curves(), "m", [0xFFFE, 1, 0, *[0] * 6])
    assert "m.Crv_2.Pt_1.Var" in offsets(layout)
    assert layout.missing == [("m.Crv_3", "the model ends before it, or was not read so far")]


@pytest.mark.parametrize(
    ("registers", "group"),
    [([0xFFFF, 1, 0, 0, 0, 0], "m.Crv"), ([], "m.Crv"), ([1, 0xFFFF, 0, 0, 0, 0], "m.Crv_1.Pt")],
)
def test_a_number_that_the_device_does_not_tell_ends_the_model_there(registers: list[int], group: str) -> None:
    assert [name for name, _ in lay_out(curves(), "m", registers).missing] == [group]


def test_a_number_of_0_is_none() -> None:
    layout = lay_out(curves(), "m", [0, 4, 0])
    assert (list(offsets(layout)), layout.missing) == (["m.NCrv", "m.NPt"], [])


def test_a_group_without_a_number_is_there_once_and_is_part_of_the_length() -> None:
    ramp = PointGroup(name="Rmp", points=(point("Up", "uint32"), point("Pad", "pad"), point("Text", "string", size=3)))
    model = ModelDefinition(id=704, label="", name="m", points=(point("Ena"),), groups=(ramp, ramp))
    assert model.registers == 1 + 6 + 6
    assert offsets(lay_out(model, "m", [0] * 13))["m.Rmp.Text"] == 12
    assert [placed.offset for placed in lay_out(model, "m", [0] * 13).points] == [2, 3, 6, 9, 12]


def test_a_group_up_to_the_end_is_placed_as_often_as_it_fits() -> None:
    module = PointGroup(name="module", count=0, points=(point("ID"), point("SF", "sunssf"), point("W", sf="SF")))
    model = ModelDefinition(id=160, label="", name="m", points=(point("N"),), groups=(module,))
    layout = lay_out(model, "m", [0] * 9)
    assert [name for name in offsets(layout) if name.endswith("W")] == ["m.module_1.W", "m.module_2.W"]
    assert [placed.factors["SF"].name for placed in layout.points if "SF" in placed.factors] == [
        *["m.module_1.SF"] * 2,
        *["m.module_2.SF"] * 2,
    ]
