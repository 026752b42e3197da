"""The true end of an execution: what is known of its write outranks why the execution ended."""

from __future__ import annotations

import pytest

from sealbus.acquisition.outcome import Execution, ExecutionOutcome, Sending, true_outcome_of
from sealbus.plant import FINAL_STATES, CommandKind, CommandState, TagPlan, WriteTag, next_states


async def never(command_id: int) -> bool:
    raise AssertionError


def executed(sending: Sending) -> Execution:
    write = WriteTag(id=1, connection=1, unit_id=1, tag=TagPlan(id=1, place="holding:0"), value=1)
    return Execution(write, lambda done, total, text: None, never, sending=sending)


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_an_execution_without_a_write_ends_with_its_own_outcome(state: CommandState) -> None:
    outcome = ExecutionOutcome(state, "so it was")
    assert true_outcome_of(executed(Sending.UNSENT), outcome) is outcome


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
@pytest.mark.parametrize(
    ("sending", "end"),
    [
        (Sending.RECORDED, CommandState.FAILED),
        (Sending.SENT, CommandState.UNKNOWN),
        (Sending.ACCEPTED, CommandState.DONE),
        (Sending.DECLINED, CommandState.FAILED),
    ],
)
def test_the_end_of_a_write_depends_on_how_far_it_was_sent(
    sending: Sending, end: CommandState, state: CommandState
) -> None:
    found = true_outcome_of(executed(sending), ExecutionOutcome(state, "so it was"))
    if sending is Sending.ACCEPTED and state is CommandState.DIFFERS:
        end = CommandState.DIFFERS
    assert found.state is end
    assert found.state in next_states(CommandState.SENT, CommandKind.WRITE), "the site has recorded it as sent"
    assert "so it was" in found.reason
