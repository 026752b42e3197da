"""The metrics page at http://127.0.0.1:PORT/metrics before and after requests, denials, failures and alarms."""

from __future__ import annotations

import asyncio
import tomllib
import urllib.request
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ports import free_ports
from scenarios.plant import POLICY, Plant, adu, exception, open_plant, read_holding, until, words, write_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Samples = dict[str, dict[str, float]]


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    metrics = f'metrics = "127.0.0.1:{free_ports(1)}"'
    async with open_plant(tmp_path, gateway=metrics, device="timeout = 0.3") as plant:
        yield plant


async def scrape(plant: Plant) -> Samples:
    """All samples by name, then by the value of their only label ("" without one)."""
    address = tomllib.loads((plant.folder / "gateway.toml").read_text())["gateway"]["metrics"]
    with await asyncio.to_thread(urllib.request.urlopen, f"http://{address}/metrics", timeout=5) as response:
        text = response.read().decode()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return samples


def device_of(plant: Plant) -> str:
    (url,) = plant.process.gateway.channels
    return url


async def test_requests_denials_writes_and_sessions_are_counted(plant: Plant) -> None:
    viewer, operator = await plant.connect(role="Viewer"), await plant.connect()
    for _ in range(3):
        assert (await viewer.request(adu(1, read_holding(10, 1))))[7] == 3
    assert await viewer.request(adu(2, write_register(100, 1))) == adu(2, exception(6, 1))
    assert await operator.request(adu(3, write_register(100, 1))) == adu(3, write_register(100, 1))
    seen = await scrape(plant)
    counted = {name: seen[f"sealbus_{name}_total"][""] for name in ("requests", "denials", "writes", "connections")}
    assert counted == {"requests": 5, "denials": 1, "writes": 1, "connections": 2}
    assert list(seen["sealbus_sessions"].values()) == [2]
    device = device_of(plant)
    assert seen["sealbus_device_sent_total"][device] == seen["sealbus_device_answered_total"][device] == 4
    assert seen["sealbus_device_connections"][device] == 1

    await viewer.close()
    (service,) = plant.process.gateway.services.values()
    await until(lambda: len(service.sessions) == 1)
    after = await scrape(plant)
    assert list(after["sealbus_sessions"].values()) == [1]
    assert after["sealbus_requests_total"][""] == 5, "requests of ended sessions stay counted"


async def test_handshakes_that_fail_are_counted(plant: Plant) -> None:
    assert await plant.attempt(None, None) == b""
    counters = plant.process.events.counters
    await until(lambda: counters.handshake_failures == 1)
    assert (await scrape(plant))["sealbus_handshake_failures_total"][""] == 1


async def test_a_silent_device_and_its_units_are_shown(plant: Plant) -> None:
    client = await plant.connect()
    plant.device.answer = lambda request: None
    for _ in range(3):
        assert await client.request(adu(1, read_holding(10, 1), unit=3)) == adu(1, exception(3, 0x0B), unit=3)
    seen = await scrape(plant)
    device = device_of(plant)
    assert seen["sealbus_device_silent_total"][device] == 3
    assert seen["sealbus_device_silent_units"][device] == 1


async def test_days_left_state_of_the_record_and_alarms_are_shown(plant: Plant) -> None:
    seen = await scrape(plant)
    days = {name.rpartition("/")[2]: value for name, value in seen["sealbus_certificate_days_left"].items()}
    assert days.keys() == {"gateway.crt", "ca.crt"}
    assert all(299 < left < 301 for left in days.values())
    assert seen["sealbus_records_state"] == {"ok": 1}
    assert "sealbus_alarm" not in seen

    plant.change("policy.toml", "[[role]")
    await until(lambda: bool(plant.process.events.alarms))
    seen = await scrape(plant)
    assert seen["sealbus_alarm"] == {f"reload of {plant.folder / 'policy.toml'}": 1}
    assert seen["sealbus_reload_failures_total"][""] == 1

    plant.change("policy.toml", POLICY + "\n# mended\n")
    await until(lambda: not plant.process.events.alarms)
    seen = await scrape(plant)
    assert "sealbus_alarm" not in seen
    assert seen["sealbus_reloads_total"][""] == 1


async def test_special_characters_in_names_do_not_break_the_page(tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted"\\ folder'
    odd.mkdir()
    async with open_plant(odd, gateway=f'metrics = "127.0.0.1:{free_ports(1)}"') as plant:
        assert len((await scrape(plant))["sealbus_certificate_days_left"]) == 2


async def test_scrapes_under_load_all_succeed(plant: Plant) -> None:
    clients = [await plant.connect() for _ in range(4)]

    async def load() -> None:
        for turn in range(100):
            for client in clients:
                assert await client.request(adu(turn, read_holding(10, 1))) == adu(turn, words(10))
            if turn % 10 == 0:
                clients.append(await plant.connect())
                await clients.pop(0).close()

    working = asyncio.create_task(load())
    scraped = 0
    while not working.done():
        assert "sealbus_requests_total" in await scrape(plant)
        scraped += 1
    await working
    assert scraped > 3
