"""A value without news is never fresh: without a collector it becomes stale, and newer values come from history."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import httpx
import pytest

from sealbus.bus import LIVE_TOPIC, encode_samples, open_bus
from sealbus.history import HistoryRules, open_history
from sealbus.plant import with_collector_id
from sealbus.samples import US_PER_S, Quality, Reason, Sample
from web.live_people import a_scene
from web.live_site import PATIENCE_S, SHORT, now_us

if TYPE_CHECKING:
    from web.live_site import Site

SIGNS = 4 * math.ceil(SHORT.live.silence_s + 1)
"""More signs of life than fit into the time after which the collector counts as silent."""


async def test_values_become_stale_when_the_collector_is_silent_and_good_when_it_returns(site: Site) -> None:
    anna = a_scene(site, tags=1, stale_after_s=0.5)
    (tag_id,) = anna.tags
    async with (
        site.connect(token=site.do("token", user=anna.user)) as client,
        site.collector() as collector,
    ):
        await client.ask("subscribe", tags=[tag_id])
        time_us = now_us()
        collector.say(Sample(tag_id, time_us, 5))
        assert await client.wait_for(tag_id) == [tag_id, time_us, 5, Quality.GOOD, Reason.NONE]
        collector.stop_publishing()
        await client.wait_for_state("silent")
        assert await client.wait_for(tag_id) == [tag_id, time_us, 5, Quality.STALE, Reason.NOT_REFRESHED]
        collector.say(Sample(tag_id, time_us + 1, 6))
        assert await client.wait_for(tag_id, 6) == [tag_id, time_us + 1, 6, Quality.GOOD, Reason.NONE]
        assert client.received[-1]["state"] == "live"


async def test_keepalives_keep_an_unchanged_value_good(site: Site) -> None:
    anna = a_scene(site, tags=1, stale_after_s=0.5)
    (tag_id,) = anna.tags
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("subscribe", tags=[tag_id])
        collector.say(Sample(tag_id, 1_000_000, 5))  # long ago, by its time
        await client.wait_for(tag_id, 5)
        client.received.clear()
        await collector.wait_for_signs(SIGNS)
        (sample,) = (await client.ask("subscribe", tags=[tag_id]))["samples"]
        assert sample == [tag_id, 1_000_000, 5, Quality.GOOD, Reason.NONE]
        assert client.received == []


async def test_a_message_that_no_process_of_the_site_has_written_changes_no_value(site: Site) -> None:
    anna = a_scene(site, tags=1, stale_after_s=3600)
    (tag_id,) = anna.tags
    async with (
        site.collector() as collector,
        site.connect(token=site.do("token", user=anna.user)) as client,
        open_bus("local:", folder=site.home / "bus", key=bytes(32)) as stranger,
    ):
        await client.ask("subscribe", tags=[tag_id])
        collector.say(Sample(tag_id, now_us(), 5))
        await client.wait_for(tag_id, 5)
        while not stranger.state().connected:
            await asyncio.sleep(0.02)
        client.received.clear()
        for payload in encode_samples([Sample(tag_id, now_us() + 60 * US_PER_S, 4242)]):
            stranger.publish(with_collector_id(LIVE_TOPIC), payload)
        await collector.wait_for_signs(SIGNS)
        collector.say(Sample(tag_id, now_us(), 6))
        await client.wait_for(tag_id, 6)
        assert [message for message in client.received if message["type"] == "values"] == []
        assert "refused a message of the bus on live/main" in site.log()


async def test_values_come_from_history_while_the_bus_is_down(site: Site) -> None:
    anna, berta = a_scene(site, tags=1, stale_after_s=3600), a_scene(site, tags=1, stale_after_s=0.1)
    (tag_id,), (short,) = anna.tags, berta.tags
    site.do("user", name=anna.name, actions=["view"], group=berta.group)
    token = site.do("token", user=anna.user)
    async with site.connect(token=token) as client:
        async with site.collector() as collector:
            await client.ask("subscribe", tags=[tag_id, short])
            collector.say(Sample(tag_id, now_us(), 5))
            await client.wait_for(tag_id, 5)
        await client.wait_for_state("cut-off")
        history = open_history(f"sqlite:///{site.home / 'history.sqlite3'}", rules=HistoryRules())
        time_us = now_us()
        history.append([Sample(tag_id, time_us, 7), Sample(short, time_us, 7)])
        history.close()
        held: dict[int, list[object]] = {}
        while held.get(tag_id, [0] * 5)[2] != 7 or held.get(short, [0] * 5)[2:4] != [7, Quality.STALE]:
            held |= {sample[0]: sample for sample in (await client.receive("values"))["samples"]}
        assert held[tag_id] == [tag_id, time_us, 7, Quality.GOOD, Reason.NONE]
        assert held[short] == [short, time_us, 7, Quality.STALE, Reason.NOT_REFRESHED]
        async with httpx.AsyncClient(base_url=site.origin, headers={"Authorization": f"Token {token}"}) as http:
            body = (await http.get(f"/api/v1/values/{short}", timeout=PATIENCE_S)).json()
        assert (body["state"], body["value"], body["quality"]) == ("cut-off", 7, Quality.STALE)


async def test_tags_that_a_new_collector_does_not_know_are_not_collected(site: Site) -> None:
    anna = a_scene(site, tags=2)
    known, dropped = anna.tags
    async with site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("subscribe", tags=anna.tags)
        async with site.collector() as collector:
            collector.say(Sample(known, now_us(), 1), Sample(dropped, now_us(), 2))
            await client.wait_for(dropped, 2)
        await client.wait_for_state("cut-off")
        async with site.collector(Sample(known, now_us(), 3)):
            held: dict[int, list[object]] = {}
            while held.get(known, [0] * 5)[2] != 3 or held.get(dropped, [0] * 5)[4] != Reason.NOT_COLLECTED:
                held |= {sample[0]: sample for sample in (await client.receive("values"))["samples"]}
            assert held[dropped][2:4] == [2, Quality.STALE]


async def test_values_over_http_are_those_of_the_hub(site: Site) -> None:
    anna = a_scene(site, tags=2)
    token = site.do("token", user=anna.user)
    async with (
        site.collector() as collector,
        site.connect(token=token) as client,
        httpx.AsyncClient(base_url=site.origin, headers={"Authorization": f"Token {token}"}) as http,
    ):
        await client.ask("subscribe", tags=anna.tags)
        collector.say(Sample(anna.tags[0], 5_000_000, 2**64 - 1))
        await client.wait_for(anna.tags[0], 2**64 - 1)
        body = (await http.get(f"/api/v1/values?device={anna.device}", timeout=PATIENCE_S)).json()
        assert (body["state"], body["tags"], body["values"]) == ("live", anna.tags, [2**64 - 1, None])
        assert body["times_us"] == [5_000_000, None]


@pytest.mark.parametrize("file", ["csv", "parquet"])
async def test_an_export_is_streamed_by_the_running_site(site: Site, file: str) -> None:
    anna = a_scene(site, tags=1)
    (tag_id,) = anna.tags
    history = open_history(f"sqlite:///{site.home / 'history.sqlite3'}", rules=HistoryRules())
    history.append([Sample(tag_id, 1_000_000 * index, index) for index in range(100_000)])
    history.close()
    headers = {"Authorization": f"Token {site.do('token', user=anna.user)}"}
    path = f"/api/v1/history/export?tags={tag_id}&start=0&end=1000000000000&file={file}"
    async with (
        httpx.AsyncClient(base_url=site.origin, headers=headers, timeout=PATIENCE_S) as http,
        http.stream("GET", path) as response,
    ):
        assert (response.status_code, response.headers.get("content-length")) == (200, None)
        content = b"".join([piece async for piece in response.aiter_bytes()])
    assert content.count(b"\n") == 100_001 if file == "csv" else content[-4:] == b"PAR1"
