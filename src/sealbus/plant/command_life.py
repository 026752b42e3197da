"""The life of a command: its states, one table of transitions, and `advance`, which holds a change to the table.

One table serves all kinds. The kinds differ in two rules:

* A write changes the device, so whether it was sent decides its end. It is recorded as `sent` before its bytes go on
  the wire, and it cannot become `done` in another way. Once sent, it ends by the answer of the device, else as
  `unknown`: never as `expired` or `withdrawn`, and as `failed` only where it certainly had no effect.
* Every other kind only reads. Whether a reading was sent makes no difference to the device, so it skips `sent` (and the
  transaction that would record it) and ends from `claimed`. It needs no approval by a second person.

The database changes a state by compare-and-swap, from the state that was read to one that this table allows. So two
processes never both change a command, and no command leaves a final state.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sealbus.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FINAL_STATES", "TRANSITIONS", "CommandKind", "CommandState", "InvalidTransition", "advance", "next_states"]


class CommandKind(StrEnum):
    """What a command does; the tag of its struct in `plant.commands`."""

    TEST = "test"
    READ = "read"
    SCAN_UNITS = "scan_units"
    SCAN_REGISTERS = "scan_registers"
    SUNSPEC = "sunspec"
    WRITE = "write"

    @property
    def is_write(self) -> bool:
        """Whether it changes the device."""
        return self is CommandKind.WRITE


class CommandState(StrEnum):
    """Where a command is in its life."""

    REQUESTED = "requested"
    """Stored. No collector has claimed it."""
    WAITING = "waiting"
    """It waits for the approval of a second person."""
    APPROVED = "approved"
    """A second person approved it. No collector has claimed it."""
    CLAIMED = "claimed"
    """A collector executes it. If it is a write, nothing was sent."""
    SENT = "sent"
    """A write that is on the wire, or is about to be."""
    DONE = "done"
    """The device answered, and its answer is the result."""
    FAILED = "failed"
    """It was tried and did not succeed. If it is a write, it had no effect: it was not sent, or the device refused it."""
    DIFFERS = "differs"
    """The device accepted the write, but returned another value when it was read back."""
    UNKNOWN = "unknown"
    """The write was sent and not answered: it may or may not have had its effect."""
    EXPIRED = "expired"
    """Its deadline passed: before it was claimed, before the write was sent, or before the reading was complete."""
    WITHDRAWN = "withdrawn"
    """A user withdrew it before it was sent."""
    REJECTED = "rejected"
    """The second person refused the approval."""
    REFUSED = "refused"
    """Nothing was tried: it is not allowed, is not possible, or too many commands are running."""

    @property
    def is_final(self) -> bool:
        """Whether no state follows."""
        return not TRANSITIONS[self]


TRANSITIONS: Final[Mapping[CommandState, frozenset[CommandState]]] = MappingProxyType(
    dict.fromkeys(CommandState, frozenset[CommandState]())
    | {
        CommandState.REQUESTED: frozenset(
            {CommandState.WAITING, CommandState.CLAIMED, CommandState.EXPIRED, CommandState.WITHDRAWN}
        ),
        CommandState.WAITING: frozenset(
            {CommandState.APPROVED, CommandState.REJECTED, CommandState.EXPIRED, CommandState.WITHDRAWN}
        ),
        CommandState.APPROVED: frozenset({CommandState.CLAIMED, CommandState.EXPIRED, CommandState.WITHDRAWN}),
        CommandState.CLAIMED: frozenset(
            {
                CommandState.SENT,
                CommandState.DONE,
                CommandState.FAILED,
                CommandState.REFUSED,
                CommandState.EXPIRED,
                CommandState.WITHDRAWN,
            }
        ),
        CommandState.SENT: frozenset(
            {CommandState.DONE, CommandState.FAILED, CommandState.DIFFERS, CommandState.UNKNOWN}
        ),
    }
)
"""The states that may follow each state, for every kind; none after a final state."""

FINAL_STATES: Final = frozenset(state for state, after in TRANSITIONS.items() if not after)

_WRITE_ONLY: Final = frozenset(
    {
        CommandState.WAITING,
        CommandState.APPROVED,
        CommandState.REJECTED,
        CommandState.SENT,
        CommandState.DIFFERS,
        CommandState.UNKNOWN,
    }
)
"""States that a reading never has."""


class InvalidTransition(LocalError):
    """A change of state that the table does not allow: an error of the program that asked for it."""

    code = "invalid-transition"

    def __init__(self, state: CommandState, to: CommandState, kind: CommandKind) -> None:
        super().__init__(f"a {kind} command does not go from {state} to {to}")
        self.state, self.to, self.kind = state, to, kind


def next_states(state: CommandState, kind: CommandKind) -> frozenset[CommandState]:
    """The states that may follow for a command of this kind."""
    after = TRANSITIONS[state]
    if not kind.is_write:
        return after - _WRITE_ONLY
    # A write is done only after `sent`: without this, one that was never recorded as sent could end as done.
    return after - {CommandState.DONE} if state is CommandState.CLAIMED else after


def advance(state: CommandState, to: CommandState, kind: CommandKind) -> CommandState:
    """`to`, if it may follow `state`. Raises InvalidTransition."""
    if to not in next_states(state, kind):
        raise InvalidTransition(state, to, kind)
    return to
