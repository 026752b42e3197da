"""The life of a command: the table of transitions, what each kind may do of it, and the page that shows it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec
import pytest

from sealbus import plant
from sealbus.plant import FINAL_STATES, TRANSITIONS, CommandKind, CommandState, InvalidTransition, advance, next_states

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"
READINGS = [kind for kind in CommandKind if not kind.is_write]


def ways(kind: CommandKind) -> list[list[CommandState]]:
    """Every way from requested to a final state."""
    found: list[list[CommandState]] = []
    todo = [[CommandState.REQUESTED]]
    while todo:
        way = todo.pop()
        after = next_states(way[-1], kind)
        if not after:
            found.append(way)
        assert len(way) <= len(CommandState), "a validity has an end"
        todo += [[*way, state] for state in after]
    return found


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(CommandState)
    assert {
        CommandState.DONE,
        CommandState.FAILED,
        CommandState.DIFFERS,
        CommandState.UNKNOWN,
        CommandState.EXPIRED,
        CommandState.WITHDRAWN,
        CommandState.REJECTED,
        CommandState.REFUSED,
    } == FINAL_STATES


@pytest.mark.parametrize("kind", CommandKind)
def test_only_the_transitions_of_the_table_are_possible(kind: CommandKind) -> None:
    for state, to in itertools.product(CommandState, repeat=2):
        if to in next_states(state, kind):
            assert advance(state, to, kind) is to
        else:
            with pytest.raises(InvalidTransition, match=f"{kind} command does not go from {state} to {to}"):
                advance(state, to, kind)


def test_a_write_is_done_only_after_it_was_sent() -> None:
    for way in ways(CommandKind.WRITE):
        if way[-1] in (CommandState.DONE, CommandState.DIFFERS, CommandState.UNKNOWN):
            assert CommandState.SENT in way


def test_a_sent_write_neither_expires_nor_is_withdrawn_nor_refused() -> None:
    for way in ways(CommandKind.WRITE):
        if CommandState.SENT in way:
            assert way[-1] in (CommandState.DONE, CommandState.FAILED, CommandState.DIFFERS, CommandState.UNKNOWN)


@pytest.mark.parametrize("kind", READINGS)
def test_a_reading_skips_sending_and_approval(kind: CommandKind) -> None:
    states = set(itertools.chain.from_iterable(ways(kind)))
    assert states == {
        CommandState.REQUESTED,
        CommandState.CLAIMED,
        CommandState.DONE,
        CommandState.FAILED,
        CommandState.REFUSED,
        CommandState.EXPIRED,
        CommandState.WITHDRAWN,
    }


def test_the_life_of_a_write_uses_every_state() -> None:
    assert set(itertools.chain.from_iterable(ways(CommandKind.WRITE))) == set(CommandState)


def test_each_kind_is_the_tag_of_one_struct() -> None:
    tags = {struct.__struct_config__.tag for struct in plant.Command.__args__}
    assert tags == {kind.value for kind in CommandKind}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"kind": "order", "id": 1, "connection": 1}, plant.Command)


def named(states: frozenset[CommandState]) -> str:
    return ", ".join(state for state in CommandState if state in states) or "-"


def test_the_page_shows_the_table() -> None:
    """Each row of docs/commands.md: state, meaning, and the states that follow for a write and for a reading."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    reading_states = set(itertools.chain.from_iterable(ways(CommandKind.READ)))
    expected = [
        (
            state.value,
            named(next_states(state, CommandKind.WRITE)),
            named(next_states(state, CommandKind.READ)) if state in reading_states else "not used",
        )
        for state in CommandState
    ]
    assert rows == expected


def test_the_page_draws_the_table() -> None:
    """The diagram of docs/commands.md has one line for each transition of the table."""
    expected = [f"    {state} --> {to}" for state in CommandState for to in CommandState if to in TRANSITIONS[state]]
    (diagram,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert diagram.splitlines() == expected, "write these lines:\n" + "\n".join(expected)
