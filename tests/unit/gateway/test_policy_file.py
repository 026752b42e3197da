"""A policy is taken up when two looks at its file agree; a file that cannot be used leaves the last good one in force."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError
from sealbus.gateway.policy_file import PolicyFile, load_policy

if TYPE_CHECKING:
    from pathlib import Path

SETTLE_S = 0.25
POLICY = """[[role]]
name = "Operator"
[[role.allow]]
units = "1"
write = ["holding:100-109"]
max = 1000
"""
HALF = POLICY[: POLICY.index("max")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    os.utime(file, (1, 1))
    return file


@pytest.fixture
def policy(file: Path) -> PolicyFile:
    return PolicyFile(str(file), settle_s=SETTLE_S)


def _is_settling(policy: PolicyFile) -> bool:
    """The current state. A type checker assumes that an attribute keeps its last compared value."""
    return policy.is_settling


def _limit(policy: PolicyFile) -> str:
    return str(policy.policy.roles[0].rules[0].limit)


def test_a_changed_policy_is_taken_up_at_the_second_look(policy: PolicyFile, file: Path) -> None:
    file.write_text(POLICY.replace("1000", "500"))
    assert policy.look(10.0) is None
    assert _is_settling(policy)
    change = policy.look(10.25)
    assert change is not None
    assert (change.policy, change.grown) == (policy.policy, [])
    assert not _is_settling(policy)
    assert _limit(policy) == "at most 500"
    assert policy.look(10.4) is None


def test_a_policy_that_is_still_being_written_is_not_taken_up(policy: PolicyFile, file: Path) -> None:
    whole = POLICY.replace("1000", "500")
    for at, end in enumerate(range(1, len(whole))):
        file.write_text(whole[:end])
        assert policy.look(10.0 + at) is None, "what was there a second ago was less"
        assert _limit(policy) == "at most 1000"
    file.write_text(whole)
    assert policy.look(1000.0) is None
    assert policy.look(1000.25) is not None


def test_a_second_look_that_comes_too_early_does_not_count(policy: PolicyFile, file: Path) -> None:
    file.write_text(HALF)
    assert policy.look(10.0) is None
    assert policy.look(10.0) is None
    assert policy.look(10.24) is None
    assert policy.look(10.25) is not None


def test_the_rights_that_grew_are_named(policy: PolicyFile, file: Path) -> None:
    file.write_text(HALF)
    policy.look(10.0)
    change = policy.look(10.25)
    assert change is not None
    assert change.grown == ['role "Operator" may write holding:100-109 on unit 1']


def test_a_file_that_cannot_be_used_is_reported_at_the_second_look(policy: PolicyFile, file: Path) -> None:
    for content in (b"\xff\xfe", b"[[role]", None):
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        assert policy.look(10.0) is None
        with pytest.raises(ConfigError, match=r"policy\.toml"):
            policy.look(10.25)
        assert _limit(policy) == "at most 1000"
        assert policy.look(15.0) is None, "it is tried again, with two looks"
        with pytest.raises(ConfigError):
            policy.look(15.25)


def test_a_file_that_was_restored_is_in_force(policy: PolicyFile, file: Path) -> None:
    file.write_text(HALF)
    assert policy.look(10.0) is None
    file.write_text(POLICY)
    assert policy.look(10.25) is None
    assert not _is_settling(policy)


def test_a_file_written_just_before_the_start_is_looked_at_twice(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(HALF)
    pauses: list[float] = []

    def complete_it(seconds: float) -> None:
        pauses.append(seconds)
        file.write_text(POLICY)

    monkeypatch.setattr("time.sleep", complete_it)
    assert _limit(PolicyFile(str(file), settle_s=3600.0)) == "at most 1000"
    assert pauses == [3600.0, 3600.0]
    os.utime(file, (1, 1))
    PolicyFile(str(file), settle_s=3600.0)
    assert len(pauses) == 2, "an old file needs one look"


def test_a_file_that_is_written_without_end_does_not_start_a_gateway(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter(range(1000))
    monkeypatch.setattr("time.sleep", lambda _: file.write_text(f"{POLICY}# {next(counts)}"))
    file.write_text(POLICY)
    with pytest.raises(ConfigError, match="is written again and again"):
        PolicyFile(str(file), settle_s=3600.0)


def test_a_policy_is_read_with_its_own_line_ends(file: Path) -> None:
    file.write_bytes(POLICY.replace("\n", "\r\n").encode())
    assert load_policy(str(file)).roles[0].name == "Operator"
