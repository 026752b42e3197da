"""The columns of an exchanged table: those of a form without what a site numbers for itself (ids, versions). What refers
to another row does so by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["COLUMNS", "Cell", "Table"]


class Cell(StrEnum):
    """What a cell holds."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    TRUTH = "truth"
    JSON = "json"


class Table(StrEnum):
    """What can be exchanged."""

    CONNECTIONS = "connections"
    DEVICES = "devices"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class _Spec:
    texts: str
    numbers: str
    wholes: str
    truths: str
    jsons: str
    order: str

    def columns(self) -> dict[str, Cell]:
        kinds = {
            name: cell
            for names, cell in (
                (self.texts, Cell.TEXT),
                (self.numbers, Cell.NUMBER),
                (self.wholes, Cell.WHOLE),
                (self.truths, Cell.TRUTH),
                (self.jsons, Cell.JSON),
            )
            for name in names.split()
        }
        first = self.order.split()
        return {name: kinds[name] for name in [*first, *(name for name in kinds if name not in first)]}


COLUMNS: dict[Table, dict[str, Cell]] = {
    Table.CONNECTIONS: _Spec(
        texts="group name text url identity",
        numbers="timeout_s connect_timeout_s connect_delay_s gap_s turnaround_s",
        wholes="in_flight connections",
        truths="lenient_transaction_id enabled",
        jsons="",
        order="group name url identity text",
    ).columns(),
    Table.DEVICES: _Spec(
        texts="group name text connection_group connection",
        numbers="",
        wholes="unit_id max_registers max_bits gap_registers gap_bits",
        truths="enabled",
        jsons="forbidden",
        order="group name connection_group connection unit_id text",
    ).columns(),
    Table.TAGS: _Spec(
        texts="group device name text unit place type order sunspec_type expression retention",
        numbers="scale offset raw_low raw_high scaled_low scaled_high low high interval_s dead_band max_interval_s "
        "stale_after_s write_min write_max write_step",
        wholes="decimals length bit bit_width",
        truths="sunspec writable needs_confirmation needs_second_person needs_reason enabled",
        jsons="enumeration sentinels inputs",
        order="group device name place type order length bit bit_width scale offset unit decimals text interval_s",
    ).columns(),
}
"""The columns of each table in the order of an export, and what their cells hold."""
