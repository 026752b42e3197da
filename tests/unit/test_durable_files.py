"""Files appear whole, private ones are private from the first byte on, and nothing is overwritten by accident."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from sealbus.durable_files import PRIVATE, PUBLIC, locked, write_atomically
from sealbus.errors import ConfigError


@pytest.fixture
def no_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("no_umask")
@pytest.mark.parametrize("replace", [True, False])
def test_a_private_file_is_never_open_to_others(tmp_path: Path, replace: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(os.fstat(descriptor).st_mode)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(tmp_path / "a.key", b"secret", mode=PRIVATE, replace=replace)
    assert stat.S_IMODE(seen[0]) == 0o600
    assert _mode(tmp_path / "a.key") == 0o600
    write_atomically(tmp_path / "a.crt", b"open", mode=PUBLIC, replace=replace)
    assert _mode(tmp_path / "a.crt") == 0o644


def test_a_replaced_file_is_another_file_with_the_new_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_atomically(path, b"new", mode=PRIVATE, replace=True)
    assert (path.read_bytes(), _mode(path)) == (b"new", 0o600)


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(b"old")
    with pytest.raises(ConfigError, match="exists and is not overwritten"):
        write_atomically(path, b"new", mode=PRIVATE, replace=False)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.key"]


def test_a_disk_that_refuses_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.crt"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new", mode=PUBLIC, replace=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.crt"]


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_system_without_hard_links_does_as_well(
    tmp_path: Path, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "a.key"
    if taken:
        path.write_bytes(b"old")
        with pytest.raises(ConfigError):
            write_atomically(path, b"new", mode=PRIVATE, replace=False)
    else:
        write_atomically(path, b"new", mode=PRIVATE, replace=False)
    assert path.read_bytes() == (b"old" if taken else b"new")
    assert os.listdir(tmp_path) == ["a.key"]


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with locked(tmp_path / ".lock"):
            order.append("second")

    with locked(tmp_path / ".lock"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert _mode(tmp_path / ".lock") == 0o600
