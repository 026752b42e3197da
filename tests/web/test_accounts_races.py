"""Of two callers that do at the same moment what only one may do, one succeeds: on both engines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from databases import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databases import PostgresServer

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; empty: the file in the state folder."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres").database())


@pytest.mark.parametrize(
    ("what", "ends"),
    [
        ("setup", {"done", "set-up-already"}),
        ("administrators", {"done", "last-administrator"}),
        ("cache", {"done", "there"}),
    ],
)
def test_of_two_simultaneous_changes_one_succeeds(what: str, ends: set[str], tmp_path: Path, database: str) -> None:
    lines = _lines(what, tmp_path, database)
    assert len(lines) == 2
    assert set(lines) == ends


def test_no_device_comes_into_a_group_while_that_is_archived(tmp_path: Path, database: str) -> None:
    assert _lines("group", tmp_path, database) == [
        "create after archiving: archived done",
        "create before archiving: done in-use",
        "move after archiving: archived done",
        "move before archiving: done in-use",
        "restore after archiving: archived done",
        "restore before archiving: done in-use",
    ]


def _lines(what: str, folder: Path, database: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEALBUS_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tests")])
    if database:
        environment["SEALBUS_DATABASE"] = database
    command = [sys.executable, "-m", "web.races", str(folder), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]
