"""The rules of one role for one unit, merged.

Reads, and writes without limits, become ranges for bisection; value limits become a table of their own; a named function
becomes the range of its parts (sub-functions, files, ...; 0 if it has none).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sealbus.policy.registers import RegisterWrites
from sealbus.policy.spans import Granted
from sealbus.protocol import READ_TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.policy.rules import FunctionGrant, Limit, Rule
    from sealbus.protocol import Place

__all__ = ["UnitRights"]

_READ_CODES: Final = {table: code for code, table in READ_TABLES.items()}


class UnitRights:
    """Compiled rights on one unit. `reads` is by function code 1 to 4, `functions` by the code of a named one."""

    __slots__ = ("coil_writes", "functions", "reads", "register_writes")

    def __init__(self, rules: Sequence[Rule]) -> None:
        read = [(place, rule) for rule in rules for place in rule.reads]
        written = [(place, rule) for rule in rules for place in rule.writes]
        named = [(grant, rule) for rule in rules for grant in rule.functions]
        self.reads = {
            code: Granted([((place.address, place.last), rule) for place, rule in read if place.table is table])
            for code, table in READ_TABLES.items()
        }
        self.coil_writes = Granted(
            [((place.address, place.last), rule) for place, rule in written if place.table is Table.COILS]
        )
        self.register_writes = RegisterWrites(rules)
        self.functions = {
            code: Granted([(grant.range, rule) for grant, rule in named if grant.function_code == code])
            for code in {grant.function_code for grant, _ in named}
        }

    def covers(self, rule: Rule, *, below: float = math.inf) -> bool:
        """Whether rules with numbers below `below` grant all that this rule grants. May miss a case."""
        return (
            all(self._covers_read(place, below) for place in rule.reads)
            and all(self._covers_write(place, rule.limit, below) for place in rule.writes)
            and all(self._covers_function(grant, below) for grant in rule.functions)
        )

    def _covers_read(self, place: Place, below: float) -> bool:
        return self.reads[_READ_CODES[place.table]].covers(place.address, place.last, below)

    def _covers_write(self, place: Place, limit: Limit | None, below: float) -> bool:
        if place.table is Table.COILS:
            return self.coil_writes.covers(place.address, place.last, below)
        return self.register_writes.covers(place, limit, below)

    def _covers_function(self, grant: FunctionGrant, below: float) -> bool:
        granted = self.functions.get(grant.function_code)
        return granted is not None and granted.covers(grant.first, grant.last, below)

    def may_call(self, function_code: int, part: int | None) -> bool:
        """Whether some request of this function could be allowed; `part` is its sub-function or MEI type if known."""
        match function_code:
            case 1 | 2 | 3 | 4:
                return bool(self.reads[function_code])
            case 5 | 15:
                return bool(self.coil_writes)
            case 6 | 16:
                return bool(self.register_writes)
            case 22:
                return bool(self.register_writes.unlimited)
            case 23:
                return bool(self.register_writes) and bool(self.reads[3])
        granted = self.functions.get(function_code)
        return granted is not None and (part is None or granted.decide(part, part) is not None)
