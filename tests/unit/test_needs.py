"""The set-up and the skips use the same list of installed programs, including programs installed just now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import needs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_server_program_that_was_just_installed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "_POSTGRESQL", tmp_path)
    monkeypatch.setattr(needs, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert needs.missing(("postgres",)) == ["postgres"]
    program = tmp_path / "15" / "bin" / "initdb"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    assert needs.missing(("postgres",)) == []
