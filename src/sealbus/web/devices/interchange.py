"""The rows of an import, and the report of their problems.

An import changes everything or nothing, and names all problems at once, with the line, the column and what to write
instead: a table of ten thousand lines is corrected in one go.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sealbus.plant import split_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_PROBLEMS", "Budget", "Report", "Row", "RowProblem"]

MAX_PROBLEMS = 1000
"""The most problems that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One thing that is wrong, and what to write instead. `line` is that of the file, or the number of the item, from 1."""

    line: int
    column: str
    problem: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: its values by column. Columns that the file lacks are missing here too."""

    line: int
    values: Mapping[str, Any]


class Budget:
    """The computing time that the calling thread may spend from here on. Waiting does not count: an import is not
    refused because others keep the machine busy.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = time.thread_time() + seconds

    def is_spent(self) -> bool:
        """Whether no time is left."""
        return time.thread_time() >= self._ends_at


@dataclass(slots=True)
class Report:
    """The result of an import."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    problem_count: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    """The columns that change in any row."""
    names: list[str] = field(default_factory=list)

    absent: frozenset[str] = frozenset()
    """The columns that the file lacks; none where each row has its own members, as in JSON."""
    missed: set[str] = field(default_factory=set)
    """Those of them that a row needed."""

    def add(self, line: int, column: str, text: str, hint: str = "") -> None:
        """Add a problem. Without `hint`, the text is "problem; hint", and what the user wrote is in quotes in it.

        A column that the file lacks is one problem, at its first line, and not one of each row.
        """
        problem, hint = (text, hint) if hint else split_hint(str(text))
        if column in self.absent:
            if column in self.missed:
                return
            self.missed.add(column)
            line, problem, hint = 1, f'the column "{column}" is missing', f"add it; line {line}: {problem}"
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(RowProblem(line, column, problem, hint))

    def has_problems(self) -> bool:
        """Whether there is any problem so far."""
        return self.problem_count > 0

    def clear(self) -> None:
        """Start again, before the rows are judged a second time."""
        self.created = self.changed = self.unchanged = self.problem_count = 0
        self.problems.clear()
        self.fields.clear()
        self.names.clear()
        self.missed.clear()
