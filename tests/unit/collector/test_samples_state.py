"""The state of the writer in the words of the site: no problem where all is well, otherwise the reason and the numbers."""

from __future__ import annotations

from dataclasses import replace

from sealbus.collector.samples_state import samples_state
from sealbus.history import WriterState
from sealbus.plant import SamplesState

WELL = WriterState(
    buffered=3, spooled=40, spooled_bytes=1000, stored=500, dropped=0, dropped_from_us=None, dropped_to_us=None,
    too_old=0, damaged_segments=0, down_since_us=None, spool_error="", last_error="",
)  # fmt: skip


def test_a_writer_that_works_has_no_problem() -> None:
    assert samples_state(WELL) == SamplesState(in_memory=3, on_disk=40, stored=500)


def test_a_spool_that_takes_nothing_is_a_problem_with_its_reason_and_the_losses() -> None:
    full = replace(WELL, spool_error="No space left on device", dropped=7, dropped_from_us=1, dropped_to_us=9)
    state = samples_state(full)
    assert (
        state.problem == "samples cannot be spooled: No space left on device; 3 wait in memory, 40 on disk, 7 are lost"
    )
    assert (state.lost, state.lost_from_us, state.lost_to_us) == (7, 1, 9)


def test_a_store_that_takes_nothing_is_a_problem() -> None:
    state = samples_state(replace(WELL, down_since_us=5, last_error="PostgreSQL: the server is gone"))
    assert state.problem.startswith("the store takes no samples: PostgreSQL: the server is gone; 3 wait in memory")


def test_losses_of_the_past_are_counted_and_are_no_problem_of_now() -> None:
    state = samples_state(replace(WELL, dropped=7, dropped_from_us=1, dropped_to_us=9, damaged_segments=2))
    assert (state.lost, state.damaged_files, state.problem) == (7, 2, "")
