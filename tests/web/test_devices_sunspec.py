"""SunSpec: the definitions of the models are those of the Alliance, and a discovery becomes tags."""

from __future__ import annotations

import json
import struct
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sealbus.expressions import parse_expression
from sealbus.plant import CommandResult, CommandState, Discovery, FoundModel, ModelFound, SunSpecFound, tags_of
from sealbus.web.access.actions import Action
from sealbus.web.coordination import leases
from sealbus.web.devices import services
from sealbus.web.devices.models import Device, Tag
from sealbus.web.devices.sunspec import model_definition, model_ids
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_device

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

# Lengths by the SunSpec model reference; 160 has 8 and 20 more for each module.
LENGTHS = {
    1: 66, 101: 50, 102: 50, 103: 50, 111: 60, 112: 60, 113: 60, 120: 26, 121: 30, 122: 44, 123: 24, 124: 24, 160: 8,
    201: 105, 202: 105, 203: 105, 204: 105, 211: 124, 212: 124, 213: 124, 214: 124,
}  # fmt: skip


def _definition(model_id: int) -> Any:
    path = resources.files("sealbus.web.devices") / "sunspec_models" / f"model_{model_id}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("model_id", LENGTHS)
def test_a_model_has_its_length_and_its_points_lie_within_it(model_id: int) -> None:
    definition = _definition(model_id)
    assert definition["length"] == LENGTHS[model_id]
    names = [point["name"] for point in definition["points"]]
    assert len(set(names)) == len(names)
    offsets = [point["offset"] for point in definition["points"]]
    assert offsets == sorted(offsets)
    assert offsets[0] >= 2
    assert offsets[-1] < LENGTHS[model_id] + 2
    points = definition["points"] + definition.get("repeated", {}).get("points", [])
    assert {point["sf"] for point in points if isinstance(point.get("sf"), str)} <= set(names)


def test_all_models_have_a_definition() -> None:
    assert model_ids() == sorted(LENGTHS)


# From the makers' own register lists: SolarEdge "SunSpec Implementation Technical Note" (inverter from 40069, meter from
# 40188) and Fronius "Datamanager Register Map" (float inverter from 40069, MPPT, controls and storage), as offsets.
@pytest.mark.parametrize(
    ("model_id", "offsets"),
    [
        (103, {"A": 2, "A_SF": 6, "PPVphAB": 7, "PhVphA": 10, "V_SF": 13, "W": 14, "W_SF": 15, "Hz": 16, "Hz_SF": 17,
               "VA": 18, "VAr": 20, "PF": 22, "WH": 24, "WH_SF": 26, "DCA": 27, "DCV": 29, "DCW": 31, "TmpCab": 33,
               "TmpSnk": 34, "St": 38, "StVnd": 39}),
        (203, {"A": 2, "A_SF": 6, "PhV": 7, "Hz": 16, "W": 18, "W_SF": 22, "TotWhExp": 38, "TotWhImp": 46, "TotWh_SF": 54}),
        (113, {"A": 2, "PPVphAB": 10, "PhVphA": 16, "W": 22, "Hz": 24, "WH": 32, "DCA": 34, "DCV": 36, "DCW": 38}),
        (123, {"Conn": 4, "WMaxLimPct": 5, "WMaxLim_Ena": 9}),
        (124, {"WChaMax": 2, "StorCtl_Mod": 5, "ChaState": 8, "OutWRte": 12, "InWRte": 13}),
    ],
)  # fmt: skip
def test_points_are_where_the_makers_have_them(model_id: int, offsets: dict[str, int]) -> None:
    points = {point["name"]: point["offset"] for point in _definition(model_id)["points"]}
    assert {name: points[name] for name in offsets} == offsets


def _inverter() -> FoundModel:
    """A model 103 at 40069: 230.1 V on phase A, 5000 W, no phase B, no cabinet temperature."""
    words = [0xFFFF] * 50
    values = {"A": 217, "A_SF": -1, "PhVphA": 2301, "V_SF": -1, "W": 500, "W_SF": 1, "Hz": 5001, "Hz_SF": -2, "St": 4}
    points = {point["name"]: point for point in _definition(103)["points"]}
    for name in points:
        if points[name]["type"] in ("int16", "sunssf"):
            words[points[name]["offset"] - 2] = 0x8000
    for name, value in values.items():
        words[points[name]["offset"] - 2] = value & 0xFFFF
    return FoundModel(103, 40069, tuple(words))


def _tags_of(models: list[FoundModel], *, live: bool = True) -> Discovery:
    return tags_of(models, model_definition, live=live)


def test_a_scaled_point_is_calculated_from_its_raw_value_and_its_factor() -> None:
    found = _tags_of([_inverter()])
    tags = {tag.name: msgspec.to_builtins(tag) for tag in found.tags}
    voltage = tags["inverter_three_phase.PhVphA"]
    assert voltage["inputs"] == {"raw": "inverter_three_phase.PhVphA.raw", "factor": "inverter_three_phase.V_SF"}
    assert voltage["unit"] == "V"
    raw, factor = tags["inverter_three_phase.PhVphA.raw"], tags["inverter_three_phase.V_SF"]
    assert (raw["place"], raw["type"], raw["sunspec"]) == ("holding:40079", "uint16", True)
    assert (factor["place"], factor["type"], factor["sunspec_type"]) == ("holding:40082", "int16", "sunssf")
    expression = parse_expression(voltage["expression"], voltage["inputs"])
    assert expression.evaluate({"raw": 2301, "factor": -1}) == 230.1
    assert expression.evaluate({"raw": 500, "factor": 1}) == 5000
    assert tags["inverter_three_phase.St"]["enumeration"]["4"] == "MPPT"
    left_out = {each.point: each.why for each in found.left_out}
    assert "implement" in left_out["inverter_three_phase.TmpCab"]
    assert "inverter_three_phase.PhVphB" in left_out


def test_a_factor_can_be_fixed_as_it_was_read() -> None:
    tags = {tag.name: msgspec.to_builtins(tag) for tag in _tags_of([_inverter()], live=False).tags}
    assert tags["inverter_three_phase.PhVphA"]["scale"] == 0.1
    assert tags["inverter_three_phase.W"]["scale"] == 10.0
    assert "10^1 as read" in tags["inverter_three_phase.W"]["text"]
    assert not any("expression" in tag for tag in tags.values())


def test_a_point_without_its_factor_becomes_no_tag() -> None:
    model = _inverter()
    words = list(model.registers)
    words[15 - 2] = 0x8000
    found = _tags_of([FoundModel(103, 40069, tuple(words))])
    assert not any(tag.name.startswith("inverter_three_phase.W") for tag in found.tags)
    assert "factor" in {each.point: each.why for each in found.left_out}["inverter_three_phase.W"]


def test_modules_of_a_repeated_block_have_names_of_their_own() -> None:
    head = [0xFFFF, 0x8000, 0xFFFF, 0, 0, 0, 2, 0xFFFF]
    module = [1, *([0x4441] * 8), 10, 400, 4000, 0, 77, 0xFFFF, 0xFFFF, 0x8000, 4, 0, 0]
    found = _tags_of([FoundModel(160, 40253, (*head, *module, *module))])
    places = {tag.name: tag.place for tag in found.tags}
    assert places["mppt.module_1.IDStr"] == "holding:40264"
    assert places["mppt.module_1.DCA.raw"] == "holding:40272"
    assert places["mppt.module_1.DCW.raw"] == "holding:40274"
    assert places["mppt.module_2.DCW.raw"] == "holding:40294"
    assert places["mppt.module_2.DCWH.raw"] == "holding:40295"
    assert "mppt.module_1.DCV" in {each.point for each in found.left_out}


def test_floats_strings_and_models_without_a_definition() -> None:
    nan = struct.unpack(">2H", struct.pack(">f", float("nan")))
    words = list(nan) * 30
    words[0:2] = struct.unpack(">2H", struct.pack(">f", 12.5))
    found = _tags_of(
        [FoundModel(113, 40069, tuple(words)), FoundModel(64999, 41000, (1, 2)), FoundModel(113, 42000, tuple(words))]
    )
    names = [tag.name for tag in found.tags if tag.type == "float32"]
    assert names == ["inverter_three_phase_float.A", "inverter_three_phase_float_2.A"]
    assert [each.why for each in found.left_out if each.model == 64999] == ["its table is not known here"]


def test_a_model_that_ends_early_gives_the_tags_before_its_end() -> None:
    found = _tags_of([FoundModel(103, 40069, _inverter().registers[:8])])
    assert "inverter_three_phase.A" in [tag.name for tag in found.tags]
    assert any("ends before" in each.why for each in found.left_out)


@pytest.fixture
def engineer() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _discovered(client: APIClient, device: Device) -> int:
    asked = client.post(f"/api/v1/devices/{device.pk}/sunspec", {}, "json")
    assert asked.status_code == 202, asked.content
    command_id = int(asked.json()["id"])
    leases.acquire_or_renew("collector/main", "one")
    services.claim_commands("one", 10)
    model = _inverter()
    found = SunSpecFound(
        base=40000,
        models=(ModelFound(model_id=103, address=model.address, length=50, registers=model.registers),),
    )
    result = CommandResult(id=command_id, state=CommandState.DONE, found=found)
    assert services.finish_command("one", result)
    return command_id


def test_the_result_of_a_command_becomes_tags(engineer: APIClient) -> None:
    device = a_device()
    command_id = _discovered(engineer, device)
    path = f"/api/v1/devices/{device.pk}/sunspec/tags"
    would = engineer.post(f"{path}?dry_run=1", {"command": command_id}, "json")
    assert would.status_code == 200, would.content
    assert would.json()["created"] == len(would.json()["tags"]) > 10
    assert not Tag.objects.exists()
    made = engineer.post(path, {"command": command_id}, "json")
    assert made.status_code == 201, made.content
    assert Tag.objects.count() == made.json()["created"]
    voltage = Tag.objects.get(name="inverter_three_phase.PhVphA")
    assert set(voltage.inputs) == {"raw", "factor"}
    Tag.objects.filter(pk=voltage.pk).update(text="mine")
    again = engineer.post(path, {"command": command_id}, "json")
    assert again.json()["created"] == 0
    assert Tag.objects.get(pk=voltage.pk).text == "mine"


def test_only_a_command_of_this_device_by_a_user_with_the_right(engineer: APIClient) -> None:
    device, other = a_device(), a_device("other")
    command_id = _discovered(engineer, device)
    body = {"command": command_id}
    assert engineer.post(f"/api/v1/devices/{other.pk}/sunspec/tags", body, "json").status_code == 400
    waiting = engineer.post(f"/api/v1/devices/{device.pk}/sunspec", {}, "json").json()["id"]
    early = engineer.post(f"/api/v1/devices/{device.pk}/sunspec/tags", {"command": waiting}, "json")
    assert (early.status_code, early.json()["type"]) == (409, "nothing-found")
    viewer = signed_in(a_user("bert", Action.VIEW))
    assert viewer.post(f"/api/v1/devices/{device.pk}/sunspec/tags", body, "json").status_code == 403
    assert not Tag.objects.exists()
