"""The folder of an authority is closed to others whatever the umask is, and a link in its place is refused."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError
from sealbus.security import Authority, KeyFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_nothing_is_open_to_writing_by_others_without_an_umask(tmp_path: Path) -> None:
    folder, out = tmp_path / "plants" / "7" / "ca", tmp_path / "out" / "clients"
    Authority.create(folder, "Plant 7").issue("op", files=KeyFiles(directory=out))
    made = [path for path in tmp_path.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o022]
    assert made == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "issued")} == {0o700}


@pytest.mark.parametrize("name", ["ca", "ca/issued"])
def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True, mode=0o700)
    (tmp_path / name).symlink_to(other)
    with pytest.raises(ConfigError, match="is not a folder, or a link to one"):
        Authority.create(tmp_path / "ca", "Plant 7")
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("name", [".", "issued"])
def test_a_folder_that_others_may_write_to_is_used_no_more(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "ca"
    authority = Authority.create(folder, "Plant 7")
    (folder / name).chmod(0o777)
    with pytest.raises(ConfigError, match=r"may write to the folder \(mode 777\).*chmod go-w"):
        authority.issue("op")
    assert not (folder / "op.key").exists()
    (folder / name).chmod(0o700)
    authority.issue("op")
