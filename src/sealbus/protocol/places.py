"""Places in a device as people write them: `holding:0-9`, `coils:3`, `input:20`.

Addresses are those of the PDU, counted from 0; a range names its first and its last address. Manuals often count registers
from 1 and put the table in front: 40101 is the 101st holding register, address 100 on the wire. Such a number is not
accepted, because 40101 is a valid address too; the error names the place that was probably meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sealbus.errors import LocalError
from sealbus.protocol.codes import ADDRESS_SPACE, Table

__all__ = ["Place", "PlaceError", "explain_reference", "parse_place"]

_PLACE: Final = re.compile(r"([^:]*):([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)
_TABLES: Final = {str(table): table for table in Table}
_REFERENCE: Final = re.compile(r"(?:[a-z]+\s*:\s*)?([0134])([0-9]{4,5})(?:\s*-\s*([0134])([0-9]{4,5}))?", re.ASCII)
_REFERENCE_TABLES: Final = {"0": Table.COILS, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}


class PlaceError(LocalError):
    """A text that names no place. `hint` says what to write instead: it is a field because what the user wrote may contain
    any mark that could separate the two.
    """

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Place:
    """`count` bits or registers of `table` from `address` (0 to 65535) on."""

    table: Table
    address: int
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise PlaceError(
                f"{self.count} from {self.table}:{self.address} on is not a place", "name at least one address"
            )
        if self.address < 0 or self.last >= ADDRESS_SPACE:
            raise PlaceError(f"{self} goes past the table", f"addresses are 0 to {ADDRESS_SPACE - 1}, counted from 0")

    @property
    def last(self) -> int:
        """The last address."""
        return self.address + self.count - 1

    def __str__(self) -> str:
        return f"{self.table}:{self.address}" + (f"-{self.last}" if self.count > 1 else "")


def parse_place(text: str) -> Place:
    """The place that `text` names. PlaceError that says what to write instead."""
    if meant := explain_reference(text.strip()):
        raise PlaceError(f'"{text}" counts from 1 as manuals do', f"addresses are 0-based as on the wire: {meant}")
    found = _PLACE.fullmatch(text.strip())
    if not found:
        raise PlaceError(f"{text!r} is not a place", "write a table and addresses, such as holding:0-9 or coils:3")
    table = _TABLES.get(found[1])
    if table is None:
        raise PlaceError(f"{text!r} names no table", f"the tables are {', '.join(_TABLES)}")
    first = int(found[2])
    last = first if found[3] is None else int(found[3])
    if last < first:
        raise PlaceError(f"{text!r} ends before it begins", f"write {found[1]}:{last}-{first}")
    return Place(table, first, last - first + 1)


def explain_reference(text: str) -> str | None:
    """The place on the wire for a reference of a manual, as "40101 is holding:100"; None where `text` is none."""
    reference = _REFERENCE.fullmatch(text)
    if reference is None or (":" in text and len(reference[2]) != 5):  # holding:4010 is a place, holding:400101 is none
        return None
    first = max(int(reference[2]) - 1, 0)
    place = f"{_REFERENCE_TABLES[reference[1]]}:{first}"
    end = "" if reference[4] is None else f"-{max(int(reference[4]) - 1, first)}"
    return f"{text} is {place}{end}"
