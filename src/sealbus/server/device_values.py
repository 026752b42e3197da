"""What a program gives to a `Device`, checked when it is given: names, addresses, values.

A wrong value would otherwise show as exception 04 at a client, long after the program started. The tables stay those of
the program, which may change them later; so an answer is checked again when it is encoded. Only lists, tuples and
dictionaries are looked through: another mapping may compute its values, from a sensor too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sealbus.errors import LocalError
from sealbus.protocol import ADDRESS_SPACE, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_function", "check_table"]

_BIT_TABLES = (Table.COILS, Table.DISCRETE)
_REGISTER_VALUES = 0x10000


def check_table(name: Table | str, cells: object) -> Table:
    """The table of this name. LocalError that names the place and says what to give instead."""
    try:
        table = Table(name)
    except ValueError:
        raise LocalError(f"{name!r} is no table: the tables are {', '.join(Table)}") from None
    if isinstance(cells, str | bytes) or not isinstance(cells, Sequence | Mapping):
        raise LocalError(f"{table}: {cells!r} is neither a list of values nor a mapping by address")
    if len(cells) > ADDRESS_SPACE:
        raise LocalError(f"{table} has {len(cells)} values: a table has at most {ADDRESS_SPACE}")
    values = 2 if table in _BIT_TABLES else _REGISTER_VALUES
    if isinstance(cells, list | tuple):
        _check_values(table, enumerate(cells), values)
    elif isinstance(cells, dict):
        _check_values(table, cells.items(), values)
    return table


def check_function(name: str, function: object) -> None:
    """LocalError unless it can be called, or is left out."""
    if function is not None and not callable(function):
        raise LocalError(f"{name} {function!r} is no function")


def _check_values(table: Table, items: Iterable[tuple[object, object]], values: int) -> None:
    for address, value in items:
        if type(address) is not int or not 0 <= address < ADDRESS_SPACE:
            raise LocalError(f"{table}: {address!r} is no address: use whole numbers from 0 to {ADDRESS_SPACE - 1}")
        if not isinstance(value, int) or not 0 <= value < values:
            wanted = "0 or 1" if values == 2 else f"a whole number from 0 to {values - 1}"
            raise LocalError(f"{table}:{address} is {value!r}: use {wanted}")
