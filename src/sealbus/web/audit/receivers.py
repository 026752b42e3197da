"""Refusals at the gate become entries. Whoever is known has each of them recorded; of strangers, who can make as many as
they like, only so many a minute: what was left out is counted and told with the next.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.dispatch import receiver

from sealbus.web.access.gate import refused
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from sealbus.web.access.requirement import Verdict
    from sealbus.web.access.subject import Subject

__all__ = ["record_refusal"]

_PER_ADDRESS = 10
_OF_STRANGERS = 120
_PER_SUBJECT = 120
_OF_ALL_KNOWN = 2_000
_WINDOW_S = 60.0


@dataclass(slots=True)
class _Allowance:
    """How many refusals were recorded in this minute, by whom, and how many were not since the last that was."""

    each: int
    in_all: int
    began_at: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, who: str) -> int | None:
        """None where this one is left out; else how many were, since the last."""
        with self.lock:
            now = time.monotonic()
            if now - self.began_at >= _WINDOW_S:
                self.began_at, self.counts = now, {}
            if self.counts.get(who, 0) >= self.each or sum(self.counts.values()) >= self.in_all:
                self.left_out += 1
                return None
            self.counts[who] = self.counts.get(who, 0) + 1
            left_out, self.left_out = self.left_out, 0
            return left_out


_strangers = _Allowance(_PER_ADDRESS, _OF_STRANGERS)
_known = _Allowance(_PER_SUBJECT, _OF_ALL_KNOWN)


@receiver(refused)
def record_refusal(
    sender: object, *, subject: Subject, verdict: Verdict, method: str, path: str, route: str, **_: Any
) -> None:
    """One entry: who, from where, what he asked for, and why it was refused."""
    if subject.is_signed_in:
        left_out = _known.take(f"{subject.actor.kind}/{subject.actor.name}")
    else:
        left_out = _strangers.take(subject.actor.address)
    if left_out is None:
        return
    detail: dict[str, Any] = {"reason": verdict.value, "method": method, "path": path[:500]}
    if left_out:
        detail["others_left_out"] = left_out
    append(Event(subject.actor, "access.refused", Target("route", name=route), Result.REFUSED, detail))
