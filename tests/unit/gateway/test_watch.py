"""A change of a file is detected within half a second, however it was made, and also after an error in the last callback."""

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


class ChangeCounter:
    """Counts changes."""

    def __init__(self, *files: Path) -> None:
        self.count = 0
        self.files = [str(file) for file in files]
        self.watch = FileWatch(lambda: self.files, self.changed, interval_s=GatewayPace().watch_s)
        self.watch.start()

    def changed(self) -> None:
        self.count += 1

    async def after_half_a_second(self) -> int:
        await asyncio.sleep(HALF_A_SECOND)
        return self.count


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text("one")
    os.utime(file, (1, 1))
    return file


@pytest.fixture
async def counter(file: Path) -> AsyncIterator[ChangeCounter]:
    counter = ChangeCounter(file)
    yield counter
    counter.watch.stop()


async def test_an_unchanged_file_is_not_reported(counter: ChangeCounter) -> None:
    for _ in range(5):
        assert await counter.after_half_a_second() == 0


async def test_a_file_written_in_place_is_reported_once(counter: ChangeCounter, file: Path) -> None:
    file.write_text("two")
    assert await counter.after_half_a_second() == 1
    assert await counter.after_half_a_second() == 1


async def test_a_replaced_file_is_reported_even_with_the_same_size_and_time(counter: ChangeCounter, file: Path) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text("two")
    os.utime(fresh, (1, 1))
    fresh.replace(file)
    assert await counter.after_half_a_second() == 1


async def test_a_switched_link_is_reported(tmp_path: Path, file: Path) -> None:
    other, link = tmp_path / "other.toml", tmp_path / "link.toml"
    other.write_text("two")
    os.utime(other, (1, 1))
    link.symlink_to(file)
    counter = ChangeCounter(link)
    fresh = tmp_path / "fresh"
    fresh.symlink_to(other)
    fresh.replace(link)
    assert await counter.after_half_a_second() == 1
    counter.watch.stop()


async def test_a_removed_file_is_reported_and_again_when_it_is_back(counter: ChangeCounter, file: Path) -> None:
    file.unlink()
    assert await counter.after_half_a_second() == 1
    file.write_text("one")
    assert await counter.after_half_a_second() == 2


async def test_the_list_of_files_is_read_at_each_check(counter: ChangeCounter, tmp_path: Path) -> None:
    another = tmp_path / "another"
    another.write_text("")
    counter.files.append(str(another))
    assert await counter.after_half_a_second() == 1
    another.write_text("more")
    assert await counter.after_half_a_second() == 2


async def test_after_an_error_in_the_callback_further_changes_are_reported(file: Path) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))
    count = 0

    def fail() -> None:
        nonlocal count
        count += 1
        raise ValueError("broken")

    watch = FileWatch(lambda: [str(file)], fail, interval_s=GatewayPace().watch_s)
    watch.start()
    for number in range(3):
        file.write_text("x" * (number + 10))
        await asyncio.sleep(HALF_A_SECOND)
    watch.stop()
    assert count == 3
    assert [type(error) for error in errors] == [ValueError] * 3


async def test_after_stop_no_change_is_reported(counter: ChangeCounter, file: Path) -> None:
    counter.watch.stop()
    file.write_text("two")
    assert await counter.after_half_a_second() == 0
