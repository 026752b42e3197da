"""The short texts inside a policy: unit ids and places. Each becomes a value or a ConfigError with a hint.

The errors have no file and line: the reader adds them.

Places are those of the protocol (`holding:0-9`), and a whole table by its name alone.
"""

from __future__ import annotations

import re
from typing import Final

from sealbus.errors import ConfigError
from sealbus.protocol import Place, PlaceError, Table, explain_reference, parse_place

__all__ = ["parse_read", "parse_units", "parse_write"]

_WHOLE_TABLE: Final = 65536
_LAST_UNIT: Final = 255
_UNITS: Final = re.compile(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", re.ASCII)
_WRITABLE: Final = {Table.COILS, Table.HOLDING}


def parse_units(value: object) -> tuple[int, ...]:
    """Unit ids, ascending, from `1`, `"1-10"`, `"1,3,7-9"` or a list of those. 0 is the broadcast of serial lines."""
    entries = value if isinstance(value, list) else [value]
    units: set[int] = set()
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(entry, int | str):
            raise ConfigError(
                f"{entry!r} is not a unit id", hint='write "1-10", "1,3,7-9", a number, or a list of them'
            )
        for part in str(entry).split(","):
            units.update(_unit_range(part.strip()))
    if not units:
        raise ConfigError("no unit is named", hint="a rule needs at least one unit id, 0 to 255")
    return tuple(sorted(units))


def parse_read(entry: object) -> Place:
    """A place of any table."""
    if not isinstance(entry, str):
        raise _no_place(entry)
    text = entry.strip()
    if text in set(Table):
        return Place(Table(text), 0, _WHOLE_TABLE)
    try:
        return parse_place(text)
    except PlaceError as error:
        raise ConfigError(error.problem, hint=error.hint) from None


def parse_write(entry: object) -> Place:
    """A place of a table that can be written."""
    place = parse_read(entry)
    if place.table not in _WRITABLE:
        raise ConfigError(f'"{entry}" cannot be written', hint="only coils and holding can; grant it by read")
    return place


def _unit_range(text: str) -> range:
    found = _UNITS.fullmatch(text)
    if not found:
        raise ConfigError(f'"{text}" is not a unit id', hint='write "1-10", "1,3,7-9", a number, or a list of them')
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if last > _LAST_UNIT or first > _LAST_UNIT:
        raise ConfigError(f'"{text}" is out of range', hint="unit ids are 0 to 255")
    if last < first:
        raise ConfigError(f'"{text}" ends before it begins', hint=f'write "{last}-{first}"')
    return range(first, last + 1)


def _no_place(entry: object) -> ConfigError:
    hint = 'write a table and addresses: "holding:0-9"'
    if isinstance(entry, int) and (meant := explain_reference(str(entry))):
        hint = f"addresses are 0-based as on the wire: {meant}"
    return ConfigError(f"{entry!r} is not a place", hint=hint)
