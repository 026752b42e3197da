"""A SunSpec inverter is discovered at night, when it has no power and no scale factors, and its tags have values by day."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from scenarios.collecting import connection, open_collector
from scenarios.plant import open_device
from sealbus.plant import (
    CalculatedPlan,
    CommandState,
    DiscoverSunSpec,
    FoundModel,
    SunSpecFound,
    SunSpecTag,
    TagPlan,
    tags_of,
)
from sealbus.samples import Reason
from sealbus.web.devices.sunspec import model_definition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scenarios.plant import ScriptedDevice

_BASE = 50000
_COMMON = b"SolarEdge \xff\xff\xff".ljust(32, b"\xff") + b"Z\xfcrich".ljust(32, b"\0") + b"\xff" * 64
_INVERTER_AT = _BASE + 70  # its id register


def at_night(device: ScriptedDevice) -> None:
    """Models 1 and 103 from 50000 on, without power and scale factors. The device is silent below 50000."""
    words = [
        0x5375,
        0x6E53,
        1,
        66,
        *struct.unpack(">64H", _COMMON),
        1,
        0x8000,
        103,
        50,
        *[0x8000] * 36,
        2,
        *[0xFFFF] * 13,
    ]
    device.registers.update(enumerate([*words, 0xFFFF, 0], _BASE))

    def answer(request: bytes) -> Any:
        return device.normal_answer(request) if struct.unpack_from(">H", request, 8)[0] >= _BASE else None

    device.answer = answer


def plans(tags: Sequence[SunSpecTag]) -> tuple[dict[str, int], list[TagPlan], list[CalculatedPlan]]:
    """The tags as the site hands them to the collector."""
    ids = {tag.name: number for number, tag in enumerate(tags, 1)}
    read = [
        TagPlan(
            id=ids[tag.name],
            place=str(tag.place),
            type=str(tag.type),
            sunspec_type=str(tag.sunspec_type),
            length=tag.length if isinstance(tag.length, int) else 0,
            interval_s=0.1,
        )
        for tag in tags
        if isinstance(tag.place, str)
    ]
    calculated = [
        CalculatedPlan(
            id=ids[tag.name],
            expression=tag.expression,
            inputs={name: ids[of] for name, of in tag.inputs.items()},
        )
        for tag in tags
        if isinstance(tag.expression, str) and isinstance(tag.inputs, dict)
    ]
    return ids, read, calculated


async def test_a_discovery_at_night_gives_the_tags_that_have_values_by_day(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        at_night(device)
        url = f"tcp://127.0.0.1:{device.port}"
        site.apply(connection(1, url, devices=()))
        result = await site.execute(DiscoverSunSpec(id=1, connection=1))
        assert result.state is CommandState.DONE, result.reason
        assert isinstance(result.found, SunSpecFound)
        found = tags_of(
            [FoundModel(each.model_id, each.address, each.length, each.registers) for each in result.found.models],
            model_definition,
        )
        assert found.left_out == []
        ids, read, calculated = plans(found.tags)
        site.apply(connection(1, url, *read), calculated=calculated)

        await site.wait_for_good(ids["inverter_three_phase.St"], 2)
        await site.wait_for_good(ids["common.Mn"], "SolarEdge")
        await site.wait_for_good(ids["common.Md"], "Zürich")
        for name in ("inverter_three_phase.W.raw", "inverter_three_phase.W_SF", "common.SN"):
            assert (await site.wait_for_bad(ids[name], Reason.NOT_AVAILABLE)).value is None
        power = ids["inverter_three_phase.W"]
        assert all(sample.value is None for sample in site.samples_of(power))

        device.registers.update({_INVERTER_AT + 14: 412, _INVERTER_AT + 15: 1, _INVERTER_AT + 38: 4})
        await site.wait_for_good(power, 4120)
        device.registers.update({_INVERTER_AT + 14: 0x8000, _INVERTER_AT + 15: 0x8000})
        assert (await site.wait_for(power, lambda sample: sample.value is None)).quality.name == "BAD"
