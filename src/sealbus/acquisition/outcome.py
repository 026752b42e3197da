"""One execution of a command: its input, the progress of its write, and its outcome."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from sealbus.client import Failure
from sealbus.plant import CommandState, Finding, Step
from sealbus.protocol import ExceptionCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealbus.acquisition.command_client import Answer
    from sealbus.acquisition.polled_connection import PolledConnection
    from sealbus.plant import Command

__all__ = ["Execution", "ExecutionOutcome", "Sending", "failed_step", "true_outcome_of"]

_BEHIND_A_GATEWAY = (ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)


class Sending(Enum):
    """The progress of the write of a command. A reading stays UNSENT."""

    UNSENT = auto()
    RECORDED = auto()
    """The site may have recorded it as sent. Nothing is on the wire."""
    SENT = auto()
    """It may be on the wire, and no answer proves its end."""
    ACCEPTED = auto()
    DECLINED = auto()
    """The device answered with an exception that means that the write had no effect."""


@dataclass(slots=True, eq=False)
class Execution:
    """A command while it is executed."""

    command: Command
    progress: Callable[[int, int, str], None]
    """Reports done, total and text."""
    on_sending: Callable[[int], Awaitable[bool]]
    """Records the command as sent; false: it may not be sent any more."""
    found: Callable[[], Finding | None] = field(default=lambda: None)
    """What was found so far; set by the function that executes the command."""
    sending: Sending = Sending.UNSENT


@dataclass(frozen=True, slots=True)
class ExecutionOutcome:
    """How an execution ended."""

    state: CommandState
    reason: str = ""
    failed_at: Step | None = None
    found: Finding | None = None


def true_outcome_of(execution: Execution, outcome: ExecutionOutcome) -> ExecutionOutcome:
    """The true end of an execution that came to `outcome`: the known state of a write outranks the reason of the end.

    A deadline, a stop or an error does not undo a write: one without an answer is unknown, an accepted one is done.
    """
    match execution.sending:
        case Sending.RECORDED:
            return dataclasses.replace(outcome, state=CommandState.FAILED, reason=f"not sent: {outcome.reason}")
        case Sending.SENT:
            reason = f"sent, but without an answer that proves its end: {outcome.reason}"
            return dataclasses.replace(outcome, state=CommandState.UNKNOWN, reason=reason)
        case Sending.ACCEPTED if outcome.state is not CommandState.DIFFERS:
            return dataclasses.replace(outcome, state=CommandState.DONE)
        case Sending.DECLINED:
            return dataclasses.replace(outcome, state=CommandState.FAILED)
        case Sending.UNSENT | Sending.ACCEPTED:
            return outcome


def failed_step(answer: Answer, connection: PolledConnection) -> Step | None:
    """The step at which this answer is a failure; None for data."""
    if answer.exception is not None:
        if answer.exception == ExceptionCode.ILLEGAL_FUNCTION:
            return Step.ALLOWED
        return Step.ANSWER if answer.exception in _BEHIND_A_GATEWAY else Step.VALUE
    if answer.failure is Failure.UNREACHABLE:
        return connection.refusal.step if connection.refusal is not None else Step.CONNECT
    if answer.failure is Failure.CONNECTION_LOST and connection.plan.identity and not connection.is_proven:
        return Step.TLS  # in TLS 1.3 a server refuses the client's certificate after the client's handshake has ended
    return Step.ANSWER if answer.failure is not None else None
