"""Of two callers that do at the same moment what only one may do, one succeeds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("what", "ends"),
    [
        ("setup", {"done", "set-up-already"}),
        ("administrators", {"done", "last-administrator"}),
        ("cache", {"done", "there"}),
    ],
)
def test_of_two_simultaneous_changes_one_succeeds(what: str, ends: set[str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEALBUS_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tests")])
    if url := os.environ.get("SEALBUS_RACE_DATABASE"):
        environment["SEALBUS_DATABASE"] = url
    command = [sys.executable, "-m", "web.races", str(tmp_path), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")[:-1]
    assert len(lines) == 2
    assert set(lines) == ends, done.stderr
