"""`sealbus audit verify` names the first changed record. Only one process can write a record."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING

import pytest

from scenarios.gateway_program import open_gateway_program
from scenarios.plant import Plant, adu, exception, open_plant, read_holding, write_register
from scenarios.programs import run, run_sealbus, sealbus
from sealbus.records import Denied, WriteRequested, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
async def records(tmp_path: Path) -> Path:
    """The records of a gateway that has ended, with some writes and a denial."""
    async with open_plant(tmp_path) as plant:
        operator = await plant.connect()
        for value in range(5):
            await operator.request(adu(value, write_register(100, value)))
        assert await operator.request(adu(9, write_register(100, 5000))) == adu(9, exception(6, 1))
        assert len(plant.records(WriteRequested)) == 5
        assert len(plant.records(Denied)) == 1
    return tmp_path / "records"


def segment_of(records: Path) -> Path:
    (segment,) = records.glob("records-*.jsonl")
    return segment


def test_an_untouched_record_is_good(records: Path) -> None:
    done = run_sealbus("audit", "verify", records)
    assert (done.status, done.stderr) == (0, "")
    assert "good" in done.stdout


def test_any_flipped_bit_is_found_in_its_record(records: Path) -> None:
    segment = segment_of(records)
    good = segment.read_bytes()
    dice = random.Random(20)
    for _ in range(100):
        place = dice.randrange(len(good))
        bad = bytearray(good)
        bad[place] ^= 1 << dice.randrange(8)
        segment.write_bytes(bad)
        line = good[:place].count(b"\n") + 1
        assert verify(records).breaks[0].line in (line, line + 1)


def test_audit_verify_names_the_changed_record(records: Path) -> None:
    segment = segment_of(records)
    good = segment.read_bytes()
    segment.write_bytes(good.replace(b'"values":[3]', b'"values":[8]'))
    line = good[: good.index(b'"values":[3]')].count(b"\n") + 1
    done = run_sealbus("audit", "verify", records)
    assert done.status == 1
    assert done.stderr.count("\n") == 1
    assert f"{segment.name}" in done.stderr
    assert f"line {line}" in done.stderr


def without_the_denial(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if b'"denied"' not in line]


def with_two_swapped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def with_one_repeated(lines: list[bytes]) -> list[bytes]:
    return [*lines[:4], lines[3], *lines[4:]]


def with_another_value(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'"values":[4]', b'"values":[9]') for line in lines]


@pytest.mark.parametrize("change", [without_the_denial, with_two_swapped, with_one_repeated, with_another_value])
def test_a_removed_moved_repeated_or_rewritten_record_is_found(
    records: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    segment = segment_of(records)
    good = segment.read_bytes()
    bad = b"".join(change(good.splitlines(keepends=True)))
    assert bad != good
    segment.write_bytes(bad)
    assert verify(records).breaks


async def test_a_second_gateway_on_the_same_record_reports_it_and_ends(plant: Plant) -> None:
    done = await asyncio.to_thread(run, *sealbus("gateway", plant.folder / "gateway.toml"))
    assert done.status == 2
    assert done.stderr.count("\n") == 1
    assert "another process writes its records here" in done.stderr
    assert str(plant.folder / "records") in done.stderr
    operator = await plant.connect()
    assert (await operator.request(adu(1, write_register(100, 1))))[7] == 6
    assert len(plant.records(WriteRequested)) == 1


async def test_the_record_of_a_killed_gateway_can_be_opened_again(tmp_path: Path) -> None:
    async with open_gateway_program(tmp_path) as gateway:
        gateway.program.process.send_signal(signal.SIGKILL)
        await gateway.wait_for_exit()
        again = gateway.programs.start("again", *gateway.program.process.args)  # type: ignore[misc]
        await asyncio.to_thread(again.wait_for, "listening on")


async def test_the_record_can_be_read_and_verified_while_it_is_written(plant: Plant) -> None:
    operator = await plant.connect()
    assert (await operator.request(adu(1, read_holding(1, 1))))[7] == 3
    assert (await operator.request(adu(1, write_register(100, 1))))[7] == 6
    for verb in ("verify", "show"):
        done = await asyncio.to_thread(run, *sealbus("audit", verb, plant.folder / "records"))
        assert (done.status, done.stderr) == (0, "")
