"""What becomes of the samples, in the words of the site: how many wait, how many are lost, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.plant import SamplesState

if TYPE_CHECKING:
    from sealbus.history import WriterState

__all__ = ["samples_state"]


def samples_state(writer: WriterState) -> SamplesState:
    """The state of the writer, without the numbers that only its tests need."""
    return SamplesState(
        in_memory=writer.buffered,
        on_disk=writer.spooled,
        stored=writer.stored,
        lost=writer.dropped,
        lost_from_us=writer.dropped_from_us,
        lost_to_us=writer.dropped_to_us,
        damaged_files=writer.damaged_segments,
        problem=_problem(writer),
    )


def _problem(writer: WriterState) -> str:
    problems = []
    if writer.spool_error:
        problems.append(f"samples cannot be spooled: {writer.spool_error}")
    if writer.down_since_us is not None:
        problems.append(f"the store takes no samples: {writer.last_error}")
    if problems:
        problems.append(f"{writer.buffered} wait in memory, {writer.spooled} on disk, {writer.dropped} are lost")
    return "; ".join(problems)
