"""The pure parts of the plant's pages: signs of devices, register maps, raw words."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec import structs

from sealbus.plant import CollectorState, ConnectionState, ConnectionStatus, DevicePlan, PollState, Problem, TagPlan
from sealbus.protocol import Table, ValueType, WordOrder
from sealbus.samples import US_PER_S, Quality, Reason, Sample
from sealbus.web.devices.models import Connection, Device
from sealbus.web.pages.plant.collecting import Collecting
from sealbus.web.pages.plant.health import Sign, Tally, health_of
from sealbus.web.pages.plant.registers import decodings, register_map, words_of

UP = ConnectionState(
    id=1, name="line", url="tcp://10.0.0.5:502", status=ConnectionStatus.UP, why="", since_us=0, last_answer_us=1,
    address="", sent=1, answered=1, silent=0, connects=1, connect_failures=0, waiting=0, silent_units=(), overruns=0,
)  # fmt: skip
POLL = PollState(
    device_id=1, interval_s=1.0, tags=2, requests_per_round=1, rounds=9, requests=1000, failures=0, overruns=0, lag_s=0.0,
    took_s=0.1,
)  # fmt: skip


def _state(connection: ConnectionState = UP, *problems: Problem) -> Collecting:
    return Collecting.of(
        CollectorState(
            plan_version=1, connections=(connection,), problems=problems, tags=0, samples=0, sample_losses=0,
            commands_under_way=0, clock_set_back=0, clock_ahead_s=0.0,
        )
    )  # fmt: skip


def _device(**fields: Any) -> Device:
    return Device(pk=1, unit_id=3, connection=Connection(pk=1, name="line"), **fields)


def _tally(*reasons: tuple[Quality, Reason], good: int = 0, missing: int = 0) -> Tally:
    tally = Tally()
    for quality, reason in reasons:
        tally.add(Sample(1, 1, None, quality, reason), is_enabled=True)
    for _ in range(good):
        tally.add(Sample(1, 1, 1.0), is_enabled=True)
    for _ in range(missing):
        tally.add(None, is_enabled=True)
    return tally


# -- signs


@pytest.mark.parametrize(
    ("reason", "quality", "sign"),
    [
        (Reason.UNREACHABLE, Quality.BAD, Sign.FAILURE),
        (Reason.TIMEOUT, Quality.BAD, Sign.FAILURE),
        (Reason.DEVICE_EXCEPTION, Quality.BAD, Sign.FAILURE),
        (Reason.WRONG_ANSWER, Quality.BAD, Sign.FAILURE),
        (Reason.NOT_AVAILABLE, Quality.BAD, Sign.OUT_OF_SPECIFICATION),
        (Reason.OUT_OF_RANGE, Quality.UNCERTAIN, Sign.OUT_OF_SPECIFICATION),
        (Reason.NO_SUCH_PLACE, Quality.BAD, Sign.CONFIGURATION),
        (Reason.NOT_ALLOWED, Quality.BAD, Sign.CONFIGURATION),
        (Reason.NOT_DECODABLE, Quality.BAD, Sign.CONFIGURATION),
        (Reason.NOT_REFRESHED, Quality.STALE, Sign.STALE),
    ],
)
def test_each_reason_has_its_sign(reason: Reason, quality: Quality, sign: Sign) -> None:
    health = health_of(_device(), _tally((quality, reason), good=9), _state(), sees_connection=True)
    assert health.sign is sign
    assert health.why.startswith("1 of 10 values: ")


def test_the_worst_of_several_reasons_is_shown_with_its_number() -> None:
    tally = _tally((Quality.BAD, Reason.NOT_AVAILABLE), (Quality.BAD, Reason.TIMEOUT), (Quality.BAD, Reason.TIMEOUT))
    health = health_of(_device(), tally, _state(), sees_connection=True)
    assert (health.sign, health.why) == (Sign.FAILURE, "2 of 3 values: the device did not answer")


def test_a_device_whose_values_are_all_good_is_well() -> None:
    assert health_of(_device(), _tally(good=5), _state(), sees_connection=True).is_well


def test_a_device_that_is_switched_off_is_a_function_check() -> None:
    health = health_of(_device(enabled=False), Tally(), _state(), sees_connection=True)
    assert health.sign is Sign.CHECK


def test_without_the_collector_nothing_is_known() -> None:
    assert health_of(_device(), _tally(good=5), Collecting(), sees_connection=True).sign is Sign.UNKNOWN


def test_the_reason_of_a_connection_is_told_to_those_who_see_it_only() -> None:
    down = _state(structs.replace(UP, status=ConnectionStatus.DOWN, why="10.0.0.5 refused"))
    seen = health_of(_device(), Tally(), down, sees_connection=True)
    hidden = health_of(_device(), Tally(), down, sees_connection=False)
    assert seen.sign is hidden.sign is Sign.FAILURE
    assert "10.0.0.5" in seen.why
    assert "10.0.0.5" not in hidden.why


def test_a_connection_that_is_not_allowed_is_our_configuration_and_no_failure_of_the_device() -> None:
    refused = _state(structs.replace(UP, status=ConnectionStatus.REFUSED, why="no rule names it"))
    assert health_of(_device(), Tally(), refused, sees_connection=True).sign is Sign.CONFIGURATION


def test_a_silent_unit_is_a_failure_of_this_device_and_not_of_its_neighbours() -> None:
    silent = _state(structs.replace(UP, silent_units=(3,)))
    assert health_of(_device(), _tally(good=1), silent, sees_connection=True).sign is Sign.FAILURE
    neighbour = Device(pk=2, unit_id=4, connection=Connection(pk=1))
    assert health_of(neighbour, _tally(good=1), silent, sees_connection=True).is_well


def test_a_problem_of_the_plan_is_the_reason() -> None:
    health = health_of(
        _device(), Tally(), _state(UP, Problem(what="device", id=1, text="unit 300")), sees_connection=True
    )
    assert (health.sign, health.why) == (Sign.CONFIGURATION, "unit 300")


@pytest.mark.parametrize(
    "state",
    [
        structs.replace(UP, certificate_not_after_us=int((time.time() + 10 * 86_400) * US_PER_S)),
        structs.replace(UP, polls=(structs.replace(POLL, failures=20),)),
    ],
)
def test_what_works_and_will_not_for_long_needs_maintenance(state: ConnectionState) -> None:
    assert health_of(_device(), _tally(good=1), _state(state), sees_connection=True).sign is Sign.MAINTENANCE


# -- registers


def _tag(number: int, place: str, kind: str = "uint16", **fields: Any) -> TagPlan:
    return TagPlan(id=number, place=place, type=kind, **fields)


def test_a_map_shows_blocks_by_interval_gaps_and_what_is_refused() -> None:
    tags = [
        _tag(1, "holding:0"), _tag(2, "holding:4"), _tag(3, "holding:100", interval_s=10.0), _tag(4, "holding:6"),
        _tag(5, "nonsense"), _tag(6, "holding:1", enabled=False),
    ]  # fmt: skip
    found = register_map(DevicePlan(id=1, unit_id=1), tags, {4})
    (_, fast), (_, slow) = found.rounds
    assert [block.place for block in (*fast, *slow)] == ["holding:0-4", "holding:100"]
    assert [line.tag_id for line in fast[0].lines] == [1, None, 2]
    assert fast[0].unused == 3
    assert found.refused == (4,)
    assert [number for number, _ in found.unusable] == [5]


def test_words_are_decoded_in_all_orders_as_far_as_they_are_known() -> None:
    words = words_of([(_tag(1, "holding:0"), "0000"), (_tag(2, "holding:1"), "4148"), (_tag(3, "holding:9"), "xx")])
    found = {(each.type, order): text for each in decodings(words, Table.HOLDING, 0) for order, text in each.values}
    assert found[ValueType.FLOAT32, WordOrder.CDAB] == "12.5"
    assert found[ValueType.UINT16, WordOrder.ABCD] == "0"
    assert found[ValueType.UINT32, WordOrder.ABCD] == str(0x4148)
    assert (ValueType.UINT64, WordOrder.ABCD) not in found, "four words are needed, and two are known"
    assert decodings(words, Table.INPUT, 0) == []
