"""The decision on a request: verdict, rule and reason.

Every request gets one Decision. `rule` names the rules that allowed it ("Operator/2 at policy.toml:14", several joined by
", "), or the rule whose limit denied it; it is None if no rule applies to the request. `reason` is one sentence for the
audit record and for the person who has to correct the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Decision", "Verdict", "printable", "quoted_role"]

_SHOWN_CHARACTERS = 80


class Verdict(Enum):
    """A request is allowed whole or denied whole."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one request. For `rule` and `reason` see the module."""

    verdict: Verdict
    rule: str | None
    reason: str

    @property
    def allowed(self) -> bool:
        """Whether the request may be forwarded."""
        return self.verdict is Verdict.ALLOW


def quoted_role(role: str) -> str:
    """The role for a sentence. Escaped and shortened, because a certificate may hold any text."""
    if not role:
        return "the NULL role"
    return f'role "{printable(role if len(role) <= _SHOWN_CHARACTERS else role[:_SHOWN_CHARACTERS] + "…")}"'


def printable(text: str) -> str:
    """The text with quotes, backslashes and non-printing characters (control, direction, line marks) escaped."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode()
