"""Commands: what the collector executes once on request, and the progress and the result it reports.

A command is a tagged struct: `msgspec.convert(value, Command)` turns a JSON column of the database into one, and the key
`kind` (a `CommandKind`) names it. Each `CommandProgress` and the one `CommandResult` carry its id. `within_s` is its
deadline, counted on the monotonic clock from the moment the collector receives it. `plant.command_life` has its states.

`connection` is the id of a connection of the plan, or a whole connection that is in no plan, so that it can be tested
before it is stored. The allowed networks hold for both.

A result names the step that failed (`failed_at`) and the reason in a sentence for the user. `found` has what was found
before the failure too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from sealbus.plant.command_life import CommandKind, CommandState
from sealbus.plant.plan import ConnectionPlan, TagPlan  # noqa: TC001 - msgspec evaluates the annotations

__all__ = [
    "Command",
    "CommandProgress",
    "CommandResult",
    "ConnectionTested",
    "DiscoverSunSpec",
    "Finding",
    "ModelFound",
    "ProposedSetting",
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


class TestConnection(_Command, frozen=True, kw_only=True, tag=CommandKind.TEST.value):
    """Connect to the device and read one place. Any valid response, an exception too, proves that it speaks Modbus."""

    __test__ = False  # pytest collects classes whose names begin with Test

    unit_id: int = 1
    place: str = "holding:0"


class ReadNow(_Command, frozen=True, kw_only=True, tag=CommandKind.READ.value):
    """Read tags once. They need not be in the plan. Neighbours share a request, as in polling."""

    unit_id: int
    tags: tuple[TagPlan, ...]


class ScanUnits(_Command, frozen=True, kw_only=True, tag=CommandKind.SCAN_UNITS.value):
    """Find the unit ids that answer: one place of each is read."""

    first: int = 1
    last: int = 247
    place: str = "holding:0"


class ScanRegisters(_Command, frozen=True, kw_only=True, tag=CommandKind.SCAN_REGISTERS.value):
    """Find the addresses of a range that the unit has, and read them."""

    unit_id: int
    place: str
    """A range such as "holding:0-999"."""
    max_requests: int = 2000
    """A device that lacks most of the range needs many requests; the scan ends after this many."""


class DiscoverSunSpec(_Command, frozen=True, kw_only=True, tag=CommandKind.SUNSPEC.value):
    """Find the SunSpec models of a unit and read them."""

    unit_id: int = 1
    bases: tuple[int, ...] = (40000, 50000, 0)


class WriteTag(_Command, frozen=True, kw_only=True, tag=CommandKind.WRITE.value):
    """Write a value to a tag. This version refuses it."""

    unit_id: int
    tag: TagPlan
    value: bool | int | float | str


Command: TypeAlias = TestConnection | ReadNow | ScanUnits | ScanRegisters | DiscoverSunSpec | WriteTag


class Step(StrEnum):
    """The steps to an answer, in order. A step that failed is the last."""

    RULES = "rules"
    """The URL, the identity and the allowed networks."""
    RESOLVE = "resolve"
    """The name has addresses, and one of them is allowed."""
    CONNECT = "connect"
    TLS = "tls"
    """The handshake, the certificates of both sides."""
    ANSWER = "answer"
    """The device answered in time, and the answer fits the request."""
    ALLOWED = "allowed"
    """The answer is not exception 01: a gateway's policy denied it, or the device does not know the function."""
    VALUE = "value"
    """The place exists and holds a value."""


class StepTaken(Struct, frozen=True, kw_only=True):
    """One step of a test."""

    step: Step
    ok: bool
    text: str = ""
    took_s: float = 0.0


class ProposedSetting(Struct, frozen=True, kw_only=True):
    """A setting of the connection that the test proposes: the name of a field of `ConnectionPlan`, and its value."""

    setting: str
    value: bool | int
    reason: str


class ConnectionTested(Struct, frozen=True, kw_only=True, tag=CommandKind.TEST.value):
    """The result of `TestConnection`."""

    steps: tuple[StepTaken, ...]
    address: str = ""
    """The address that was dialled."""
    certificate: str = ""
    """The subject of the server's certificate. Only mbaps has it, its SHA-256 fingerprint and its end of validity."""
    fingerprint: str = ""
    not_after_us: int | None = None
    exception: int | None = None
    """The code of the Modbus exception, if that was the answer."""
    answer_s: float | None = None
    proposals: tuple[ProposedSetting, ...] = ()
    """Settings that differ from those tested, for what the test has noticed about the device or its line."""


class ValueRead(Struct, frozen=True, kw_only=True):
    """A value with the members of `Sample`. `text` is the reason if there is no value."""

    tag_id: int
    time_us: int
    value: bool | int | float | str | None
    quality: int
    reason: int
    raw: str = ""
    """The bytes of the response for this place, in hexadecimal."""
    text: str = ""


class ValuesRead(Struct, frozen=True, kw_only=True, tag=CommandKind.READ.value):
    """The result of `ReadNow`."""

    values: tuple[ValueRead, ...]
    requests: int = 0
    took_s: float = 0.0


class UnitAnswer(Struct, frozen=True, kw_only=True):
    """A unit that answered, with values or with an exception."""

    unit_id: int
    took_s: float
    exception: int | None = None
    text: str = ""


class UnitsScanned(Struct, frozen=True, kw_only=True, tag=CommandKind.SCAN_UNITS.value):
    """The result of `ScanUnits`."""

    units: tuple[UnitAnswer, ...]
    requests: int


class RangeFound(Struct, frozen=True, kw_only=True):
    """Neighbouring places with the same kind of answer: their `values`, or the `exception`."""

    place: str
    values: tuple[int, ...] = ()
    exception: int | None = None
    text: str = ""


class RegistersScanned(Struct, frozen=True, kw_only=True, tag=CommandKind.SCAN_REGISTERS.value):
    """The result of `ScanRegisters`."""

    ranges: tuple[RangeFound, ...]
    requests: int


class ModelFound(Struct, frozen=True, kw_only=True):
    """A SunSpec model: its id, the address of its id register, and its registers after id and length.

    `complete` is false if some of its registers could not be read; `registers` then ends before the first of them.
    """

    model_id: int
    address: int
    length: int
    registers: tuple[int, ...]
    complete: bool = True


class SunSpecFound(Struct, frozen=True, kw_only=True, tag=CommandKind.SUNSPEC.value):
    """The result of `DiscoverSunSpec`: the chain of models. `base` is the address of "SunS"."""

    base: int
    models: tuple[ModelFound, ...]


Finding: TypeAlias = ConnectionTested | ValuesRead | UnitsScanned | RegistersScanned | SunSpecFound


class CommandProgress(Struct, frozen=True, kw_only=True):
    """The progress of a command: `done` of `total` steps; `total` is 0 if it is not known."""

    id: int
    done: int
    total: int
    text: str = ""


class CommandResult(Struct, frozen=True, kw_only=True):
    """The end of a command. Each command has exactly one; `state` is final."""

    id: int
    state: CommandState
    reason: str = ""
    failed_at: Step | None = None
    took_s: float = 0.0
    found: Finding | None = None
