"""What is to be collected: the plan, as whoever keeps the configuration hands it over.

Frozen structs of plain values, so that rows of a database become a plan by `msgspec.convert(rows, Plan)`. They are
loose on purpose: a place, a type or an expression is text here. One tag that cannot be used must not keep ten thousand
others from being read, so each tag, device and connection is judged alone when the plan is applied; what is wrong with
it stands in `CollectorState.problems`, and its tags are BAD, NOT_COLLECTED.

Two plans are compared by their values: what is equal in both is not touched when a new plan is applied. So a version
number tells plans apart, but nothing is decided by it.
"""

from __future__ import annotations

from msgspec import Struct

__all__ = ["CalculatedPlan", "ConnectionPlan", "DevicePlan", "LinearRange", "Plan", "TagPlan"]


class LinearRange(Struct, frozen=True, kw_only=True):
    """`raw_low` means `low` and `raw_high` means `high`, and a straight line through both: 4000-20000 for 0-10 bar."""

    raw_low: float
    raw_high: float
    low: float
    high: float


class TagPlan(Struct, frozen=True, kw_only=True):
    """A named value at one place of a device. Addresses count from 0, as in `protocol.parse_place`."""

    id: int
    place: str
    """Table and first address, such as "holding:20", "input:3", "coils:5", "discrete:0"."""
    type: str = ""
    """A name of `protocol.ValueType`. Empty: bit in the tables of bits, uint16 in those of registers."""
    order: str = "ABCD"
    """A name of `protocol.WordOrder`."""
    length: int = 0
    """Registers of a string; else 0."""
    bit: int | None = None
    """The lowest bit that counts, 0 the lowest of all; the value is true or false, or a number with `bit_width`."""
    bit_width: int | None = None
    """How many bits make a number: 1 to 64."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is raw * scale + offset."""
    linear: LinearRange | None = None
    """Instead of scale and offset."""
    low: float | None = None
    high: float | None = None
    """The range that the scaled value can have: outside it is UNCERTAIN, OUT_OF_RANGE."""
    sentinels: tuple[int | float, ...] = ()
    """Raw values that mean "not available". A pattern such as 0x8000 means the same number as -32768 in an int16."""
    sunspec: bool = False
    """Also those of SunSpec for this type."""
    sunspec_type: str = ""
    """The SunSpec type where `type` does not tell it: enum16, bitfield32, acc64, sunssf ..."""
    interval_s: float = 1.0
    """0.05 s to a week."""
    dead_band: float = 0.0
    """A change of no more than this is none."""
    max_interval_s: float = 600.0
    """A sample at least every so often, changed or not."""
    stale_after_s: float | None = None
    """None: three intervals and no less than five seconds."""
    enabled: bool = True


class CalculatedPlan(Struct, frozen=True, kw_only=True):
    """A value computed from those of other tags, calculated ones too, in the language of `sealbus.expressions`."""

    id: int
    expression: str
    inputs: dict[str, int]
    """The names that the expression uses, and the ids of their tags."""
    interval_s: float | None = None
    """None: whenever an input changes."""
    low: float | None = None
    high: float | None = None
    dead_band: float = 0.0
    max_interval_s: float = 600.0
    enabled: bool = True


class DevicePlan(Struct, frozen=True, kw_only=True):
    """One unit id of a connection, what it bears, and its tags."""

    id: int
    unit_id: int
    name: str = ""
    max_registers: int = 125
    """The most registers it gives in one answer."""
    max_bits: int = 2000
    gap_registers: int = 8
    """How many registers that nobody asked for may be read between two tags to save a request."""
    gap_bits: int = 128
    forbidden: tuple[str, ...] = ()
    """Places that are never read, such as "holding:100-119"."""
    tags: tuple[TagPlan, ...] = ()
    enabled: bool = True


class ConnectionPlan(Struct, frozen=True, kw_only=True):
    """A way to devices: one port of this machine or one host and port. The rules are those of `client.ChannelRules`."""

    id: int
    url: str
    name: str = ""
    identity: str = ""
    """For mbaps: the folder below the collector's identities that holds certificate.pem, key.pem and trust.pem."""
    timeout_s: float = 1.0
    connect_timeout_s: float = 5.0
    connect_delay_s: float = 0.0
    gap_s: float = 0.0
    turnaround_s: float = 0.1
    in_flight: int = 1
    connections: int = 1
    lenient_transaction_id: bool = False
    devices: tuple[DevicePlan, ...] = ()
    enabled: bool = True


class Plan(Struct, frozen=True, kw_only=True):
    """All that one collector collects."""

    version: int = 0
    connections: tuple[ConnectionPlan, ...] = ()
    calculated: tuple[CalculatedPlan, ...] = ()
    networks: tuple[str, ...] = ()
    """Where it may dial, as `endpoints.NetworkRules.parse` reads it: "10.0.0.0/8 502,802", "/dev/ttyUSB*". None: nowhere."""
