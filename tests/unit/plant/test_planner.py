"""Requests from tags: as few as allowed, every tag once and whole, nothing that is forbidden."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.errors import ConfigError
from sealbus.plant import DeviceLimits, DevicePlan, LearnedSplits, plan_blocks
from sealbus.protocol import Place, Table, parse_place
from unit.acquisition.plans import tag

if TYPE_CHECKING:
    from sealbus.plant import Tag


def places(tags: list[Tag], limits: DeviceLimits | None = None, splits: LearnedSplits | None = None) -> list[str]:
    return [str(block.place) for block in plan_blocks(tags, limits or DeviceLimits(), splits or LearnedSplits())]


def test_thirty_neighbours_are_one_request() -> None:
    assert places([tag(f"holding:{address}") for address in range(100, 130)]) == ["holding:100-129"]


@pytest.mark.parametrize(
    ("addresses", "options", "planned"),
    [
        ([0, 9], {"gap_registers": 8}, ["holding:0-9"]),
        ([0, 9], {"gap_registers": 7}, ["holding:0", "holding:9"]),
        ([5, 4, 3, 4], {}, ["holding:3-5"]),
        (list(range(126)), {}, ["holding:0-124", "holding:125"]),
        (list(range(25)), {"max_registers": 10}, ["holding:0-9", "holding:10-19", "holding:20-24"]),
        ([0, 2, 4], {"forbidden": (parse_place("holding:3"),)}, ["holding:0-2", "holding:4"]),
        ([0, 2, 4], {"forbidden": (parse_place("input:3"),)}, ["holding:0-4"]),
        ([0, 65535], {}, ["holding:0", "holding:65535"]),
    ],
)
def test_neighbours_are_merged_up_to_the_limits(
    addresses: list[int], options: dict[str, object], planned: list[str]
) -> None:
    limits = DeviceLimits(**options)  # type: ignore[arg-type]
    assert places([tag(f"holding:{address}") for address in addresses], limits) == planned


def test_each_table_has_its_own_requests_and_its_own_limits() -> None:
    tags = [tag("coils:0"), tag("coils:100"), tag("discrete:5"), tag("holding:0"), tag("input:0"), tag("holding:100")]
    assert places(tags) == ["coils:0-100", "discrete:5", "holding:0", "holding:100", "input:0"]
    assert places(tags, DeviceLimits(max_bits=50))[:2] == ["coils:0", "coils:100"]


def test_a_value_of_several_registers_is_never_split() -> None:
    tags = [tag(f"holding:{address}", "float32") for address in range(0, 12, 2)]
    assert places(tags, DeviceLimits(max_registers=5)) == ["holding:0-3", "holding:4-7", "holding:8-11"]
    assert places([tag("holding:0", "uint64"), tag("holding:2", "uint32")]) == ["holding:0-3"]


def test_learned_splits_are_kept() -> None:
    tags = [tag(f"holding:{address}") for address in (0, 1, 3, 4)]
    assert places(tags, splits=LearnedSplits(refused=(parse_place("holding:2"),))) == ["holding:0-1", "holding:3-4"]
    assert places(tags, splits=LearnedSplits(barriers=frozenset({(Table.HOLDING, 4)}))) == ["holding:0-3", "holding:4"]
    assert places(tags, splits=LearnedSplits(barriers=frozenset({(Table.INPUT, 4)}))) == ["holding:0-4"]


def test_a_barrier_never_separates_tags_that_begin_at_it() -> None:
    bits = [tag(f"holding:{register}", "uint16", bit=bit) for register in (7, 8) for bit in range(16)]
    barriers = LearnedSplits(barriers=frozenset({(Table.HOLDING, 7), (Table.HOLDING, 8)}))
    assert places(bits, splits=barriers) == ["holding:7", "holding:8"]
    assert places([tag("holding:8"), tag("holding:8", "uint32"), *bits], splits=barriers) == [
        "holding:7",
        "holding:8-9",
    ]


@pytest.mark.parametrize(
    ("members", "halves"),
    [
        ([("0", ""), ("1", "float64"), ("9", "")], ["holding:0", "holding:1-9"]),
        ([("0", ""), ("0", ""), ("0", ""), ("1", "")], ["holding:0", "holding:1"]),
        ([("0", ""), ("90", ""), ("91", ""), ("92", "")], ["holding:0", "holding:90-92"]),
        ([("0", ""), ("0", "uint32"), ("0", "uint64")], ["holding:0", "holding:0-3"]),
        ([("0", "uint32"), ("1", "")], ["holding:0-1", "holding:1"]),
    ],
)
def test_a_block_is_halved_between_registers(members: list[tuple[str, str]], halves: list[str]) -> None:
    limits = DeviceLimits(gap_registers=100)
    (block,) = plan_blocks([tag(f"holding:{address}", kind) for address, kind in members], limits)
    assert block.is_divisible
    assert [str(half.place) for half in block.halves()] == halves
    assert [each for half in block.halves() for each in half.tags] == list(block.tags)


def test_the_parts_of_a_block_are_as_many_as_the_addresses_at_which_tags_begin() -> None:
    bits = [tag(f"holding:{register}", bit=bit) for register in (0, 2) for bit in range(16)]
    (block,) = plan_blocks([*bits, tag("holding:2", "uint32")], DeviceLimits())
    assert [str(part.place) for part in block.parts()] == ["holding:0", "holding:2-3"]
    assert [str(part.place) for part in block.parts()[1].parts()] == ["holding:2", "holding:2-3"]
    assert not block.parts()[0].is_divisible


@pytest.mark.parametrize(
    ("one", "options", "why"),
    [
        (
            tag("holding:0", "float64"),
            {"max_registers": 3},
            "longer than the device returns in one request, 3; raise max_registers",
        ),
        (tag("coils:0"), {"max_bits": 0}, "longer than the device returns in one request, 0; raise max_bits"),
        (tag("holding:8", "uint32"), {"forbidden": (parse_place("holding:9-20"),)}, "is forbidden"),
    ],
)
def test_a_tag_that_cannot_be_read_is_refused(one: Tag, options: dict[str, object], why: str) -> None:
    objection = DeviceLimits(**options).objection(one)  # type: ignore[arg-type]
    assert why in str(objection)
    assert DeviceLimits().objection(one) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("max_registers", 0), ("max_registers", 126), ("max_bits", 2001), ("gap_bits", -1), ("forbidden", ("holding",))],
)
def test_invalid_limits_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        DeviceLimits.of(DevicePlan(id=1, unit_id=1, **{key: value}))  # type: ignore[arg-type]
    assert caught.value.key == key


_TYPES = ["uint16", "int32", "float32", "uint64", "string"]
_TABLES = ["holding", "input", "coils"]


@st.composite
def _tags(draw: st.DrawFn) -> list[Tag]:
    tags = []
    for number in range(draw(st.integers(1, 60))):
        table, address = draw(st.sampled_from(_TABLES)), draw(st.integers(0, 300))
        kind = "" if table == "coils" else draw(st.sampled_from(_TYPES))
        length = draw(st.integers(1, 6)) if kind == "string" else 0
        tags.append(tag(f"{table}:{address}", kind, id=number, length=length))
    return tags


_FORBIDDEN = st.builds(
    lambda table, address, count: Place(Table(table), address, count),
    st.sampled_from(_TABLES),
    st.integers(0, 300),
    st.integers(1, 5),
)
_LIMITS = st.builds(
    DeviceLimits,
    max_registers=st.integers(6, 125),
    max_bits=st.integers(1, 200),
    gap_registers=st.integers(0, 30),
    gap_bits=st.integers(0, 60),
    forbidden=st.lists(_FORBIDDEN, max_size=5).map(tuple),
)
_CUTS = st.frozensets(st.tuples(st.sampled_from(_TABLES).map(Table), st.integers(0, 300)), max_size=10)


@settings(max_examples=300, deadline=None)
@given(_tags(), _LIMITS, st.lists(_FORBIDDEN, max_size=4).map(tuple), _CUTS)
def test_any_set_of_tags_gives_blocks_within_the_rules(
    tags: list[Tag], limits: DeviceLimits, refused: tuple[Place, ...], barriers: frozenset[tuple[Table, int]]
) -> None:
    wanted = [each for each in tags if limits.objection(each) is None]
    blocks = plan_blocks(wanted, limits, LearnedSplits(refused, barriers))
    assert sorted(each.plan.id for block in blocks for each in block.tags) == sorted(each.plan.id for each in wanted)
    asked_for = {(each.place.table, address) for each in wanted for address in _addresses(each.place)}
    for block in blocks:
        most, gap = limits.of_table(block.place.table)
        read = set(_addresses(block.place))
        assert len(read) <= most
        assert min(read) in {each.place.address for each in block.tags}
        for each in block.tags:
            assert each.place.table is block.place.table
            assert set(_addresses(each.place)) <= read, "a value is split"
        unasked = 0
        served = {address for each in block.tags for address in _addresses(each.place)}
        for address in sorted(read):
            unasked = 0 if address in served else unasked + 1
            assert unasked <= gap
        for place in limits.forbidden:
            assert place.table is not block.place.table or not read & set(_addresses(place)), (
                "a forbidden place is read"
            )
        for place in refused:
            extra = read & set(_addresses(place)) if place.table is block.place.table else set()
            assert all((place.table, address) in asked_for for address in extra), "a refused place is read without need"


def _addresses(place: Place) -> range:
    return range(place.address, place.last + 1)


@settings(max_examples=200, deadline=None)
@given(_tags(), _LIMITS)
def test_no_two_neighbouring_requests_could_have_been_one(tags: list[Tag], limits: DeviceLimits) -> None:
    blocks = plan_blocks([each for each in tags if limits.objection(each) is None], limits)
    for one, other in itertools.pairwise(blocks):
        if one.place.table is not other.place.table:
            continue
        most, gap = limits.of_table(one.place.table)
        first = other.tags[0].place
        between = set(range(one.place.last + 1, first.address))
        assert (
            max(one.place.last, first.last) - one.place.address >= most
            or len(between) > gap
            or any(each.table is first.table and between & set(_addresses(each)) for each in limits.forbidden)
        )
