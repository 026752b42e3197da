"""May these values be written to these holding registers?

Without limits only addresses matter. With limits the words of the request are first decoded to values: a rule over
`holding:100-109` as float32 means five values of two registers each, at 100, 102, 104, 106 and 108. A write is allowed if
it can be divided into pieces such that each register is in exactly one piece, and each piece is either one register under
a rule without limits or one whole value that a rule with limits allows. Half a value is therefore never written, and
different rules may allow different parts of one request.

Rules with different types may overlap, so a greedy division may fail although another one exists. The division is found
by dynamic programming over the positions that can be reached from the start.

NaN and infinities are outside every limit, also if one side is open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.policy.spans import Granted, Layered, allowed_by
from sealbus.protocol import Table, decode_registers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealbus.policy.decision import Decision
    from sealbus.policy.rules import Limit, Rule
    from sealbus.protocol import Place

__all__ = ["LimitViolation", "RegisterWrites", "holding"]


@dataclass(frozen=True, slots=True)
class LimitViolation:
    """Why a value may not be written: the rule whose limit it violates, and the reason."""

    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class _Limited:
    """One range of a rule with limits: values of `width` registers each, the first at `first`."""

    rule: Rule
    limit: Limit
    first: int
    last: int
    width: int

    def is_start(self, address: int) -> bool:
        return (address - self.first) % self.width == 0

    def includes(self, place: Place, limit: Limit) -> bool:
        """Whether every value of this limit, at every start in this place, is one of mine. `place` begins in my range."""
        return place.last <= self.last and self.is_start(place.address) and self.limit.is_wider(limit)

    def violation(self, address: int, words: Sequence[int]) -> str | None:
        """The reason why the value in `words`, at `address`, is denied; None if the limits allow it."""
        value = decode_registers(words, self.limit.type, self.limit.order)[0]
        if isinstance(value, str):  # cannot happen: limits have numeric types; deny what cannot be compared
            return f"the value at holding:{address} is text"
        low, high = self.limit.minimum, self.limit.maximum
        if not math.isfinite(value):
            wrong = "not a finite number, outside the limits of"
        elif low is not None and value < low:
            wrong = f"below min {self.limit.render(low)} of"
        elif high is not None and value > high:
            wrong = f"above max {self.limit.render(high)} of"
        else:
            return None
        return f"value {self.limit.render(value)} at holding:{address} is {wrong} {self._rule()}"

    def misaligned(self, address: int) -> str:
        return (
            f"the write changes a part of the {self.limit.type} value at {holding(*self._value_at(address))}, and "
            f"{self._rule()} allows whole values only"
        )

    def _rule(self) -> str:
        return f"rule {self.rule.label}"

    def _value_at(self, address: int) -> tuple[int, int]:
        start = address - (address - self.first) % self.width
        return start, start + self.width - 1


class RegisterWrites:
    """The right to write holding registers of one unit, compiled."""

    __slots__ = ("_decision_of_rule", "_limited", "unlimited")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._decision_of_rule = {rule.number: allowed_by((rule,)) for rule in rules}
        places = [(place, rule) for rule in rules for place in rule.writes if place.table is Table.HOLDING]
        self.unlimited = Granted([((place.address, place.last), rule) for place, rule in places if rule.limit is None])
        self._limited = Layered(
            [
                (
                    (place.address, place.last),
                    _Limited(rule, rule.limit, place.address, place.last, rule.limit.type.registers or 1),
                )
                for place, rule in places
                if rule.limit is not None
            ]
        )

    def __bool__(self) -> bool:
        return bool(self.unlimited) or bool(self._limited)

    def decide(self, address: int, words: Sequence[int]) -> Decision | LimitViolation | None:
        """The decision that allows the write; the LimitViolation of a limit; or None if a register has no rule."""
        simple = self.unlimited.decide(address, address + len(words) - 1)
        if simple is not None or not self._limited:
            return simple
        # last_piece[n]: length and rule of the last piece of a division of the first n registers; None: there is none.
        last_piece: list[tuple[int, Rule] | None] = [None] * (len(words) + 1)
        furthest = 0
        for position in range(len(words)):
            if position and last_piece[position] is None:
                continue
            furthest = position
            for length, rule in self._pieces_from(address, words, position):
                if last_piece[position + length] is None:
                    last_piece[position + length] = (length, rule)
        if last_piece[-1] is not None:
            used = _rules_of(last_piece)
            return self._decision_of_rule[used[0].number] if len(used) == 1 else allowed_by(used)
        return self._violation(address, words, furthest)

    def covers(self, place: Place, limit: Limit | None, below: float) -> bool:
        """Whether rules with numbers below `below` allow every write that a rule for this place, within this limit, allows.

        May miss a case: a limit is compared with the limits of one rule at a time.
        """
        if self.unlimited.covers(place.address, place.last, below):
            return True
        if limit is None:
            return False
        return any(
            limited.rule.number < below and limited.includes(place, limit)
            for limited in self._limited.values_at(place.address)
        )

    def limit_over(self, address: int) -> Rule | None:
        """The first rule with limits for this register."""
        over = self._limited.values_at(address)
        return over[0].rule if over else None

    def missing(self, first: int, last: int) -> tuple[int, int] | None:
        """The first stretch of registers that no rule, with or without limits, allows to write."""
        start = next((number for number in range(first, last + 1) if not self._has_rule_for(number)), None)
        if start is None:
            return None
        return start, next((number for number in range(start, last) if self._has_rule_for(number + 1)), last)

    def _has_rule_for(self, address: int) -> bool:
        return self.unlimited.first_rule(address) is not None or bool(self._limited.values_at(address))

    def _pieces_from(self, address: int, words: Sequence[int], position: int) -> Iterator[tuple[int, Rule]]:
        rule = self.unlimited.first_rule(address + position)
        if rule is not None:
            yield 1, rule
        for limited in self._limited.values_at(address + position):
            value = words[position : position + limited.width]
            whole = len(value) == limited.width and limited.is_start(address + position)
            if whole and limited.violation(address + position, value) is None:
                yield limited.width, limited.rule

    def _violation(self, address: int, words: Sequence[int], position: int) -> LimitViolation | None:
        """The refusal at the furthest register reached; a violated limit before a partial value."""
        cut: LimitViolation | None = None
        for limited in self._limited.values_at(address + position):
            value = words[position : position + limited.width]
            if len(value) < limited.width or not limited.is_start(address + position):
                cut = cut or LimitViolation(limited.rule, limited.misaligned(address + position))
            elif reason := limited.violation(address + position, value):
                return LimitViolation(limited.rule, reason)
        return cut


def holding(first: int, last: int) -> str:
    """A range of holding registers as the policy spells it."""
    return f"holding:{first}" if first == last else f"holding:{first}-{last}"


def _rules_of(last_piece: Sequence[tuple[int, Rule] | None]) -> list[Rule]:
    """The rules of the pieces, without duplicates, in register order."""
    rules: dict[int, Rule] = {}
    position = len(last_piece) - 1
    while position > 0 and (piece := last_piece[position]) is not None:
        rules.pop(piece[1].number, None)
        rules[piece[1].number] = piece[1]
        position -= piece[0]
    return list(reversed(rules.values()))
