"""A change of the plan takes effect within a second; unchanged connections and polls keep their sockets and phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from sealbus.plant import DevicePlan, TagPlan

if TYPE_CHECKING:
    from pathlib import Path


def one_tag(number: int) -> TagPlan:
    return TagPlan(id=number, place=f"holding:{number}", interval_s=0.1)


async def test_another_connection_keeps_its_socket_and_its_polls(tmp_path: Path) -> None:
    async with (
        open_device() as first,
        open_device() as second,
        open_device() as third,
        open_collector(tmp_path) as site,
    ):
        kept = connection(1, f"tcp://127.0.0.1:{first.port}", one_tag(1))
        site.apply(kept, connection(2, f"tcp://127.0.0.1:{second.port}", one_tag(2)))
        await site.wait_for_good(1)
        await site.wait_for_good(2)
        rounds = site.collector.state().connections[0].polls[0].rounds
        site.apply(kept, connection(2, f"tcp://127.0.0.1:{third.port}", one_tag(2)))
        await until(lambda: len(third.requests) >= 1)
        passed = site.collector.state().connections[0].polls[0].rounds - rounds
        assert passed <= 10, "ten polls of the other connection take a second"
        await until(lambda: not second.live)
        await until(lambda: site.collector.state().connections[0].polls[0].rounds >= rounds + 5)
        assert first.connections == 1
        state = site.collector.state().connections[0]
        assert state.polls[0].failures == 0


async def test_another_device_of_the_same_connection_keeps_its_polls_and_the_socket(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"tcp://127.0.0.1:{device.port}"
        one = DevicePlan(id=1, unit_id=1, tags=(one_tag(1),))
        site.apply(connection(1, url, devices=(one, DevicePlan(id=2, unit_id=2, tags=(one_tag(2),)))))
        await site.wait_for_good(2)
        await until(lambda: site.collector.state().connections[0].polls[0].rounds > 3)
        rounds = site.collector.state().connections[0].polls[0].rounds
        site.apply(connection(1, url, name="renamed", devices=(one, DevicePlan(id=2, unit_id=3, tags=(one_tag(5),)))))
        kept = next(poll for poll in site.collector.state().connections[0].polls if poll.device_id == 1)
        assert kept.rounds >= rounds, "the poll of the other device is the same object"
        await until(lambda: any(request[6] == 3 for request in device.requests))
        await site.wait_for_good(5, 5)
        state = site.collector.state().connections[0]
        assert device.connections == 1
        assert state.name == "renamed"
        device.requests.clear()
        await until(lambda: len(device.requests) > 6)
        assert {request[6] for request in device.requests} == {1, 3}


async def test_a_new_tag_is_read_within_a_second_and_others_are_not_published_again(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"tcp://127.0.0.1:{device.port}"
        site.apply(connection(1, url, *neighbours(5)))
        await site.wait_for_good(1004)
        site.apply(connection(1, url, *neighbours(6)))
        await until(lambda: bool(site.samples_of(1005)))
        assert [len(site.samples_of(1000 + number)) for number in range(6)] == [1] * 6


async def test_the_same_plan_again_changes_nothing(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        plan = connection(1, f"tcp://127.0.0.1:{device.port}", *neighbours(5))
        site.apply(plan)
        await site.wait_for_good(1004)
        for _ in range(5):
            site.apply(plan)
        rounds = site.collector.state().connections[0].polls[0].rounds
        await until(lambda: site.collector.state().connections[0].polls[0].rounds > rounds)
        assert (device.connections, len(site.samples)) == (1, 5)


async def test_a_tag_that_moves_to_another_device_stays_one_tag(tmp_path: Path) -> None:
    async with open_device() as first, open_device() as second, open_collector(tmp_path) as site:
        second.registers[1] = 77
        urls = f"tcp://127.0.0.1:{first.port}", f"tcp://127.0.0.1:{second.port}"
        site.apply(connection(1, urls[0]), connection(2, urls[1], one_tag(1)))
        await site.wait_for_good(1, 77)
        site.apply(connection(1, urls[0], one_tag(1)), connection(2, urls[1]))
        await site.wait_for_good(1, 1)
        assert site.collector.state().problems == ()
        times = [sample.time_us for sample in site.samples_of(1)]
        assert times == sorted(set(times))


async def test_an_unusable_part_of_a_plan_stops_no_other_part(tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        good = connection(1, f"tcp://127.0.0.1:{device.port}", one_tag(1), TagPlan(id=2, place="holding:x"), one_tag(1))
        broken = [
            connection(2, "tcp//nowhere", one_tag(12)),
            connection(3, "mbaps://127.0.0.1", one_tag(13)),
            connection(4, "tcp://127.0.0.1", one_tag(14), identity="x"),
            connection(5, "tcp://127.0.0.1", one_tag(15), timeout_s=0.0),
            connection(6, "tcp://127.0.0.1:1", one_tag(16), unit_id=700),
        ]
        site.apply(good, *broken, networks=["127.0.0.1 *", "not a network"])
        await site.wait_for_good(1)
        problems = {(problem.what, problem.id) for problem in site.collector.state().problems}
        assert problems == {
            ("tag", 2), ("tag", 1), ("connection", 2), ("connection", 3), ("connection", 4), ("connection", 5),
            ("device", 6), ("networks", 2),
        }  # fmt: skip
        assert all(site.last(number) is not None for number in (2, 12, 13, 14, 15, 16))
