"""Renders `docs/simulated-plant.md` from the register map that the devices use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.protocol import Table, ValueType, WordOrder
from sealbus.simulation.register_map import DEFAULT_PORT, PUMPING_STATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.simulation.points import Point
    from sealbus.simulation.register_map import DeviceMap

__all__ = ["render_plant"]

_HEAD = """# The simulated plant

A pumping station to practise on: `sealbus simulate` serves it as plain Modbus TCP on loopback, `sealbus up --demo`
puts a gateway in front of it. Water runs through an inlet valve into a tank of 8 m² and 5 m, with a morning and an
evening peak; two pumps lift it 13 m into a rising main. The first pump starts at 2.4 m and stops at 1.2 m, the second
one starts at 3.0 m, and they alternate. Below about 60 % speed a pump lifts no water. Low-low level stops both pumps,
in automatic and manual operation.

Each device listens on its own port, counting up from `--port`, and answers to its unit id and to 255. An address that is
not in the table is answered with exception 02, a value out of the limits with exception 03. Addresses are those of the
protocol, from 0. `sealbus simulate --speed 60` simulates an hour per minute, `sealbus simulate --registers` prints this
page.
"""

_TABLES = {
    Table.COILS: "read with function 1, written with 5 and 15",
    Table.DISCRETE: "read with function 2",
    Table.INPUT: "read with function 4",
    Table.HOLDING: "read with function 3, written with 6, 16, 22 and 23",
}


def render_plant() -> str:
    """The document in Markdown, ending with a newline."""
    lines = [_HEAD]
    for number, device in enumerate(PUMPING_STATION):
        lines += _device_lines(number, device)
    return "\n".join(lines)


def _device_lines(number: int, device: DeviceMap) -> Iterator[str]:
    yield f"## Unit {device.unit_id}: {device.name}\n"
    yield f"{device.text} At `tcp://127.0.0.1:{DEFAULT_PORT + number}` unless `--port` is given.\n"
    for table in Table:
        points = sorted((point for point in device.points if point.table is table), key=lambda point: point.address)
        if points:
            yield f"### {table}: {_TABLES[table]}\n"
            yield from _table_lines(points)
            yield ""


def _table_lines(points: list[Point]) -> Iterator[str]:
    if points[0].type is ValueType.BIT:
        yield "| address | meaning |"
        yield "| --- | --- |"
        for point in points:
            yield f"| {point.address} | {point.text} |"
        return
    is_set = points[0].table is Table.HOLDING
    yield "| address | meaning | type | unit |" + " range |" * is_set
    yield "| --- | --- | --- | --- |" + " --- |" * is_set
    for point in points:
        last = "" if point.registers == 1 else f"-{point.address + point.registers - 1}"
        line = f"| {point.address}{last} | {point.text} | {_type(point)} | {_unit(point)} |"
        yield f"{line} {_limits(point)} |" if is_set else line


def _type(point: Point) -> str:
    return point.type if point.order is WordOrder.ABCD else f"{point.type} {point.order}"


def _unit(point: Point) -> str:
    return f"{point.factor:g} {point.unit}".strip() if point.factor != 1 else point.unit


def _limits(point: Point) -> str:
    if point.writing is None:
        return ""
    low, high = point.writing.minimum, point.writing.maximum
    words = point.writable_words
    return f"{words[0]} to {words[-1]}, that is {low:g} to {high:g} {point.unit}"
