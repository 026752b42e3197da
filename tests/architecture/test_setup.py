"""The set-up of `make test` installs programs and does not change the services of the machine."""

from __future__ import annotations

import os
import runpy
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from architecture.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = "#!/bin/sh\nexit 104\n"


@pytest.fixture(scope="module")
def setup() -> Any:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "setup")))


def policy_status(policy: Path) -> int:
    return subprocess.run(["sh", policy, "redis-server", "start"], check=False).returncode


def test_while_packages_are_installed_each_action_on_a_service_is_denied(setup: Any, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with setup.services_left_alone(policy):
        assert policy_status(policy) == 101  # "action forbidden by policy"
        assert os.access(policy, os.X_OK)
    assert os.listdir(tmp_path) == []


def test_the_policy_of_the_machine_is_restored(setup: Any, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(THEIRS)
    policy.chmod(0o744)
    with pytest.raises(KeyboardInterrupt), setup.services_left_alone(policy):
        assert policy_status(policy) == 101
        raise KeyboardInterrupt
    assert (policy.read_text(), policy.stat().st_mode & 0o777) == (THEIRS, 0o744)
    assert os.listdir(tmp_path) == ["policy-rc.d"]


@pytest.mark.parametrize("theirs", ["", THEIRS])
def test_files_left_by_a_killed_run_are_removed_by_the_next(setup: Any, tmp_path: Path, theirs: str) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(setup._DENY)
    if theirs:
        (tmp_path / "policy-rc.d.before-sealbus").write_text(theirs)
    with setup.services_left_alone(policy):
        assert policy_status(policy) == 101
    assert (policy.read_text() if policy.exists() else "") == theirs
    assert len(os.listdir(tmp_path)) == bool(theirs)
