"""Warnings about a policy that is legal but probably not what its author meant.

Nothing here changes a decision. `findings` compares rules with each other and, given the roles in the certificates of an
authority, roles with certificates. The rights of a role add up. This causes two common mistakes, which are reported: a
rule that adds nothing to the rules before it, and a limit that a wider rule cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Final

from sealbus.policy.decision import quoted_role
from sealbus.policy.look_alikes import foreign_letter, skeleton
from sealbus.policy.rules import render_place, render_ranges
from sealbus.protocol import Place, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sealbus.policy.policy import Policy
    from sealbus.policy.rights import Rights
    from sealbus.policy.rules import Limit, Role, Rule

__all__ = ["Finding", "FindingKind", "findings"]

_MAX_OVERLAPS: Final = 200


class FindingKind(Enum):
    """The kind of a finding; the value is stable and for programs."""

    NO_ROLES = "no-roles"
    ROLE_WITHOUT_RULES = "role-without-rules"
    SURROUNDING_SPACE = "surrounding-space"
    LOOK_ALIKE = "look-alike"
    FOREIGN_LETTER = "foreign-letter"
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
        overlaps, are_more = _overlaps(role)
        rights = policy.rights_of(role.name)
        for rule in role.rules:
            found.extend(_about_rule(rule, rights, overlaps.get(rule.number, ())))
        if are_more:
            pairs = f"more than {_MAX_OVERLAPS} pairs of rules of {quoted_role(role.name)}"
            text = f"{pairs} limit the same registers differently"
            found.append(Finding(FindingKind.LIMITS_OVERLAP, role.line, text))
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
    if letter := foreign_letter(role.name):
        text = (
            f"{shown} has the letter {letter}, which only looks Latin; only a certificate with the same letter matches"
        )
        yield Finding(FindingKind.FOREIGN_LETTER, role.line, text)
    if not role.name and role.rules:
        text = "the NULL role has rights: every trusted certificate without a role, or with a malformed one, has them"
        yield Finding(FindingKind.NULL_ROLE_HAS_RIGHTS, role.line, text)


def _look_alikes(roles: Sequence[Role]) -> Iterator[Finding]:
    first: dict[str, Role] = {}
    for role in roles:
        other = first.setdefault(skeleton(role.name), role)
        if other is not role:
            text = f"{quoted_role(role.name)} and {quoted_role(other.name)} look alike but are two roles"
            yield Finding(FindingKind.LOOK_ALIKE, role.line, text)


def _about_rule(rule: Rule, rights: Rights, overlapping: Sequence[Rule]) -> Iterator[Finding]:
    if not rule.reads and not rule.writes and not rule.functions:
        yield Finding(FindingKind.EMPTY_RULE, rule.line, f"{rule.name} grants nothing: its lists are empty")
    elif _adds_nothing(rule, rights):
        text = f"{rule.name} adds nothing: the allow blocks before it grant all of it"
        yield Finding(FindingKind.UNREACHABLE_RULE, rule.line, text)
    for other in overlapping:
        yield _different_limits(other, rule)
    if 0 in rule.units and rule.writes:
        text = f"{rule.name} includes unit 0: on a serial line a write to it reaches every device"
        yield Finding(FindingKind.BROADCAST, rule.line, text)


def _adds_nothing(rule: Rule, rights: Rights) -> bool:
    """Whether the rules before it grant all its rights on each of its units. May miss a case; never a false alarm."""
    compiled = {id(each): each for each in map(rights.on_unit, rule.units)}
    return all(each.covers(rule, below=rule.number) for each in compiled.values())


def _overlaps(role: Role) -> tuple[dict[int, list[Rule]], bool]:
    """For each rule, by its number, the earlier ones with other limits on the same registers; and whether there are more."""
    pairs: dict[tuple[int, int], Rule] = {}
    for one, two in _overlapping_pairs(role):
        pairs[two.number, one.number] = one
        if len(pairs) > _MAX_OVERLAPS:  # rules that all overlap make half the square of their number
            break
    found: dict[int, list[Rule]] = {}
    for (number, _), one in sorted(pairs.items(), key=lambda each: each[0])[:_MAX_OVERLAPS]:
        found.setdefault(number, []).append(one)
    return found, len(pairs) > _MAX_OVERLAPS


def _overlapping_pairs(role: Role) -> Iterator[tuple[Rule, Rule]]:
    """Pairs of rules, the earlier one first, by address. Each place is compared with those that contain its beginning."""
    places = [(place, rule) for rule in role.rules for place in rule.writes if place.table is Table.HOLDING]
    units = {rule.number: sum(1 << unit_id for unit_id in rule.units) for rule in role.rules}
    current: dict[Limit | None, list[tuple[Place, Rule]]] = {}
    for place, rule in sorted(places, key=lambda each: each[0].address):
        for limit, others in current.items():
            others[:] = [each for each in others if each[0].last >= place.address]
            for _, other in others if limit != rule.limit else ():
                if units[rule.number] & units[other.number]:
                    yield (rule, other) if rule.number < other.number else (other, rule)
        current.setdefault(rule.limit, []).append((place, rule))


def _different_limits(one: Rule, two: Rule) -> Finding:
    units = tuple(sorted(set(one.units) & set(two.units)))
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
    where = f"{', '.join(render_place(place) for place in common)} on unit {render_ranges(units)}"
    limits = " and ".join(f"{rule.name} ({rule.limit or 'no limits'})" for rule in (one, two))
    text = f"{limits} both allow writing {where}: rights add up, so a value that either rule allows is allowed"
    return Finding(FindingKind.LIMITS_OVERLAP, two.line, text)


def _about_certificates(roles: Sequence[Role], certificate_roles: Collection[str]) -> Iterator[Finding]:
    names = [role.name for role in roles]
    for role in roles:
        if role.name not in certificate_roles:
            text = f"no certificate has {quoted_role(role.name)}"
            if not role.name:
                text = "every certificate has a role, so the NULL role is unused"
            yield Finding(FindingKind.ROLE_WITHOUT_CERTIFICATE, role.line, text)
    for name in sorted(set(certificate_roles) - {*names, ""}):  # server certificates need no role
        alike = [other for other in names if other and skeleton(other) == skeleton(name)]
        close = alike or get_close_matches(name, [other for other in names if other], n=1)
        text = f"a certificate has {quoted_role(name)}, which is not in the policy: everything is denied to it"
        if close:
            text += f"; {quoted_role(close[0])} is another role" + (", although it looks alike" if alike else "")
        if letter := foreign_letter(name):
            text += f"; the certificate has the letter {letter}"
        yield Finding(FindingKind.CERTIFICATE_WITHOUT_ROLE, None, text)
