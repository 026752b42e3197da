"""What the collector is asked to do once, and what it says while it does it and in the end.

A command is a tagged struct, so that a JSON column of a database becomes one by `msgspec.convert(value, Command)`: the
key `kind` says which. It has an id, which comes back in every `OrderProgress` and in its one `OrderResult`, and
`within_s`, the time it may take from the moment the collector is given it, on the monotonic clock; what is not done by
then has expired.

The connection is one of the plan, by its id, or one that is in no plan yet, whole: so it can be tried before it is
stored. Both are held against the allowed networks alike.

A result is honest: `failed_at` is the step that failed and `reason` a sentence for people. What a command found out
before it failed is in `found` all the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from sealbus.plant.plan import ConnectionPlan, TagPlan  # noqa: TC001 - msgspec evaluates the annotations

__all__ = [
    "Command",
    "CommandProgress",
    "CommandResult",
    "CommandState",
    "ConnectionTested",
    "DiscoverSunSpec",
    "Finding",
    "ModelFound",
    "RangeFound",
    "ReadNow",
    "RegistersScanned",
    "ScanRegisters",
    "ScanUnits",
    "Step",
    "StepTaken",
    "SunSpecFound",
    "TestConnection",
    "UnitAnswer",
    "UnitsScanned",
    "ValueRead",
    "ValuesRead",
    "WriteTag",
]


class _Command(Struct, frozen=True, kw_only=True, tag_field="kind"):
    id: int
    connection: int | ConnectionPlan
    within_s: float = 30.0


class TestConnection(_Command, frozen=True, kw_only=True, tag="test"):
    """Reach the device and ask it for one place; any lawful answer, be it an exception, shows that it speaks Modbus."""

    __test__ = False  # pytest takes a name that begins like this for a test

    unit_id: int = 1
    place: str = "holding:0"


class ReadNow(_Command, frozen=True, kw_only=True, tag="read"):
    """Read tags now, or any places: each as a tag that need not be in the plan. They share requests as in polling."""

    unit_id: int
    tags: tuple[TagPlan, ...]


class ScanUnits(_Command, frozen=True, kw_only=True, tag="scan_units"):
    """Which unit ids answer? Each is asked for one place."""

    first: int = 1
    last: int = 247
    place: str = "holding:0"


class ScanRegisters(_Command, frozen=True, kw_only=True, tag="scan_registers"):
    """Which addresses of a range does the unit have, and what is in them now?"""

    unit_id: int
    place: str
    """A range such as "holding:0-999"."""
    max_requests: int = 2000
    """A device that lacks most of the range is asked many times; here it ends."""


class DiscoverSunSpec(_Command, frozen=True, kw_only=True, tag="sunspec"):
    """Find the SunSpec models of a unit and read them: bases 40000, 50000 and 0 unless others are named."""

    unit_id: int = 1
    bases: tuple[int, ...] = (40000, 50000, 0)


class WriteTag(_Command, frozen=True, kw_only=True, tag="write"):
    """The door for writes: this version refuses it."""

    unit_id: int
    tag: TagPlan
    value: bool | int | float | str


Command: TypeAlias = TestConnection | ReadNow | ScanUnits | ScanRegisters | DiscoverSunSpec | WriteTag


class CommandState(StrEnum):
    """How a command ended."""

    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUSED = "refused"
    """Nothing was tried: it makes no sense, is not allowed, or too many are under way."""


class Step(StrEnum):
    """The way to an answer. A step that failed is the last one taken."""

    RULES = "rules"
    """The URL, the identity and the allowed networks."""
    RESOLVE = "resolve"
    """The name has addresses, and one of them is allowed."""
    CONNECT = "connect"
    TLS = "tls"
    """The handshake, the certificates of both sides."""
    ANSWER = "answer"
    """The device answered in time, with what belongs to the request."""
    ALLOWED = "allowed"
    """It was not refused by exception 01: a gateway's role, or a function that the device lacks."""
    VALUE = "value"
    """There is such a place and it holds a value."""


class StepTaken(Struct, frozen=True, kw_only=True):
    """A step, how it went and how long it took."""

    step: Step
    ok: bool
    text: str = ""
    took_s: float = 0.0


class ConnectionTested(Struct, frozen=True, kw_only=True, tag="test"):
    """What a test found out."""

    steps: tuple[StepTaken, ...]
    address: str = ""
    """What was dialled."""
    certificate: str = ""
    """The server's subject, and the fingerprint (SHA-256) and end of its certificate: only mbaps has them."""
    fingerprint: str = ""
    not_after_us: int | None = None
    exception: int | None = None
    """The Modbus exception that it answered with."""
    answer_s: float | None = None


class ValueRead(Struct, frozen=True, kw_only=True):
    """A value as `Sample` has it, with the registers or bits it came from and, where it is none, why."""

    tag_id: int
    time_us: int
    value: bool | int | float | str | None
    quality: int
    reason: int
    raw: str = ""
    """The bytes of the answer for this place, in hexadecimal."""
    text: str = ""


class ValuesRead(Struct, frozen=True, kw_only=True, tag="read"):
    """What was read."""

    values: tuple[ValueRead, ...]
    requests: int = 0
    took_s: float = 0.0


class UnitAnswer(Struct, frozen=True, kw_only=True):
    """A unit that answered, with an exception or with values."""

    unit_id: int
    took_s: float
    exception: int | None = None
    text: str = ""


class UnitsScanned(Struct, frozen=True, kw_only=True, tag="scan_units"):
    """The units that answered, and how many were asked."""

    units: tuple[UnitAnswer, ...]
    asked: int


class RangeFound(Struct, frozen=True, kw_only=True):
    """Places that answered alike: `values` hold what was in them, or `exception` is what they were refused with."""

    place: str
    values: tuple[int, ...] = ()
    exception: int | None = None
    text: str = ""


class RegistersScanned(Struct, frozen=True, kw_only=True, tag="scan_registers"):
    """What a range holds."""

    ranges: tuple[RangeFound, ...]
    requests: int


class ModelFound(Struct, frozen=True, kw_only=True):
    """A SunSpec model: its id, where its id register stands, and its registers behind id and length.

    `complete` is false where some of its registers could not be read; `registers` then ends before the first of them.
    """

    model_id: int
    address: int
    length: int
    registers: tuple[int, ...]
    complete: bool = True


class SunSpecFound(Struct, frozen=True, kw_only=True, tag="sunspec"):
    """The chain of models. `base` is where "SunS" stands."""

    base: int
    models: tuple[ModelFound, ...]


Finding: TypeAlias = ConnectionTested | ValuesRead | UnitsScanned | RegistersScanned | SunSpecFound


class CommandProgress(Struct, frozen=True, kw_only=True):
    """How far a command has come."""

    id: int
    done: int
    total: int
    text: str = ""


class CommandResult(Struct, frozen=True, kw_only=True):
    """The end of a command: there is exactly one."""

    id: int
    state: CommandState
    reason: str = ""
    failed_at: Step | None = None
    took_s: float = 0.0
    found: Finding | None = None
