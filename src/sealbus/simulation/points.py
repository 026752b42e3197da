"""Points: the value of a device at an address, and how it is written. A set of points makes a Modbus device.

An address without a point does not exist: a request that includes one is answered with exception 02 as a whole, as
required by the MODBUS Application Protocol V1.1b3, section 6. A write is checked completely before the first point
changes; a value out of the limits of its point is exception 03. All points are read at one moment, so wide values are
consistent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import DeviceException
from sealbus.protocol import FLOAT_TYPES, ExceptionCode, Table, ValueType, WordOrder, encode_registers
from sealbus.simulation.station import PumpingStation

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Point", "PointDevice", "Reading", "Writing"]

Reading = Callable[[PumpingStation], float]
"""Returns the value of a point in its engineering unit; for a bit, its truth value."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a point is written: the limits in its engineering unit, and the effect."""

    minimum: float
    maximum: float
    apply: Callable[[PumpingStation, float], None]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a device. The transmitted number is the value divided by `factor`, as `type` in `order`."""

    table: Table
    address: int
    text: str
    read: Reading
    type: ValueType = ValueType.UINT16
    order: WordOrder = WordOrder.ABCD
    factor: float = 1.0
    unit: str = ""
    writing: Writing | None = None

    @property
    def registers(self) -> int:
        """The number of its addresses."""
        return self.type.registers or 1

    def encode(self, station: PumpingStation) -> list[int]:
        """The registers, or the bit, of its current value."""
        value = self.read(station)
        if self.type is ValueType.BIT:
            return [int(bool(value))]
        if self.type in FLOAT_TYPES:
            return encode_registers([float(value)], self.type, self.order)
        return encode_registers([round(value / self.factor)], self.type, self.order)

    @property
    def writable_words(self) -> range:
        """The words that may be written; none for a read-only point."""
        if self.writing is None:
            return range(0)
        return range(round(self.writing.minimum / self.factor), round(self.writing.maximum / self.factor) + 1)


class PointDevice:
    """`read` and `write` of one device of the plant, for `sealbus.server.Device`."""

    def __init__(self, station: PumpingStation, points: Sequence[Point]) -> None:
        self._station = station
        self._tables = {point.table for point in points}
        self._places = {
            (point.table, point.address + offset): (point, offset)
            for point in points
            for offset in range(point.registers)
        }

    def read(self, table: Table, address: int, count: int, unit_id: int) -> list[int]:
        """The values at these addresses. DeviceException 01 for a table, 02 for an address, that does not exist."""
        words: list[int] = []
        while len(words) < count:
            point, offset = self._find(table, address + len(words))
            words += point.encode(self._station)[offset:]
        return words[:count]

    def write(self, table: Table, address: int, values: Sequence[int], unit_id: int) -> None:
        """Write all of `values` or nothing. DeviceException 02 for an address that cannot be written, 03 for a value
        out of its limits.
        """
        changes: list[tuple[Writing, float]] = []
        for place, value in enumerate(values, start=address):
            point, _ = self._find(table, place)
            if point.writing is None:
                raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
            if value not in point.writable_words:
                raise DeviceException(ExceptionCode.ILLEGAL_DATA_VALUE)
            changes.append((point.writing, value * point.factor))
        for writing, amount in changes:
            writing.apply(self._station, amount)

    def _find(self, table: Table, address: int) -> tuple[Point, int]:
        if table not in self._tables:
            raise DeviceException(ExceptionCode.ILLEGAL_FUNCTION)
        found = self._places.get((table, address))
        if found is None:
            raise DeviceException(ExceptionCode.ILLEGAL_DATA_ADDRESS)
        return found
