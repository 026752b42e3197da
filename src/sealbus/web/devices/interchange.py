"""What an import found, line by line; and what a row looks like on its way in.

An import changes everything or nothing, and names all that is wrong at once, with the line, the column and the mend:
whoever mends a table of ten thousand lines does not want to learn of its mistakes one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_PROBLEMS", "Problem", "Report", "Row"]

MOST_PROBLEMS = 1000
"""So many are listed; how many there are is counted all the same."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and how to mend it. `line` is that of the file, or the number of the item, from 1."""

    line: int
    column: str
    problem: str
    hint: str = ""

    @classmethod
    def of(cls, line: int, column: str, text: str) -> Problem:
        """From a sentence whose mend stands behind a semicolon."""
        problem, _, hint = str(text).partition("; ")
        return cls(line, column, problem, hint)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: its values by column. A column that the file lacks is not among them."""

    line: int
    values: Mapping[str, Any]


@dataclass(slots=True)
class Report:
    """What an import does or would do."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)
    """The members that change in any row."""
    names: list[str] = field(default_factory=list)

    def add(self, line: int, column: str, text: str) -> None:
        """Note a problem."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem.of(line, column, text))

    def has_problems(self) -> bool:
        """Whether anything is wrong by now."""
        return self.problem_count > 0

    def forget(self) -> None:
        """As if no row had been judged."""
        self.created = self.changed = self.unchanged = self.problem_count = 0
        self.problems.clear()
        self.fields.clear()
        self.names.clear()
