"""The site cannot change the audit, and a change from outside is detected at its place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.chain_state import head_problem
from sealbus.web.audit.checkpoints import note_head, noted_heads
from sealbus.web.audit.models import ChainHead, Entry, Result
from sealbus.web.audit.services import Event, Target, append, append_all
from sealbus.web.audit.verification import Fault, Head, verify_chain

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db

ANNA = Actor(ActorKind.USER, 7, "anna", "192.0.2.1")


def _some(count: int) -> list[Entry]:
    return append_all([Event(ANNA, f"test.{number}", Target("thing", number, "a thing")) for number in range(count)])


def _unguarded(*statements: str) -> None:
    """An attacker with the rights of the database owner: drops the triggers first."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE audit_chainhead DISABLE TRIGGER USER")
        else:
            for name in ("audit_entry_unchanged", "audit_entry_kept", "audit_head_forward", "audit_head_kept"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor_name = 'nobody'",
        "UPDATE audit_entry SET sequence = sequence + 1000",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_entry WHERE sequence = 2",
        "UPDATE audit_chainhead SET sequence = 0",
        "DELETE FROM audit_chainhead",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(statement: str) -> None:
    _some(3)
    with pytest.raises(DatabaseError, match="audit"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verify_chain().good
    assert Entry.objects.count() == 3


_COLUMNS = (
    "sequence, time, actor_kind, actor_name, address, action, target_kind, target_id, target_name, result, detail, "
    "previous_hash, hash"
)
_VALUES = "'2025-03-01 12:00:00+00:00', 'user', 'mallory', '', 'x', '', '', '', 'done', '{}', '', ''"
_OVER_AN_ENTRY = f"INTO audit_entry ({_COLUMNS}) VALUES (2, {_VALUES})"
_OVER_THE_HEAD = "INTO audit_chainhead (id, sequence, hash) VALUES (1, 0, '')"
_REPLACEMENTS = {
    "sqlite": [
        f"INSERT OR REPLACE {_OVER_AN_ENTRY}",
        f"REPLACE {_OVER_AN_ENTRY}",
        f"INSERT OR REPLACE INTO audit_entry (rowid, {_COLUMNS}) VALUES (2, 1000, {_VALUES})",
        f"INSERT {_OVER_AN_ENTRY} ON CONFLICT (sequence) DO UPDATE SET actor_name = 'mallory'",
        "UPDATE OR REPLACE audit_entry SET sequence = 2 WHERE sequence = 3",
        f"INSERT OR REPLACE {_OVER_THE_HEAD}",
        f"INSERT {_OVER_THE_HEAD} ON CONFLICT (id) DO UPDATE SET sequence = 0",
    ],
    "postgresql": [
        f"INSERT {_OVER_AN_ENTRY} ON CONFLICT (sequence) DO UPDATE SET actor_name = 'mallory'",
        f"INSERT {_OVER_THE_HEAD} ON CONFLICT (id) DO UPDATE SET sequence = 0",
    ],
}


def test_an_insertion_cannot_replace_an_entry_or_the_head() -> None:
    _some(3)
    for statement in _REPLACEMENTS[connection.vendor]:
        with pytest.raises(DatabaseError, match="audit"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert verify_chain().good, statement
        assert [entry.actor_name for entry in Entry.objects.order_by("sequence")] == ["anna"] * 3, statement
    assert _some(1)[0].sequence == 4


@pytest.mark.parametrize("table", ["audit_entry", "audit_chainhead"])
def test_a_table_of_the_audit_cannot_be_emptied(table: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    _some(3)
    with pytest.raises(DatabaseError, match="audit"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")
    assert Entry.objects.count() == 3


def test_the_model_refuses_as_well() -> None:
    entry = _some(1)[0]
    entry.actor_name = "somebody else"
    with pytest.raises(TypeError, match="written once"):
        entry.save()
    with pytest.raises(TypeError, match="never deleted"):
        entry.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Entry.objects.filter(sequence=1).update(actor_name="somebody else")
    with pytest.raises(DatabaseError), transaction.atomic():
        Entry.objects.filter(sequence=1).delete()


def test_an_unchanged_chain_is_good_up_to_its_head() -> None:
    last = _some(25)[-1]
    verdict = verify_chain()
    assert (verdict.good, verdict.entries, verdict.head) == (True, 25, Head(25, last.hash))
    assert head_problem() == ""


def test_an_empty_audit_is_good() -> None:
    assert verify_chain().good
    assert head_problem() == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time", "'2001-01-01 00:00:00+00:00'"),
        ("actor_kind", "'system'"),
        ("actor_id", "8"),
        ("actor_name", "'bert'"),
        ("address", "'192.0.2.2'"),
        ("action", "'test.other'"),
        ("target_kind", "'other'"),
        ("target_id", "'99'"),
        ("target_name", "'another'"),
        ("result", "'refused'"),
        ("detail", "'{\"old\": 1}'"),
        ("hash", "'" + "ab" * 32 + "'"),
    ],
)
def test_any_field_that_was_changed_is_found_at_its_entry(field: str, value: str) -> None:
    _some(5)
    _unguarded(f"UPDATE audit_entry SET {field} = {value} WHERE sequence = 3")
    finding = verify_chain().finding
    assert finding is not None
    assert (finding.sequence, finding.fault) == (3, Fault.CHANGED)


@pytest.mark.parametrize(
    ("statements", "sequence", "fault"),
    [
        (["DELETE FROM audit_entry WHERE sequence = 3"], 3, Fault.GAP),
        (["DELETE FROM audit_entry WHERE sequence = 1"], 1, Fault.GAP),
        ([f"UPDATE audit_entry SET previous_hash = '{'0' * 64}' WHERE sequence = 4"], 4, Fault.PREVIOUS),
        (["DELETE FROM audit_entry WHERE sequence = 5"], 5, Fault.HEAD),
        (["DELETE FROM audit_entry"], 1, Fault.HEAD),
        ([f"UPDATE audit_chainhead SET hash = '{'0' * 64}'"], 5, Fault.HEAD),
        (["UPDATE audit_chainhead SET sequence = 4"], 4, Fault.HEAD),
    ],
)
def test_removed_or_changed_entries_are_found_at_their_place(
    statements: list[str], sequence: int, fault: Fault
) -> None:
    _some(5)
    _unguarded(*statements)
    finding = verify_chain().finding
    assert finding is not None
    assert (finding.sequence, finding.fault) == (sequence, fault)


@pytest.mark.parametrize("end", [3, 5])
def test_an_end_cut_off_with_its_head_is_found_by_a_head_noted_outside(end: int, tmp_path: Path) -> None:
    entries = _some(5)
    assert note_head(tmp_path) == Head(5, entries[-1].hash)
    assert note_head(tmp_path) is None, "it is noted already"
    kept = entries[end - 1]
    _unguarded(
        f"DELETE FROM audit_entry WHERE sequence > {end}",
        f"UPDATE audit_chainhead SET sequence = {end}, hash = '{kept.hash}'",
    )
    assert verify_chain().good, "the chain itself shows no missing entry"
    verdict = verify_chain(noted_heads(tmp_path))
    assert verdict.good is (end == 5)
    if verdict.finding:
        assert (verdict.finding.sequence, verdict.finding.fault) == (4, Fault.NOTED)


def test_a_recomputed_chain_is_found_by_a_head_noted_outside() -> None:
    noted = Head(2, "ab" * 32)
    _some(3)
    finding = verify_chain([noted]).finding
    assert finding is not None
    assert (finding.sequence, finding.fault) == (2, Fault.NOTED)


def test_the_short_check_finds_a_head_that_does_not_match() -> None:
    _some(5)
    _unguarded("DELETE FROM audit_entry WHERE sequence = 5")
    assert "5" in head_problem()


def test_a_change_that_is_rolled_back_leaves_neither_entry_nor_gap() -> None:
    _some(2)
    with pytest.raises(RuntimeError), transaction.atomic():
        append(Event(ANNA, "test.undone"))
        raise RuntimeError
    append(Event(ANNA, "test.done"))
    assert [entry.action for entry in Entry.objects.order_by("sequence")][2:] == ["test.done"]
    assert verify_chain().good


_WORDS = st.text(max_size=30)
_DETAILS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=_WORDS, detail=st.dictionaries(_WORDS, _DETAILS, max_size=4))
def test_any_text_of_an_unknown_caller_is_read_back_as_it_was_hashed(name: str, detail: dict[str, Any]) -> None:
    append(Event(Actor(ActorKind.NOBODY, name=name), "test.any", Target("t", name, name), Result.FAILED, detail))
    verdict = verify_chain()
    assert verdict.good, verdict.finding


@pytest.mark.parametrize("number", [1e22, 1e16, 123456789012345.5, -0.0, 5e-324, 1.0, 1e-7, math.inf, math.nan, 2**70])
def test_numbers_are_read_back_as_they_were_hashed(number: float) -> None:
    append(Event(ANNA, "test.number", detail={"value": number}))
    assert verify_chain().good


def test_the_head_is_one_row() -> None:
    _some(1)
    with pytest.raises(DatabaseError), transaction.atomic():
        ChainHead.objects.create(id=2)


def test_a_file_of_noted_heads_stays_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    file = tmp_path / "audit-heads.log"
    file.write_text(f"2025-01-01T00:00:00Z 1:{'0' * 64}\n" * 13_000 + "garbage\n", encoding="ascii")
    _some(3)
    head = note_head(tmp_path)
    assert head is not None
    assert file.stat().st_size < 1 << 20
    assert noted_heads(tmp_path)[-1] == head
