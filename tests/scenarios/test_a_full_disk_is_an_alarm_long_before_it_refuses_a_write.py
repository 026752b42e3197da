"""A real disk fills up: first an alarm, then writes use the reserve, then they are refused. Reads are never refused.

As soon as there is room, writes go on, the alarm is cleared, and the record reports how much was lost.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from scenarios.plant import Plant, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import (
    ALARM_NAME,
    Alarm,
    AlarmState,
    Denied,
    Outcome,
    RecordsFull,
    RecordsLost,
    RecordState,
    WriteOutcome,
    WriteRequested,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE = adu(2, write_register(100, 9))
BUSY = adu(2, exception(6, 6))
DENIED_WRITE = adu(3, write_register(100, 5000))
_MIB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB for the records: room for two segments and a little more."""
    place = tmp_path / "records"
    place.mkdir(mode=0o700)
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
async def plant(tmp_path: Path, small_disk: Path) -> AsyncIterator[Plant]:
    (small_disk / "something else").write_bytes(bytes(3 * _MIB))
    async with open_plant(tmp_path) as plant:
        yield plant


def fill(plant: Plant, state: RecordState) -> None:
    """Record writes and their outcomes until the record is in this state."""
    log = plant.process.events.records
    record = WriteRequested(connection=1, peer="", unit=1, function=6, device="", pdu="00" * 3000)
    with contextlib.suppress(RecordsFull):
        while log.state is not state:
            log.append(WriteOutcome(request=log.append(record), outcome=Outcome.DONE))
    assert log.state is state


async def test_a_disk_fills_up_and_gets_room_again(plant: Plant, small_disk: Path) -> None:
    operator = await plant.connect()
    alarms, counters = plant.process.events.alarms, plant.process.events.counters
    assert await operator.request(WRITE) == WRITE
    assert alarms == {}

    fill(plant, RecordState.RESERVE)
    assert "No space left on device" in alarms[ALARM_NAME]
    assert await operator.request(WRITE) == WRITE, "there is an alarm, and nothing is refused"
    assert await operator.request(READ) == ANSWER
    assert await operator.request(DENIED_WRITE) == adu(3, exception(6, 1))
    assert counters.writes_not_recorded == 0

    fill(plant, RecordState.FULL)
    sent = len(plant.device.writes)
    assert await operator.request(WRITE) == BUSY
    assert await operator.request(READ) == ANSWER
    assert await operator.request(DENIED_WRITE) == adu(3, exception(6, 1)), "a denial does not depend on its record"
    assert len(plant.device.writes) == sent
    assert counters.writes_not_recorded == 1
    newcomer = await plant.connect(role="Viewer")
    assert await newcomer.request(READ) == ANSWER

    (small_disk / "something else").unlink()
    await until(lambda: ALARM_NAME not in alarms)
    assert await operator.request(WRITE) == WRITE
    assert [each.state for each in plant.records(Alarm) if each.name == ALARM_NAME][-1] is AlarmState.CLEARED
    lost = plant.records(RecordsLost)
    assert sum(each.by_kind.get("denied", 0) for each in lost) == 2
    assert sum(each.by_kind.get("connected", 0) for each in lost) == 1
    assert plant.records(Denied) == []
    assert not verify(small_disk).breaks
