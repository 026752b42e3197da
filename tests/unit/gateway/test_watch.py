"""A change of a file is seen within half a second, whatever way it was changed, and whatever came of the last one."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from sealbus.gateway import GatewayPace
from sealbus.gateway.watch import FileWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HALF_A_SECOND = 0.5


class Seen:
    """Counts changes."""

    def __init__(self, *files: Path) -> None:
        self.times = 0
        self.files = [str(file) for file in files]
        self.watch = FileWatch(lambda: self.files, self.changed, interval_s=GatewayPace().watch_s)
        self.watch.start()

    def changed(self) -> None:
        self.times += 1

    async def after_a_moment(self) -> int:
        await asyncio.sleep(HALF_A_SECOND)
        return self.times


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text("one")
    os.utime(file, (1, 1))
    return file


@pytest.fixture
async def seen(file: Path) -> AsyncIterator[Seen]:
    seen = Seen(file)
    yield seen
    seen.watch.stop()


async def test_nothing_is_said_while_nothing_changes(seen: Seen) -> None:
    for _ in range(5):
        assert await seen.after_a_moment() == 0


async def test_a_file_that_is_written_in_place_is_seen_once(seen: Seen, file: Path) -> None:
    file.write_text("two")
    assert await seen.after_a_moment() == 1
    assert await seen.after_a_moment() == 1


async def test_a_file_that_is_replaced_is_seen_even_with_the_same_size_and_time(seen: Seen, file: Path) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text("two")
    os.utime(fresh, (1, 1))
    fresh.replace(file)
    assert await seen.after_a_moment() == 1


async def test_a_link_that_is_switched_is_seen(tmp_path: Path, file: Path) -> None:
    other, link = tmp_path / "other.toml", tmp_path / "link.toml"
    other.write_text("two")
    os.utime(other, (1, 1))
    link.symlink_to(file)
    seen = Seen(link)
    fresh = tmp_path / "fresh"
    fresh.symlink_to(other)
    fresh.replace(link)
    assert await seen.after_a_moment() == 1
    seen.watch.stop()


async def test_a_file_that_goes_away_is_seen_and_is_seen_when_it_is_back(seen: Seen, file: Path) -> None:
    file.unlink()
    assert await seen.after_a_moment() == 1
    file.write_text("one")
    assert await seen.after_a_moment() == 2


async def test_the_files_are_asked_for_each_time(seen: Seen, tmp_path: Path) -> None:
    another = tmp_path / "another"
    another.write_text("")
    seen.files.append(str(another))
    assert await seen.after_a_moment() == 1
    another.write_text("more")
    assert await seen.after_a_moment() == 2


async def test_a_change_that_ends_in_an_error_is_not_the_last_that_is_seen(file: Path) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))
    times = 0

    def fail() -> None:
        nonlocal times
        times += 1
        raise ValueError("broken")

    watch = FileWatch(lambda: [str(file)], fail, interval_s=GatewayPace().watch_s)
    watch.start()
    for number in range(3):
        file.write_text("x" * (number + 10))
        await asyncio.sleep(HALF_A_SECOND)
    watch.stop()
    assert times == 3
    assert [type(error) for error in errors] == [ValueError] * 3


async def test_after_stop_nothing_is_seen(seen: Seen, file: Path) -> None:
    seen.watch.stop()
    file.write_text("two")
    assert await seen.after_a_moment() == 0
