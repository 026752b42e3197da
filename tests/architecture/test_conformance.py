"""docs/conformance.md has one row for each requirement, and names only tests that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from architecture.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_DOCUMENT = ROOT / "docs" / "conformance.md"
_TEXT = _DOCUMENT.read_text(encoding="utf-8")
_ABSENT_FROM_V36 = {9, 15}
_NUMBERS = [number for number in range(1, 68) if number not in _ABSENT_FROM_V36]
_LEVELS = {"MUST", "MUST NOT", "SHOULD", "MAY"}
_KEPT, _NOTED, _AS_A_SERVER, _NOT_KEPT = "kept", "kept, with a note", "as a server", "not kept"
_TEST = re.compile(r"\[(test_\w+)\]\(([^)#]+)\)")
_SECTIONS_WITH_TESTS = ("Duties of the text", "Classic Modbus", "Where the texts are silent")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def _rows(text: str) -> list[list[str]]:
    """The rows of a table without its two header lines."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [_cells(line) for line in lines if not line.startswith(("| --- ", "| requires ", "| case ", "| R |"))]


def _requirements() -> list[list[str]]:
    return [row for row in _rows(_TEXT) if row[0].startswith("R-")]


def _defines(path: Path, function: str) -> bool:
    return re.search(rf"^(?:async )?def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def test_every_requirement_of_v36_has_exactly_one_row() -> None:
    assert [row[0] for row in _requirements()] == [f"R-{number:02}" for number in _NUMBERS]


def test_every_row_has_the_requirement_the_implementation_and_the_result() -> None:
    for number, level, asked, done, kept, shown in _requirements():
        assert level in _LEVELS, number
        assert kept in (_KEPT, _NOTED, _AS_A_SERVER, _NOT_KEPT), number
        assert asked, number
        assert done, number
        assert _TEST.search(shown) or kept == _NOT_KEPT, f"{number} is marked as kept, but no test is named"


def test_the_numbers_in_the_introduction_match_the_table() -> None:
    states = [row[4] for row in _requirements()]
    head = " ".join(_TEXT.split("## ")[0].split())
    kept, noted, served, unkept = (states.count(state) for state in (_KEPT, _NOTED, _AS_A_SERVER, _NOT_KEPT))
    assert (
        f"Of {len(states)} requirements {kept} are kept, {noted} are kept with a note, {served} are kept as a server"
        in head
    )
    assert f"{unkept} is not kept" in head


@pytest.mark.parametrize("heading", _SECTIONS_WITH_TESTS)
def test_every_other_duty_and_decision_names_a_test(heading: str) -> None:
    (section,) = [part for part in _TEXT.split("\n## ") if part.startswith(heading)]
    rows = _rows(section)
    assert len(rows) > 5
    unshown = [row[0] for row in rows if not _TEST.search(row[-1])]
    assert not unshown


def test_every_named_test_exists() -> None:
    named = _TEST.findall(_TEXT)
    assert len(named) > 100
    missing = [
        f"{path}::{name}"
        for name, path in named
        if not (_DOCUMENT.parent / path).is_file() or not _defines(_DOCUMENT.parent / path, name)
    ]
    assert not missing, "\n".join(missing)
