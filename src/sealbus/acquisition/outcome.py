"""What a command comes to, on the way from whoever carries it out to its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealbus.client import Failure
from sealbus.plant import CommandState, Finding, Step
from sealbus.protocol import ExceptionCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.acquisition.unit_client import Answer
    from sealbus.plant import Command

__all__ = ["Execution", "Outcome", "failed_step"]

_BEHIND_A_GATEWAY = (ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)


@dataclass(slots=True, eq=False)
class Execution:
    """A command, how to tell of its progress (done, total, text), and how to ask what it has found so far."""

    command: Command
    progress: Callable[[int, int, str], None]
    found: Callable[[], Finding | None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    state: CommandState
    reason: str = ""
    failed_at: Step | None = None
    found: Finding | None = None


def failed_step(answer: Answer, link: PolledConnection) -> Step | None:
    """At which step this answer is a failure; None for data."""
    if answer.exception is not None:
        if answer.exception == ExceptionCode.ILLEGAL_FUNCTION:
            return Step.ALLOWED
        return Step.ANSWER if answer.exception in _BEHIND_A_GATEWAY else Step.VALUE
    if answer.failure is Failure.UNREACHABLE:
        return link.refusal.step if link.refusal is not None else Step.CONNECT
    if answer.failure is Failure.CONNECTION_LOST and link.plan.identity and not link.is_proven:
        return Step.TLS  # in TLS 1.3 a server refuses the client's certificate after the client's handshake has ended
    return Step.ANSWER if answer.failure is not None else None
