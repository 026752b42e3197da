"""A write is recorded before it is sent: if the disk takes no record, a write is answered with busy and reads go on."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from scenarios.plant import Plant, adu, exception, open_plant, read_holding, until, words, write_register
from sealbus.records import ALARM_NAME, RecordLog, WriteOutcome, WriteRequested, read
from unit.records.samples import SMALL, FakeDisk

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.gateway.events import GatewayEvents

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))
WRITE, WRITTEN, BUSY = adu(2, write_register(100, 9)), adu(2, write_register(100, 9)), adu(2, exception(6, 6))


def keep_records_on(disk: FakeDisk, plant: Plant) -> GatewayEvents:
    """Make the gateway of the plant keep its record on this disk from now on."""
    audit = plant.process.events
    audit.records.close()
    audit.records = RecordLog.open(
        plant.folder / "on this disk",
        gateway="test",
        limits=SMALL,
        host=disk.host(),
        on_change=audit.record_state_changed,
    )
    return audit


async def test_a_write_is_busy_while_the_disk_fails_and_reads_go_on(plant: Plant) -> None:
    disk = FakeDisk()
    audit = keep_records_on(disk, plant)
    operator = await plant.connect(role="Operator")
    assert await operator.request(WRITE) == WRITTEN
    disk.write_error = errno.EIO
    assert await operator.request(WRITE) == BUSY
    assert await operator.request(READ) == ANSWER
    assert len(plant.device.writes) == 1
    assert (audit.counters.writes_not_recorded, ALARM_NAME in audit.alarms) == (1, True)
    disk.write_error = 0
    await until(lambda: ALARM_NAME not in audit.alarms)
    assert await operator.request(WRITE) == WRITTEN
    kept = [each.record for each in read(plant.folder / "on this disk")]
    assert len([record for record in kept if isinstance(record, WriteRequested)]) == len(plant.device.writes) == 2
    assert len([record for record in kept if isinstance(record, WriteOutcome)]) == 2


async def test_writes_without_a_record_need_the_unsafe_switch(tmp_path: Path) -> None:
    async with open_plant(tmp_path, gateway="unsafe_write_without_record = true") as plant:
        disk = FakeDisk()
        audit = keep_records_on(disk, plant)
        operator = await plant.connect(role="Operator")
        disk.write_error = errno.EIO
        assert await operator.request(WRITE) == WRITTEN
        assert (len(plant.device.writes), audit.counters.writes_not_recorded) == (1, 1)
        assert plant.process.events.alarms.keys() == {ALARM_NAME}


async def test_the_record_of_a_write_exists_when_the_device_receives_it(plant: Plant) -> None:
    seen: list[list[WriteRequested]] = []

    def answer(request: bytes) -> bytes:
        seen.append(plant.records(WriteRequested))
        return plant.device.normal_answer(request)

    plant.device.answer = answer
    operator = await plant.connect(role="Operator")
    assert await operator.request(WRITE) == WRITTEN
    ((requested,),) = seen
    assert (requested.role, requested.address, requested.values) == ("Operator", 100, (9,))
