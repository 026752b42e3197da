"""Any plan and any answer of a device end in a value or in a documented error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.acquisition import SampleClock
from sealbus.acquisition.calculated import Calculations
from sealbus.acquisition.identities import IdentityFolder
from sealbus.acquisition.locating import Locator
from sealbus.acquisition.polled_connection import DialContext
from sealbus.acquisition.polled_connections import PolledConnections
from sealbus.acquisition.tag_states import TagState, unread
from sealbus.endpoints import NetworkRules, parse_endpoint
from sealbus.errors import ConfigError, SealbusError
from sealbus.plant import (
    SUNSPEC_TYPES,
    CalculatedPlan,
    ConnectionPlan,
    DevicePlan,
    Tag,
    TagPlan,
    build_conversion,
    compile_tag,
)
from sealbus.protocol import ValueType, WordOrder
from sealbus.samples import Quality, Sample
from unit.acquisition.polling import FakeContext

T = 1_700_000_000_000_000
EXAMPLES = settings(max_examples=600, deadline=None)

ODD = (0.0, 1.0, -1.0, 0.1, 10.0, 5e-324, -5e-324, 2.3e-308, 1e-300, 1e300, 1e308, -1.7e308, math.inf, math.nan)
NUMBERS = st.sampled_from(ODD) | st.floats() | st.integers(-(2**70), 2**70).map(float)
LIMITS = st.none() | NUMBERS
TYPES = st.sampled_from(["", *ValueType, *(each for each in ValueType if each.registers and each is not ValueType.BIT)])
PLACES = st.sampled_from(
    ["holding:0", "input:3", "holding:9", "input:1", "holding:2", "holding:65532", "coils:7", "none:1"]
)


LINEAR = ("raw_low", "raw_high", "scaled_low", "scaled_high")
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "offset": NUMBERS,
    "low": LIMITS,
    "high": LIMITS,
    "order": st.sampled_from([*WordOrder, "AB"]),
    "length": st.integers(-1, 130),
    "bit": st.none() | st.integers(-1, 64),
    "bit_width": st.none() | st.integers(-1, 65),
    "sentinels": st.lists(st.integers(-(2**65), 2**65) | st.floats(), max_size=3).map(tuple),
    "sunspec": st.booleans(),
    "dead_band": NUMBERS,
    "interval_s": NUMBERS,
    "max_interval_s": NUMBERS,
    "stale_after_s": LIMITS,
}


@st.composite
def tag_plans(draw: st.DrawFn, number: int = 1) -> TagPlan:
    """A row that a user may have stored: a type, sometimes an odd number or SunSpec type, and one or two other options."""
    options = {"type": draw(TYPES)}
    match draw(st.integers(0, 3)):
        case 0 | 1:
            options["scale"] = draw(NUMBERS)
        case 2:
            options["sunspec_type"] = draw(st.sampled_from([*SUNSPEC_TYPES]))
    for name in draw(st.lists(st.sampled_from([*OPTIONS]), max_size=2)):
        options[name] = draw(OPTIONS[name])
    if draw(st.integers(0, 3)) == 0:
        options |= {name: draw(NUMBERS) for name in LINEAR}
    return TagPlan(id=number, place=draw(PLACES), **options)


def raws(tag: Tag) -> st.SearchStrategy[Any]:
    """What the decoder can give for this tag."""
    if tag.is_bit_of_table:
        return st.booleans()
    size = 16 * tag.place.count
    if tag.type in (ValueType.STRING, ValueType.BCD16, ValueType.BCD32):
        return st.sampled_from([bytes(size // 8), b"\xff" * (size // 8)]) | st.binary(
            min_size=size // 8, max_size=size // 8
        )
    if tag.type in (ValueType.FLOAT32, ValueType.FLOAT64):
        return st.floats(width=32 if size == 32 else 64)
    if tag.type in (ValueType.INT16, ValueType.INT32, ValueType.INT64):
        return st.integers(-(2 ** (size - 1)), 2 ** (size - 1) - 1)
    return st.integers(0, 2**size - 1)


def is_honest(sample: Sample) -> bool:
    """A value that every sink bears, or none with a reason."""
    value = sample.value
    if sample.quality is Quality.BAD:
        return value is None
    return value is not None and (isinstance(value, str) or math.isfinite(float(value)))


@EXAMPLES
@given(tag_plans(), st.data())
def test_a_tag_is_refused_or_has_a_value_or_a_reason_for_none(plan: TagPlan, data: st.DataObject) -> None:
    try:
        tag = compile_tag(plan)
        convert = build_conversion(tag)
    except ConfigError:
        return
    state = TagState(plan, convert)
    for step in range(3):
        change = state.take(data.draw(raws(tag)), T + step, float(step))
        assert change is None or is_honest(change)
    assert state.bug == ""


NAMES = ("a", "b")
ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "0",
        "1",
        "-1",
        "2",
        "0.5",
        "1e308",
        "1023",
        "2**1023",
        "(2**1023-1)",
        "true",
        '"on"',
        "pi",
        "0xFFFFFFFF",
        "9" * 40,
    ]
)
FUNCTIONS = {"abs": 1, "avg": 2, "bit": 2, "ceil": 1, "clamp": 3, "exp": 1, "log": 2, "max": 2, "round": 2, "sqrt": 1}
CALLS = st.sampled_from([*FUNCTIONS])
SIGNS = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", "and", "or"])


def _longer(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(part, SIGNS, part).map(lambda them: f"({them[0]} {them[1]} {them[2]})"),
        st.tuples(CALLS, part, part, part).map(
            lambda them: f"{them[0]}({', '.join(them[1 : 1 + FUNCTIONS[them[0]]])})"
        ),
        st.tuples(part, part, part).map(lambda them: f"({them[0]} if {them[1]} else {them[2]})"),
        part.map(lambda it: f"-({it})"),
        part.map(lambda it: f"(not {it})"),
    )


EXPRESSIONS = st.one_of(ATOMS, st.recursive(ATOMS, _longer, max_leaves=12), st.text(max_size=20))
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**64), 2**64), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)


@EXAMPLES
@given(
    st.lists(EXPRESSIONS, min_size=1, max_size=4),
    st.lists(VALUES, min_size=2, max_size=2),
    LIMITS,
    st.sampled_from([0.0, 1e308, math.nan]),
    st.sampled_from([None, 1.0, 1e-9]),
)
def test_calculated_tags_are_refused_or_have_a_value_or_a_reason_for_none(
    expressions: list[str], values: list[Any], low: float | None, dead_band: float, interval_s: float | None
) -> None:
    plans = [
        CalculatedPlan(
            id=10 + number,
            expression=text,
            inputs={"a": 1, "b": 9 + number if number else 2},
            low=low,
            dead_band=dead_band,
            interval_s=interval_s,
        )
        for number, text in enumerate(expressions)
    ]
    inputs = {number: TagState(TagPlan(id=number, place="holding:0"), unread) for number in (1, 2)}
    calculations = Calculations(plans, inputs, {}, 0.0)
    batch = [state.set_value(value, T, 1.0) for state, value in zip(inputs.values(), values, strict=True)]
    changes = [change for change in batch if change is not None]
    changes += calculations.evaluate(changes, 1e6, T)
    changes += calculations.evaluate_all(2e6, T + 1)
    assert all(is_honest(each) for each in changes)
    assert not [text for _, text in calculations.problem_texts() if "fault of Sealbus" in text]


HOSTS = st.sampled_from(
    ["10.0.0.1", "[::1]", "[fe80::1%25lo]", "[::ffff:10.0.0.1]", "plc", "dev/ttyS0", "/dev/ttyS0%00", "joe@h/plc", "["]
)  # fmt: skip
SCHEMES = st.sampled_from(["tcp", "mbaps", "rtu", "ascii", "rtu+tcp", "relay", "ssh+tcp", "http"])
TAILS = st.sampled_from(
    ["", ":502", ":0", ":99999", f":{'9' * 5000}", "/x", "?baud=9600", f"?baud={'1' * 5000}", "?key=%00", "?name=a%0a"]
)
PIECES = st.text(max_size=12) | st.sampled_from(["%00", "%0d", "%ff", "%ed%a0%80", "x" * 300])
URLS = st.one_of(
    st.tuples(SCHEMES, HOSTS, PIECES, TAILS).map(lambda them: f"{them[0]}://{them[1]}{them[2]}{them[3]}"),
    st.tuples(SCHEMES, HOSTS, TAILS).map(lambda them: f"{them[0]}://{them[1]}{them[2]}"),
    st.text(max_size=30, alphabet=st.characters(exclude_categories=())),
)


@EXAMPLES
@given(URLS)
def test_an_endpoint_is_refused_or_can_be_reserved_checked_and_rendered(url: str) -> None:
    where = Locator()
    where.use(NetworkRules.parse(["0.0.0.0/0 *", "/dev/*"]))
    try:
        endpoint = parse_endpoint(url)
        where.reserve(endpoint, 1)
    except SealbusError as error:
        str(error)
        return
    assert where.owner(endpoint) == 1
    NetworkRules.parse(["0.0.0.0/0 *", "/dev/*"]).objection_to_endpoint(endpoint)
    assert parse_endpoint(str(endpoint)) == endpoint


@EXAMPLES
@given(st.text(max_size=40) | st.tuples(HOSTS, PIECES, TAILS).map(" ".join))
def test_a_rule_is_refused_or_parsed(line: str) -> None:
    try:
        NetworkRules.parse([line])
    except ConfigError as error:
        str(error)


@settings(max_examples=60, deadline=None)
@given(st.data())
async def test_any_plan_and_its_successor_are_applied(data: st.DataObject) -> None:
    context = FakeContext()
    connections = PolledConnections(DialContext(Locator(), IdentityFolder(Path()), SampleClock()), context)
    unread_ever: set[int] = set()
    for _ in range(2):
        plans = []
        for number in range(1, 4):
            tags = tuple(data.draw(tag_plans(number=10 * number + each)) for each in range(3))
            device = DevicePlan(
                id=number,
                unit_id=data.draw(st.integers(-1, 300)),
                max_registers=data.draw(st.sampled_from([125, 1, 0, 200])),
                forbidden=data.draw(st.sampled_from([(), ("holding:0",), ("nowhere",)])),
                tags=tags,
            )
            url = data.draw(URLS | st.just(f"tcp://10.0.0.{number}"))
            plans.append(
                ConnectionPlan(id=number, url=url, timeout_s=data.draw(NUMBERS | st.just(1.0)), devices=(device,))
            )
        unread_ever |= {change.tag_id for change in connections.apply(plans)}
        connections.check(changed=set())
        runs = [run for connection in connections.by_id.values() for run in connection.devices.values()]
        collected = {member.tag.plan.id for run in runs for poll in run.polls for member in poll.polled_tags}
        assert unread_ever | collected >= {tag.id for plan in plans for device in plan.devices for tag in device.tags}
        assert not [problem for problem in connections.problems if "fault of Sealbus" in problem.text]
    connections.close()
