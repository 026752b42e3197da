"""A refusal is a value: what was decided, by which rule, and why.

Every request ends in one Decision. `rule` names the rules that allowed it ("Operator/2 at policy.toml:14", more than
one joined by ", "), or the one whose limit refused it; it is None where no rule speaks of the request at all.
`reason` is one sentence for the audit record and for the person who has to mend the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Decision", "Verdict", "printable", "quoted_role"]

_SHOWN_CHARACTERS = 80


class Verdict(Enum):
    """Allowed whole, or denied whole: there is nothing in between."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says to one request. `rule` and `reason` as the module describes them."""

    verdict: Verdict
    rule: str | None
    reason: str

    @property
    def allowed(self) -> bool:
        """Whether the request may be forwarded."""
        return self.verdict is Verdict.ALLOW


def quoted_role(role: str) -> str:
    """The role as people read it in a sentence. It comes from a certificate: it is made printable and cut."""
    if not role:
        return "the NULL role"
    return f'role "{printable(role if len(role) <= _SHOWN_CHARACTERS else role[:_SHOWN_CHARACTERS] + "…")}"'


def printable(text: str) -> str:
    """The text with quotes, backslashes and whatever does not print (control, direction and line marks) escaped."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode()
