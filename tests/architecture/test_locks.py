"""Every requirement is pinned and hashed, so that the installed files are the reviewed ones from any source."""

from __future__ import annotations

import re
import tomllib

import pytest

from architecture.tree import ROOT

_LOCKS = ("run.lock", "test.lock")
_PIN = re.compile(r"([a-z0-9-]+)==([A-Za-z0-9.]+)(?: ; [^\\]+?)?((?: --hash=sha256:[0-9a-f]{64})+)")


@pytest.mark.parametrize("name", _LOCKS)
def test_a_lock_contains_only_pinned_and_hashed_requirements(name: str) -> None:
    loose = [line[:80] for line in _requirements(name) if not _PIN.fullmatch(line)]
    assert loose == [], "an option, a host, a file or a requirement without version and hash"


@pytest.mark.parametrize("name", _LOCKS)
def test_the_lock_covers_the_requirements_of_the_project(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    extras = [entry for entries in project["project"]["optional-dependencies"].values() for entry in entries]
    asked = [*project["project"]["dependencies"], *extras, *groups["build"]]
    asked += groups["test"] if name == "test.lock" else []
    names = {re.split(r"[^\w.-]", entry)[0].lower() for entry in asked if isinstance(entry, str)}
    assert names - _pins(name).keys() == {"sealbus"}, "one extra of the project includes another"


def test_the_tests_run_on_the_shipped_versions() -> None:
    assert _pins("run.lock").items() - _pins("test.lock").items() == set()


def _requirements(name: str) -> list[str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if line.strip()]


def _pins(name: str) -> dict[str, str]:
    return {found[1]: found[2] for line in _requirements(name) if (found := _PIN.fullmatch(line))}
