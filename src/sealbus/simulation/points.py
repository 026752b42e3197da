"""What a device shows at an address, and how it is written there: points, and a set of points as a Modbus device.

An address without a point does not exist: a request that touches one is answered with exception 02 whole, as the
MODBUS Application Protocol V1.1b3, section 6, asks. A write is checked whole before the first point changes; a value
out of the limits of its point is exception 03. All points are read at one moment, so wide values never tear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.errors import DeviceException
from sealbus.protocol import ExceptionCode, Table, ValueType, WordOrder, encode_registers
from sealbus.simulation.station import PumpingStation

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Point", "PointDevice", "Reading", "Writing"]

Reading = Callable[[PumpingStation], float]
"""The value of a point in its engineering unit; of a bit, its truth."""


@dataclass(frozen=True, slots=True)
class Writing:
    """That a point can be written: between which values, in its engineering unit, and what writing it does."""

    minimum: float
    maximum: float
    apply: Callable[[PumpingStation, float], None]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a device. What travels is the value divided by `factor`, as `type` in `order`."""

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
        """How many addresses it takes."""
        return self.type.registers or 1

    def encode(self, station: PumpingStation) -> list[int]:
        """The registers, or the one bit, of its value now."""
        value = self.read(station)
        if self.type is ValueType.BIT:
            return [int(bool(value))]
        if self.type in (ValueType.FLOAT32, ValueType.FLOAT64):
            return encode_registers([float(value)], self.type, self.order)
        return encode_registers([round(value / self.factor)], self.type, self.order)

    @property
    def writable_words(self) -> range:
        """The words that may be written here; none where it cannot be written."""
        if self.writing is None:
            return range(0)
        return range(round(self.writing.minimum / self.factor), round(self.writing.maximum / self.factor) + 1)


class PointDevice:
    """`read` and `write` of one device of the plant, as `sealbus.server.Device` takes them."""

    def __init__(self, station: PumpingStation, points: Sequence[Point]) -> None:
        self._station = station
        self._tables = {point.table for point in points}
        self._places = {
            (point.table, point.address + offset): (point, offset)
            for point in points
            for offset in range(point.registers)
        }

    def read(self, table: Table, address: int, count: int, unit_id: int) -> list[int]:
        """The values at these addresses. DeviceException 01 for a table, 02 for an address, that is not there."""
        words: list[int] = []
        while len(words) < count:
            point, offset = self._find(table, address + len(words))
            words += point.encode(self._station)[offset:]
        return words[:count]

    def write(self, table: Table, address: int, values: Sequence[int], unit_id: int) -> None:
        """Write all of `values` or nothing. DeviceException 02 for what cannot be written, 03 for what does not fit."""
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
