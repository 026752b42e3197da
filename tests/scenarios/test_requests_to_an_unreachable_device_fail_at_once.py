"""Requests to an unreachable device fail with 0A at once while the back-off grows; the device is found again by itself."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from scenarios.plant import (
    PATIENCE_S,
    Plant,
    adu,
    exception,
    open_device,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
)
from sealbus.records import Alarm, AlarmState

if TYPE_CHECKING:
    from pathlib import Path

AWAY = exception(3, 0x0A)


def alarms(plant: Plant) -> list[AlarmState]:
    return [each.state for each in plant.records(Alarm) if each.name.endswith("unreachable")]


async def until_right(plant: Plant) -> None:
    client = await plant.connect()
    async with asyncio.timeout(PATIENCE_S):
        while await client.request(adu(9, read_holding(9, 1))) != adu(9, words(9)):
            await asyncio.sleep(0.01)


async def test_a_device_that_refuses_connections_is_0a_at_once_and_is_not_dialled_for_a_while(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        await plant.device.stop()
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, AWAY)
        (channel,) = plant.process.gateway.channels.values()
        for transaction_id in range(5):
            assert await client.request(adu(transaction_id, read_holding(10, 1))) == adu(transaction_id, AWAY)
        assert channel.counters.connect_failures == 1
        assert alarms(plant) == [AlarmState.RAISED]


async def test_a_device_that_is_reachable_again_is_found_and_the_alarm_ends(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        port = plant.device.port
        await plant.device.stop()
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, AWAY)
        await plant.device.start(port)
        await until_right(plant)
        assert alarms(plant) == [AlarmState.RAISED, AlarmState.CLEARED]


async def test_a_device_that_restarts_is_found_by_the_next_request(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
        (channel,) = plant.process.gateway.channels.values()
        port = plant.device.port
        await plant.device.stop()
        await until(lambda: not channel.open_lines)
        await plant.device.start(port)
        assert await client.request(adu(2, read_holding(20, 1))) == adu(2, words(20))
        assert alarms(plant) == []


async def test_a_device_that_closes_idle_connections_raises_no_alarm(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:
        client = await plant.connect()
        (channel,) = plant.process.gateway.channels.values()
        for turn in range(5):
            assert await client.request(adu(turn, read_holding(turn, 1))) == adu(turn, words(turn))
            plant.device.drop()
            await until(lambda: not channel.open_lines)
        assert plant.device.connections == 5
        assert alarms(plant) == []


async def test_a_device_that_accepts_and_closes_is_not_dialled_for_a_while(tmp_path: Path) -> None:
    async with open_plant(tmp_path) as plant:

        def hang_up(request: bytes) -> None:
            plant.device.drop()

        plant.device.answer = hang_up
        client = await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, exception(3, 0x0B)), "this request was sent"
        for transaction_id in range(3):
            assert await client.request(adu(transaction_id, read_holding(10, 1))) == adu(transaction_id, AWAY)
        assert len(plant.device.requests) == 1
        plant.device.answer = plant.device.normal_answer
        await until_right(plant)


async def test_an_unanswered_connection_attempt_ends_in_time(tmp_path: Path) -> None:
    with socket.socket() as full:  # a full backlog drops further connection attempts
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        lines = f'url = "tcp://127.0.0.1:{full.getsockname()[1]}"\nconnect_timeout = 0.2\ntimeout = 600.0\ndeadline = 1200.0'
        async with open_plant(tmp_path, device=lines) as plant:
            client = await plant.connect()
            assert await client.request(adu(1, read_holding(10, 1))) == adu(1, AWAY)
            assert await client.request(adu(2, write_register(100, 1))) == adu(2, exception(6, 0x0A))
        for each in waiting:
            each.close()


async def test_one_unreachable_device_does_not_delay_another(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
        async with open_device() as device:
            here = f'units = "1-10"\nurl = "tcp://127.0.0.1:{device.port}"'
            away = f'[[listener.device]]\nunits = "11"\nurl = "tcp://127.0.0.1:{nobody.getsockname()[1]}"'
            async with open_plant(tmp_path, policy=_POLICY_TO_11, device=f"{here}\n{away}") as plant:
                client = await plant.connect()
                assert await client.request(adu(1, read_holding(10, 1), unit=11)) == adu(1, AWAY, unit=11)
                assert await client.request(adu(2, read_holding(20, 1))) == adu(2, words(20))


_POLICY_TO_11 = '[[role]]\nname = "Operator"\n[[role.allow]]\nunits = "1-11"\nread = ["holding"]\n'
