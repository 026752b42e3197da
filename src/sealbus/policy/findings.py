"""Warnings about a policy that is legal but probably not what its author meant.

Nothing here changes a decision. `findings` compares rules with each other and, given the roles in the certificates of an
authority, roles with certificates. The rights of a role add up. This causes two common mistakes, which are reported: a
rule that adds nothing to the rules before it, and a limit that a wider rule cancels.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING

from sealbus.policy.decision import quoted_role
from sealbus.policy.rules import Rule, render_place, render_ranges
from sealbus.policy.spans import Granted
from sealbus.protocol import Place, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sealbus.policy.policy import Policy
    from sealbus.policy.rules import Limit, Role

__all__ = ["Finding", "FindingKind", "findings"]


class FindingKind(Enum):
    """The kind of a finding; the value is stable and for programs."""

    NO_ROLES = "no-roles"
    ROLE_WITHOUT_RULES = "role-without-rules"
    SURROUNDING_SPACE = "surrounding-space"
    LOOK_ALIKE = "look-alike"
    NULL_ROLE_HAS_RIGHTS = "null-role-has-rights"
    EMPTY_RULE = "empty-rule"
    UNREACHABLE_RULE = "unreachable-rule"
    LIMITS_OVERLAP = "limits-overlap"
    BROADCAST = "broadcast"
    ROLE_WITHOUT_CERTIFICATE = "role-without-certificate"
    CERTIFICATE_WITHOUT_ROLE = "certificate-without-role"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, as a sentence. `line` is its line in the policy, None if it concerns the whole policy."""

    kind: FindingKind
    line: int | None
    text: str


def findings(policy: Policy, *, certificate_roles: Collection[str] | None = None) -> list[Finding]:
    """All findings, in the order of the policy. `certificate_roles`: the roles of all certificates that are in use."""
    found: list[Finding] = []
    if not policy.roles:
        found.append(Finding(FindingKind.NO_ROLES, None, "the policy has no roles: everything is denied to everyone"))
    found.extend(_look_alikes(policy.roles))
    for role in policy.roles:
        found.extend(_about_role(role))
        for rule in role.rules:
            found.extend(_about_rule(rule, role.rules))
    if certificate_roles is not None:
        found.extend(_about_certificates(policy.roles, certificate_roles))
    return found


def _about_role(role: Role) -> Iterator[Finding]:
    shown = quoted_role(role.name)
    if not role.rules:
        yield Finding(
            FindingKind.ROLE_WITHOUT_RULES, role.line, f"{shown} has no allow block: everything is denied to it"
        )
    if role.name != role.name.strip():
        text = f"{shown} begins or ends with a space; only a certificate with the same space matches"
        yield Finding(FindingKind.SURROUNDING_SPACE, role.line, text)
    if not role.name and role.rules:
        text = "the NULL role has rights: every trusted certificate without a role, or with a malformed one, has them"
        yield Finding(FindingKind.NULL_ROLE_HAS_RIGHTS, role.line, text)


def _look_alikes(roles: Sequence[Role]) -> Iterator[Finding]:
    first: dict[str, Role] = {}
    for role in roles:
        folded = unicodedata.normalize("NFKC", role.name).casefold().strip()
        other = first.setdefault(folded, role)
        if other is not role:
            text = f"{quoted_role(role.name)} and {quoted_role(other.name)} look alike but are two roles"
            yield Finding(FindingKind.LOOK_ALIKE, role.line, text)


def _about_rule(rule: Rule, rules: Sequence[Rule]) -> Iterator[Finding]:
    earlier = [other for other in rules if other.number < rule.number]
    if not rule.reads and not rule.writes and not rule.functions:
        yield Finding(FindingKind.EMPTY_RULE, rule.line, f"{rule.name} grants nothing: its lists are empty")
    elif _adds_nothing(rule, earlier):
        text = f"{rule.name} adds nothing: the allow blocks before it grant all of it"
        yield Finding(FindingKind.UNREACHABLE_RULE, rule.line, text)
    for other in earlier:
        yield from _different_limits(other, rule)
    if 0 in rule.units and rule.writes:
        text = f"{rule.name} includes unit 0: on a serial line a write to it reaches every device"
        yield Finding(FindingKind.BROADCAST, rule.line, text)


def _adds_nothing(rule: Rule, earlier: Sequence[Rule]) -> bool:
    """Whether the rules before it grant all its rights on each of its units. May miss a case; never a false alarm."""
    seen: set[tuple[int, ...]] = set()
    units = [(frozenset(other.units), other) for other in earlier]
    for unit_id in rule.units:
        others = [other for theirs, other in units if unit_id in theirs]
        key = tuple(other.number for other in others)
        if key not in seen and not _grants_all(others, rule):
            return False
        seen.add(key)
    return True


def _grants_all(others: Sequence[Rule], rule: Rule) -> bool:
    read = _by_table([(place, other) for other in others for place in other.reads])
    written = _by_table([(p, other) for other in others if other.limit is None for p in other.writes])
    for place in rule.reads:
        if read[place.table].decide(place.address, place.last) is None:
            return False
    for place in rule.writes:
        free = written[place.table].decide(place.address, place.last) is not None
        if not free and not any(_grants_within_limits(other, rule, place) for other in others):
            return False
    for grant in rule.functions:
        parts = [
            (g.range, other) for other in others for g in other.functions if g.function_code == grant.function_code
        ]
        if Granted(parts).decide(grant.first, grant.last) is None:
            return False
    return True


def _by_table(places: Sequence[tuple[Place, Rule]]) -> dict[Table, Granted]:
    return {
        table: Granted([((place.address, place.last), rule) for place, rule in places if place.table is table])
        for table in Table
    }


def _grants_within_limits(other: Rule, rule: Rule, place: Place) -> bool:
    if other.limit is None or rule.limit is None or not _is_wider(other.limit, rule.limit):
        return False
    width = rule.limit.type.registers or 1
    return any(
        wider.table is place.table
        and wider.address <= place.address
        and place.last <= wider.last
        and (place.address - wider.address) % width == 0
        for wider in other.writes
    )


def _is_wider(wide: Limit, narrow: Limit) -> bool:
    """Whether the wide limit allows every value of the narrow one, with the same type and order."""
    if (wide.type, wide.order) != (narrow.type, narrow.order):
        return False
    low = wide.minimum is None or (narrow.minimum is not None and wide.minimum <= narrow.minimum)
    high = wide.maximum is None or (narrow.maximum is not None and wide.maximum >= narrow.maximum)
    return low and high


def _different_limits(one: Rule, two: Rule) -> Iterator[Finding]:
    units = tuple(sorted(set(one.units) & set(two.units)))
    if not units or one.limit == two.limit:
        return
    common = [
        Place(
            mine.table,
            max(mine.address, other.address),
            min(mine.last, other.last) - max(mine.address, other.address) + 1,
        )
        for mine in one.writes
        for other in two.writes
        if mine.table is other.table is Table.HOLDING and mine.address <= other.last and other.address <= mine.last
    ]
    if not common:
        return
    where = f"{', '.join(render_place(place) for place in common)} on unit {render_ranges(units)}"
    limits = " and ".join(f"{rule.name} ({rule.limit or 'no limits'})" for rule in (one, two))
    text = f"{limits} both allow writing {where}: rights add up, so a value that either rule allows is allowed"
    yield Finding(FindingKind.LIMITS_OVERLAP, two.line, text)


def _about_certificates(roles: Sequence[Role], certificate_roles: Collection[str]) -> Iterator[Finding]:
    names = [role.name for role in roles]
    for role in roles:
        if role.name not in certificate_roles:
            text = f"no certificate has {quoted_role(role.name)}"
            if not role.name:
                text = "every certificate has a role, so the NULL role is unused"
            yield Finding(FindingKind.ROLE_WITHOUT_CERTIFICATE, role.line, text)
    for name in sorted(set(certificate_roles) - {*names, ""}):  # server certificates need no role
        close = get_close_matches(name, [other for other in names if other], n=1)
        text = f"a certificate has {quoted_role(name)}, which is not in the policy: everything is denied to it"
        if close:
            text += f"; {quoted_role(close[0])} is another role"
        yield Finding(FindingKind.CERTIFICATE_WITHOUT_ROLE, None, text)
