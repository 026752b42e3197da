"""The rights that a changed policy adds. They are recorded, because a mistake that takes rights away is reported by the
people who miss them, and one that gives rights is reported by nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealbus.policy.decision import quoted_role
from sealbus.policy.rules import render_place, render_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.policy.policy import Policy
    from sealbus.policy.rights import Rights
    from sealbus.policy.rules import Rule

__all__ = ["grown_rights"]


def grown_rights(old: Policy, new: Policy) -> list[str]:
    """The rights of `new` that `old` does not give, a sentence each, in the order of `new`.

    None is missing. A right that several old rules with limits gave only together may be named although it is not new.
    """
    found: dict[str, None] = {}
    for role in new.roles:
        before = old.rights_of(role.name)
        for rule in role.rules:
            for right, text in _single_rights(rule):
                if units := _grown_units(right, before):
                    found[f"{quoted_role(role.name)} may {text} on unit {render_ranges(units)}"] = None
    return list(found)


def _grown_units(right: Rule, before: Rights) -> tuple[int, ...]:
    covered: dict[int, bool] = {}
    units: list[int] = []
    for unit_id in right.units:
        compiled = before.on_unit(unit_id)
        if id(compiled) not in covered:
            covered[id(compiled)] = compiled.covers(right)
        if not covered[id(compiled)]:
            units.append(unit_id)
    return tuple(units)


def _single_rights(rule: Rule) -> Iterator[tuple[Rule, str]]:
    """The rule once for each place and function in it, with the words for it."""
    for place in rule.reads:
        yield replace(rule, reads=(place,), writes=(), functions=()), f"read {render_place(place)}"
    for place in rule.writes:
        limit = f" ({rule.limit})" if rule.limit else ""
        yield replace(rule, reads=(), writes=(place,), functions=()), f"write {render_place(place)}{limit}"
    for grant in rule.functions:
        yield replace(rule, reads=(), writes=(), functions=(grant,)), f"call {grant}"
