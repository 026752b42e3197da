"""The plan: everything that is to be collected.

Frozen structs of plain values. The site makes them from the rows of its database, column by column of the same name, so
a field is named in its model and here and nowhere else. They accept any text as a place, a type or an expression: one
tag that cannot be used must not keep ten thousand others from being read, so each tag, device and connection is judged
alone when the plan is applied. The rules are in `tag_rules` and `connection_rules`. Problems are listed
in `CollectorState.problems`, and the tags concerned are BAD, NOT_COLLECTED.

Two plans are compared by their values: equal parts are not touched when a new plan is applied. The version
number distinguishes plans; nothing is decided by it.
"""

from __future__ import annotations

from msgspec import Struct

__all__ = ["CalculatedPlan", "ConnectionPlan", "DevicePlan", "Plan", "TagPlan"]


class _Sampled(Struct, frozen=True, kw_only=True):
    id: int
    low: float | None = None
    high: float | None = None
    """The range that the value can have: a value outside is UNCERTAIN, OUT_OF_RANGE."""
    dead_band: float = 0.0
    """A change of no more than this makes no sample."""
    max_interval_s: float = 600.0
    """A sample at least this often, changed or not."""
    enabled: bool = True


class TagPlan(_Sampled, frozen=True, kw_only=True):
    """A named value at one place of a device. Addresses count from 0, as in `protocol.parse_place`."""

    place: str
    """Table and first address, such as "holding:20", "input:3", "coils:5", "discrete:0"."""
    type: str = ""
    """A name of `protocol.ValueType`. Empty: bit in the tables of bits, and for one `bit` of a register; else uint16."""
    order: str = "ABCD"
    """A name of `protocol.WordOrder`."""
    length: int = 0
    """The number of registers of a string; else 0."""
    bit: int | None = None
    """The lowest bit of the value in its registers, 0 the lowest of all. The value is true or false; with `bit_width`
    a number.
    """
    bit_width: int | None = None
    """The number of bits that make a number: 1 to 64."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is raw * scale + offset."""
    raw_low: float | None = None
    raw_high: float | None = None
    scaled_low: float | None = None
    scaled_high: float | None = None
    """Instead of scale and offset: `raw_low` means `scaled_low`, `raw_high` means `scaled_high`, with a straight line
    through both (4000-20000 for 0-10 bar). All four or none.
    """
    sentinels: tuple[int | float, ...] = ()
    """Raw values that mean "not available". A pattern such as 0x8000 means the same number as -32768 in an int16."""
    sunspec: bool = False
    """Also the sentinels of SunSpec for this type."""
    sunspec_type: str = ""
    """The SunSpec type where `type` does not give it: enum16, bitfield32, acc64, sunssf ..."""
    interval_s: float = 1.0
    stale_after_s: float | None = None
    """None: see `staleness`."""
    writable: bool = False
    write_min: float | None = None
    write_max: float | None = None
    write_step: float | None = None
    """What may be written, as scaled values. Steps count from `write_min`, or from 0."""


class CalculatedPlan(_Sampled, frozen=True, kw_only=True):
    """A value computed from those of other tags, calculated ones too, in the language of `sealbus.expressions`."""

    expression: str
    inputs: dict[str, int]
    """The names that the expression uses, and the ids of their tags."""
    interval_s: float | None = None
    """None: whenever an input changes."""


class DevicePlan(Struct, frozen=True, kw_only=True):
    """One unit id of a connection, its limits, and its tags."""

    id: int
    unit_id: int
    name: str = ""
    max_registers: int = 125
    """The most registers that the device returns in one answer."""
    max_bits: int = 2000
    gap_registers: int = 8
    """How many registers between two tags may be read, though no tag needs them, to save a request."""
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
    """For mbaps and ssh+tcp: the folder below the collector's identities that holds certificate, key and trust."""
    timeout_s: float = 1.0
    connect_timeout_s: float = 5.0
    connect_delay_s: float = 0.0
    gap_s: float = 0.0
    turnaround_s: float = 0.1
    in_flight: int = 1
    connections: int = 1
    lenient_transaction_id: bool = False
    lenient_unit_id: bool = False
    local_echo: bool = False
    devices: tuple[DevicePlan, ...] = ()
    enabled: bool = True


class Plan(Struct, frozen=True, kw_only=True):
    """All that one collector collects."""

    version: int = 0
    connections: tuple[ConnectionPlan, ...] = ()
    calculated: tuple[CalculatedPlan, ...] = ()
    networks: tuple[str, ...] = ()
    """Where it may dial, as `endpoints.NetworkRules.parse` reads it: "10.0.0.0/8 502", "/dev/ttyUSB*". Empty: nowhere."""
