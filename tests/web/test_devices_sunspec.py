"""SunSpec: the definitions of the models are those of the Alliance, and a discovery becomes tags."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from sealbus.expressions import parse_expression
from sealbus.plant import (
    CommandResult,
    CommandState,
    Discovery,
    FoundModel,
    ModelDefinition,
    ModelFound,
    PointGroup,
    SunSpecFound,
    tags_of,
)
from sealbus.web.access.actions import Action
from sealbus.web.coordination import leases
from sealbus.web.devices import services
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Device, Tag
from sealbus.web.devices.services.templates import check_tags
from sealbus.web.devices.sunspec import model_definition, model_ids
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_device

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

# Lengths without and of each repeated group: up to 214 `len` of the blocks in the SMDX files of the SunSpec Alliance; those
# of 701 on were counted from the model definitions, so they only hold what the tables had when they were made.
LENGTHS = {
    1: 66, 2: 14, 3: (58, 1), 4: (60, 1), 5: (88, 1), 6: (90, 1), 7: (10, 1), 8: (2, 1), 9: (92, 1), 10: 4, 11: 13, 12: 98,
    13: 174, 14: 52, 15: 24, 16: 52, 17: 12, 18: 22, 19: 30,
    101: 50, 102: 50, 103: 50, 111: 60, 112: 60, 113: 60, 120: 26, 121: 30, 122: 44, 123: 24, 124: 24, 125: 8,
    126: (10, 54), 127: 10, 128: 14, 129: (10, 50), 130: (10, 50), 131: (10, 54), 132: (10, 54), 133: (6, 60),
    134: (10, 58), 135: (10, 50), 136: (10, 50), 137: (10, 50), 138: (10, 50), 139: (10, 50), 140: (10, 50),
    141: (10, 50), 142: (10, 50), 143: (10, 50), 144: (10, 50), 145: 8, 160: (8, 20),
    201: 105, 202: 105, 203: 105, 204: 105, 211: 124, 212: 124, 213: 124, 214: 124,
    701: 153, 702: 50, 703: 17, 704: 65, 705: (13, 10), 706: (13, 5), 707: (7, 4), 708: (7, 4), 709: (7, 4), 710: (7, 4),
    711: (12, 10), 712: (12, 4), 713: 7, 714: (18, 25), 801: 1, 802: 62, 803: (26, 32), 804: (46, 16),
}  # fmt: skip


def _definition(model_id: int) -> ModelDefinition:
    definition = model_definition(model_id)
    assert definition is not None
    return definition


def _offsets(model_id: int) -> dict[str, int]:
    """Of all points, scale factors too, from the id register on."""
    at, offsets = 2, {}
    for point in _definition(model_id).points:
        offsets[point.name] = at
        at += point.registers
    return offsets


@pytest.mark.parametrize("model_id", LENGTHS)
def test_a_model_has_its_length_and_names_its_own_factors_and_numbers(model_id: int) -> None:
    definition = _definition(model_id)
    repeated = [group.registers for group in definition.groups if group.count is not None]
    assert (definition.registers, *repeated) == (
        LENGTHS[model_id] if isinstance(LENGTHS[model_id], tuple) else (LENGTHS[model_id],)
    )
    assert definition.id == model_id

    def check(group: PointGroup, factors: set[str]) -> None:
        names = [point.name for point in group.points]
        assert len(set(names)) == len(names)
        known = factors | {point.name for point in group.points if point.type == "sunssf"}
        assert {point.sf for point in group.points if isinstance(point.sf, str)} <= known
        for inner in group.groups:
            assert not isinstance(inner.count, str) or inner.count in _offsets(model_id)
            check(inner, known)

    check(definition, set())


def test_all_models_have_a_definition() -> None:
    assert model_ids() == sorted(LENGTHS)


@pytest.mark.parametrize("model_id", LENGTHS)
def test_every_model_gives_tags_that_can_be_stored(model_id: int) -> None:
    repeated = sum(group.registers for group in _definition(model_id).groups)
    registers = (1,) * (_definition(model_id).registers + 3 * repeated + 10)
    found = _tags_of([FoundModel(model_id, 40002, len(registers), registers)])
    report = Report()
    check_tags(msgspec.to_builtins(found.tags), report)
    assert report.problems == []
    assert found.tags
    assert found.left_out == []


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
        (701, {"ACType": 2, "W": 10, "VA": 11, "Hz": 17, "TotWhInj": 19}),
        (713, {"WHRtg": 2, "WHAvail": 3, "SoC": 4, "SoH": 5, "Sta": 6}),
        (802, {"AHRtg": 2, "WHRtg": 3}),
        (124, {"WChaMax": 2, "StorCtl_Mod": 5, "ChaState": 8, "OutWRte": 12, "InWRte": 13}),
    ],
)  # fmt: skip
def test_points_are_where_the_makers_have_them(model_id: int, offsets: dict[str, int]) -> None:
    points = _offsets(model_id)
    assert {name: points[name] for name in offsets} == offsets


def _inverter() -> FoundModel:
    """A model 103 at 40069: 230.1 V on phase A, 5000 W, no phase B, no cabinet temperature."""
    words = [0xFFFF] * 50
    values = {"A": 217, "A_SF": -1, "PhVphA": 2301, "V_SF": -1, "W": 500, "W_SF": 1, "Hz": 5001, "Hz_SF": -2, "St": 4}
    points = _offsets(103)
    for point in _definition(103).points:
        if point.type in ("int16", "sunssf"):
            words[points[point.name] - 2] = 0x8000
    for name, value in values.items():
        words[points[name] - 2] = value & 0xFFFF
    return FoundModel(103, 40069, 50, tuple(words))


def _tags_of(models: list[FoundModel], *, live: bool = True, with_value_only: bool = False) -> Discovery:
    return tags_of(models, model_definition, live=live, with_value_only=with_value_only)


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


def test_points_without_a_value_become_tags_and_are_named_unless_they_are_not_wanted() -> None:
    found = _tags_of([_inverter()])
    names = {tag.name for tag in found.tags}
    assert {"inverter_three_phase.TmpCab", "inverter_three_phase.Tmp_SF", "inverter_three_phase.PhVphB"} <= names
    assert {"inverter_three_phase.TmpCab", "inverter_three_phase.PhVphB"} <= set(found.without_value)
    assert "inverter_three_phase.W" not in found.without_value
    assert found.left_out == []
    by_value = _tags_of([_inverter()], with_value_only=True)
    assert "inverter_three_phase.PhVphA" in {tag.name for tag in by_value.tags}
    assert not {tag.name for tag in by_value.tags} & set(found.without_value)
    assert "no value" in {each.point: each.why for each in by_value.left_out}["inverter_three_phase.TmpCab"]
    assert by_value.without_value == []


def test_an_inverter_at_night_gets_the_tags_that_it_gets_by_day() -> None:
    night = [0x8000 if point.type in ("int16", "sunssf") else 0xFFFF for point in _definition(103).points]
    words: list[int] = []
    for point, word in zip(_definition(103).points, night, strict=True):
        words += [word] * point.registers
    by_night = _tags_of([FoundModel(103, 40069, 50, tuple(words))])
    by_day = _tags_of([_inverter()])
    assert by_night.tags == by_day.tags
    assert by_night.left_out == []
    power = next(tag for tag in by_night.tags if tag.name == "inverter_three_phase.W")
    assert power.inputs == {"raw": "inverter_three_phase.W.raw", "factor": "inverter_three_phase.W_SF"}


def test_a_text_of_ff_only_is_no_value() -> None:
    texts = (*(0x4142,) * 16, *(0xFFFF,) * 48, 1, 0x8000)
    found = _tags_of([FoundModel(1, 40002, 66, texts)])
    assert found.without_value == ["common.Md", "common.Opt", "common.Vr", "common.SN"]
    assert found.tags[0].name == "common.Mn"


def test_a_factor_can_be_fixed_as_it_was_read() -> None:
    found = _tags_of([_inverter()], live=False)
    tags = {tag.name: msgspec.to_builtins(tag) for tag in found.tags}
    assert tags["inverter_three_phase.PhVphA"]["scale"] == 0.1
    assert tags["inverter_three_phase.W"]["scale"] == 10.0
    assert "10^1 as read" in tags["inverter_three_phase.W"]["text"]
    assert not any("expression" in tag for tag in tags.values())
    left_out = {each.point: each.why for each in found.left_out}
    assert "Tmp_SF has no value now" in left_out["inverter_three_phase.TmpCab"]


def test_a_point_whose_factor_cannot_be_becomes_no_tag() -> None:
    model = _inverter()
    words = list(model.registers)
    words[15 - 2] = 40
    found = _tags_of([FoundModel(103, 40069, 50, tuple(words))])
    assert not any(tag.name == "inverter_three_phase.W" for tag in found.tags)
    assert "W_SF is 40" in {each.point: each.why for each in found.left_out}["inverter_three_phase.W"]


def test_modules_of_a_repeated_block_have_names_of_their_own() -> None:
    head = [0xFFFF, 0x8000, 0xFFFF, 0, 0, 0, 2, 0xFFFF]
    module = [1, *([0x4441] * 8), 10, 400, 4000, 0, 77, 0xFFFF, 0xFFFF, 0x8000, 4, 0, 0]
    found = _tags_of([FoundModel(160, 40253, 48, (*head, *module, *module))])
    places = {tag.name: tag.place for tag in found.tags}
    assert places["mppt.module_1.IDStr"] == "holding:40264"
    assert places["mppt.module_1.DCA.raw"] == "holding:40272"
    assert places["mppt.module_1.DCW.raw"] == "holding:40274"
    assert places["mppt.module_2.DCW.raw"] == "holding:40294"
    assert places["mppt.module_2.DCWH.raw"] == "holding:40295"
    assert "mppt.module_1.DCV" in found.without_value


def test_floats_strings_and_models_without_a_definition() -> None:
    nan = struct.unpack(">2H", struct.pack(">f", float("nan")))
    words = list(nan) * 30
    words[0:2] = struct.unpack(">2H", struct.pack(">f", 12.5))
    found = _tags_of(
        [
            FoundModel(113, 40069, 60, tuple(words)),
            FoundModel(64999, 41000, 40, (1, 2)),
            FoundModel(113, 42000, 60, tuple(words)),
        ],
        with_value_only=True,
    )
    names = [tag.name for tag in found.tags if tag.type == "float32"]
    assert names == ["inverter_three_phase_float.A", "inverter_three_phase_float_2.A"]
    assert [each.why for each in found.left_out if each.model == 64999] == [
        "no table of this model is known here; it has 40 registers, from holding:41000"
    ]


def test_a_model_that_ends_early_gives_the_tags_before_its_end() -> None:
    found = _tags_of([FoundModel(103, 40069, 50, _inverter().registers[:8])])
    assert "inverter_three_phase.A" in [tag.name for tag in found.tags]
    assert any("ends before" in each.why for each in found.left_out)


@pytest.fixture
def engineer() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _discovered(client: APIClient, device: Device, *more: ModelFound) -> int:
    asked = client.post(f"/api/v1/devices/{device.pk}/sunspec", {}, "json")
    assert asked.status_code == 202, asked.content
    command_id = int(asked.json()["id"])
    leases.acquire_or_renew("collector/main", "one")
    services.claim_commands("one", 10)
    model = _inverter()
    found = SunSpecFound(
        base=40000,
        models=(ModelFound(model_id=103, address=model.address, length=50, registers=model.registers), *more),
    )
    result = CommandResult(id=command_id, state=CommandState.DONE, found=found)
    assert services.finish_command("one", result)
    return command_id


def test_the_known_models_are_listed(engineer: APIClient) -> None:
    page = engineer.get("/api/v1/sunspec-models")
    assert page.status_code == 200, page.content
    assert [each["id"] for each in page.json()["results"]] == sorted(LENGTHS)
    assert page.json()["results"][sorted(LENGTHS).index(160)] == {
        "id": 160,
        "name": "mppt",
        "label": "Multiple MPPT Inverter Extension Model",
        "length": 8,
        "repeated": ["module"],
    }
    assert engineer.get("/api/v1/sunspec-models?page_size=5&page=2").json()["results"][0]["id"] == 6
    assert engineer.get("/api/v1/sunspec-models?id=1").status_code == 400


def test_the_documentation_lists_the_known_models() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sunspec.md").read_text(encoding="utf-8")
    listed = {int(row[1]): row[2] for row in re.finditer(r"^\| ([0-9]+) \| `([^`]+)` \|", page, re.MULTILINE)}
    assert listed == {model_id: _definition(model_id).name for model_id in LENGTHS}


def test_an_unknown_model_is_shown_with_its_length(engineer: APIClient) -> None:
    device = a_device()
    command_id = _discovered(engineer, device, ModelFound(model_id=64001, address=40121, length=71, registers=(1, 2)))
    answer = engineer.post(
        f"/api/v1/devices/{device.pk}/sunspec/tags?dry_run=1", {"command": command_id}, "json"
    ).json()
    assert answer["left_out"] == [
        {
            "model": 64001,
            "point": "",
            "why": "no table of this model is known here; it has 71 registers, from holding:40121",
        }
    ]
    assert {"inverter_three_phase.TmpCab", "inverter_three_phase.PhVphB"} <= set(answer["without_value"])
    body = {"command": command_id, "with_value_only": True}
    wanted = engineer.post(f"/api/v1/devices/{device.pk}/sunspec/tags?dry_run=1", body, "json").json()
    assert (wanted["without_value"], wanted["created"] < answer["created"]) == ([], True)


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
