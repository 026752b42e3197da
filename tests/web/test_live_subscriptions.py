"""A client gets the tags that it subscribed to and may see, the newest sample of each, regardless of other clients."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealbus.samples import Quality, Reason, Sample
from web.live_people import a_scene
from web.live_site import PATIENCE_S, now_us

if TYPE_CHECKING:
    from web.live_site import Collector, Site

NOBODY_COLLECTS = [None, None, Quality.BAD, Reason.NOT_COLLECTED]
DISCONNECTED = "disconnected a live client that does not read"
POLICY, TOO_BIG, NOT_TEXT = 1008, 1009, 1003
SLEEPERS, MAX_TURNS = 5, 400


async def test_a_client_gets_a_snapshot_and_then_the_changes(site: Site) -> None:
    anna = a_scene(site)
    first, second, third = anna.tags
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        await client.wait_for_state("live")
        collector.say(Sample(first, 1_000_000, 1.5), Sample(second, 1_000_000, None, Quality.BAD, Reason.TIMEOUT))
        await _settled(site, collector, anna.user, first)
        snapshot = await client.ask("subscribe", tags=[first], devices=[anna.device])
        assert snapshot["samples"] == [
            [first, 1_000_000, 1.5, 0, 0],
            [second, 1_000_000, None, Quality.BAD, Reason.TIMEOUT],
            [third, *NOBODY_COLLECTS],
        ]
        collector.say(Sample(third, 2_000_000, "open"), Sample(first, 2_000_000, True))
        assert (await client.receive("values"))["samples"] == [
            [first, 2_000_000, True, 0, 0],
            [third, 2_000_000, "open", 0, 0],
        ]


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 2**53 + 1, 1e308, 5e-324, -0.0, 'a "quoted" \u2028 <b>\x07'])
async def test_a_value_is_sent_exactly(site: Site, value: float | str) -> None:
    anna = a_scene(site, tags=1)
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("subscribe", tags=anna.tags)
        await client.wait_for_state("live")
        collector.say(Sample(anna.tags[0], now_us(), value))
        sent = (await client.wait_for(anna.tags[0], value))[2]
        assert repr(sent) == repr(value)


async def test_a_tag_that_is_not_visible_looks_like_one_that_does_not_exist(site: Site) -> None:
    anna = a_scene(site)
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        number = await client.send(
            "subscribe", tags=[anna.foreign[0], 10**12, anna.tags[0]], devices=[anna.foreign_device, 10**12]
        )
        assert [each[0] for each in (await client.receive("snapshot"))["samples"]] == [anna.tags[0]]
        assert await client.receive("refused") == {
            "type": "refused",
            "id": number,
            "tags": [anna.foreign[0], 10**12],
            "devices": [anna.foreign_device, 10**12],
        }
        await client.wait_for_state("live")
        collector.say(Sample(anna.foreign[0], now_us(), 1), Sample(anna.tags[0], now_us(), 2))
        assert [each[0] for each in (await client.receive("values"))["samples"]] == [anna.tags[0]]
    await _recorded(site, anna.name)


async def test_an_answer_goes_only_to_the_client_that_asked(site: Site) -> None:
    anna, berta = a_scene(site), a_scene(site)
    async with (
        site.collector() as collector,
        site.connect(token=site.do("token", user=anna.user)) as his,
        site.connect(token=site.do("token", user=berta.user)) as hers,
    ):
        await his.ask("subscribe", tags=anna.tags)
        await hers.ask("subscribe", tags=berta.tags)
        await hers.wait_for_state("live")
        collector.say(*[Sample(tag_id, now_us(), 1) for tag_id in anna.tags + berta.tags])
        await his.wait_for(anna.tags[0], 1)
        samples = (await hers.receive("values"))["samples"]
        assert {each[0] for each in samples} == set(berta.tags)


async def test_unsubscribing_ends_the_values(site: Site) -> None:
    anna = a_scene(site)
    first, second, _ = anna.tags
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("subscribe", tags=[first, second])
        await client.wait_for_state("live")
        await client.ask("unsubscribe", tags=[first])
        collector.say(Sample(first, now_us(), 1), Sample(second, now_us(), 1))
        assert [each[0] for each in (await client.receive("values"))["samples"]] == [second]


async def test_a_right_that_is_taken_away_ends_its_subscriptions_and_no_others(site: Site) -> None:
    anna, berta = a_scene(site), a_scene(site)
    site.do("user", name=anna.name, actions=["view"], group=berta.group)
    async with site.collector() as collector, site.connect(session=site.do("session", user=anna.user)) as client:
        await client.ask("subscribe", tags=[anna.tags[0], berta.tags[0]], devices=[berta.device])
        await client.wait_for_state("live")
        site.do("withdraw", user=anna.user, group=berta.group)
        ended = await client.receive("ended")
        assert (ended["tags"], ended["devices"]) == ([berta.tags[0]], [berta.device])
        collector.say(*[Sample(tag_id, now_us(), 7) for tag_id in berta.tags + anna.tags[:1]])
        assert {each[0] for each in (await client.receive("values"))["samples"]} == {anna.tags[0]}
        snapshot = await client.ask("subscribe", tags=[berta.tags[0]])
        assert snapshot["samples"] == []


async def test_a_new_tag_of_a_subscribed_device_is_sent_and_an_archived_device_ends(site: Site) -> None:
    anna = a_scene(site, tags=1)
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("subscribe", devices=[anna.device])
        await client.ask("subscribe", tags=[anna.tags[0]])
        new = site.do("add_tag", device=anna.device, name="new")
        assert (await client.wait_for(new))[1:] == NOBODY_COLLECTS
        collector.say(Sample(new, now_us(), 3))
        await client.wait_for(new, 3)
        site.do("archive_tag", tag=anna.tags[0])
        assert (await client.receive("ended"))["tags"] == [anna.tags[0]]


async def test_a_new_tag_can_be_subscribed_to_immediately(site: Site) -> None:
    anna = a_scene(site, tags=1)
    async with site.connect(token=site.do("token", user=anna.user)) as client:
        for number in range(10):
            new = site.do("add_tag", device=anna.device, name=f"new {number}")
            assert (await client.ask("subscribe", tags=[new]))["samples"] == [[new, *NOBODY_COLLECTS]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        '{"type":"subscribe"}',
        '{"type":"publish","id":1}',
        '{"type":"ping","id":1,"more":1}',
        '{"type":"ping","id":-1}',
        '{"type":"ping","id":1.5}',
        '{"type":"ping","id":9007199254740992}',
        '{"type":"subscribe","id":1,"tags":["1"]}',
        '{"type":"subscribe","id":1,"tags":[-1]}',
        '{"type":"subscribe","id":1,"tags":[9223372036854775808]}',
        '{"type":"subscribe","id":1,"tags":{"all":true}}',
        '{"type":"subscribe","id":1,"devices":null}',
        '{"type":"subscribe","id":1,"groups":[1]}',
        '{"type":"subscribe","id":1,"tags":' + "[" * 20_000 + "]" * 20_000 + "}",
        '{"type":"subscribe","id":1,"tags":[' + ",".join(["7"] * 5_001) + "]}",
        '{"type":"subscribe","id":1,"devices":[' + ",".join(["7"] * 1_001) + "]}",
    ],
    ids=lambda text: text[:50],
)
async def test_a_malformed_message_gets_an_error_and_ends_the_socket(site: Site, text: str) -> None:
    anna = a_scene(site, tags=1)
    async with site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("ping")
        await client.wire.send(text)
        assert (await client.receive("error"))["code"] == "invalid"
        assert await client.closed() == POLICY


async def test_a_message_of_a_mebibyte_ends_the_socket(site: Site) -> None:
    async with site.connect(token=site.do("token", user=a_scene(site).user)) as client:
        await client.wire.send("x" * 1024 * 1024)
        assert await client.closed() == TOO_BIG


async def test_bytes_end_the_socket(site: Site) -> None:
    async with site.connect(token=site.do("token", user=a_scene(site).user)) as client:
        await client.wire.send(b'{"type":"ping","id":1}')
        assert await client.closed() == NOT_TEXT


async def test_forty_messages_in_a_row_are_answered_and_a_thousand_end_the_socket(site: Site) -> None:
    async with site.connect(token=site.do("token", user=a_scene(site).user)) as client:
        for _ in range(40):
            await client.send("ping")
        for number in range(40):
            assert (await client.receive("pong"))["id"] == number + 1
        for _ in range(1_000):
            await client.send("ping")
        assert (await client.receive("error"))["code"] == "too-often"
        assert await client.closed() == POLICY


async def test_one_socket_has_at_most_five_thousand_tags(site: Site) -> None:
    anna = a_scene(site, tags=5_001)
    async with site.connect(token=site.do("token", user=anna.user)) as client:
        number = await client.send("subscribe", devices=[anna.device])
        problem = await client.receive("error")
        assert (problem["id"], problem["code"]) == (number, "too-many")
        await client.send("subscribe", tags=anna.tags[:5_000])
        tag_ids: list[int] = []
        while True:
            snapshot = await client.receive("snapshot")
            tag_ids += [each[0] for each in snapshot["samples"]]
            if not snapshot["more"]:
                break
        assert tag_ids == anna.tags[:5_000]


async def test_a_client_that_does_not_read_is_disconnected_and_delays_no_other(site: Site) -> None:
    anna = a_scene(site, tags=2_000)
    token = site.do("token", user=anna.user)
    before, known = _resident_bytes(site), site.log().count(DISCONNECTED)
    async with site.collector() as collector, site.connect(token=token) as quick:
        await quick.ask("subscribe", tags=anna.tags[:1])
        await quick.wait_for_state("live")
        sleepers = [await _sleeper(site, token, anna.device) for _ in range(SLEEPERS)]
        turn = beside_all = most = 0
        while (cut := site.log().count(DISCONNECTED) - known) < SLEEPERS:
            assert turn < MAX_TURNS, "they are still there"
            turn += 1
            collector.say(*[Sample(tag_id, now_us(), f"{turn} {'x' * 200}") for tag_id in anna.tags])
            await quick.wait_for(anna.tags[0], f"{turn} {'x' * 200}")
            beside_all += not cut
            most = max(most, _resident_bytes(site))
        assert beside_all > 2, "clients that read got the new values"
        assert most - before < 60 * 1024 * 1024
        for sleeper in sleepers:
            assert await asyncio.to_thread(_is_cut, sleeper)


async def test_a_malformed_live_message_is_dropped_and_stops_nothing(site: Site) -> None:
    anna = a_scene(site)
    async with site.collector() as collector, site.connect(token=site.do("token", user=anna.user)) as client:
        await client.ask("subscribe", tags=anna.tags)
        await client.wait_for_state("live")
        for junk in (b"", b"\xc1", b"\x95" * 100, json.dumps({"tags": anna.tags}).encode()):
            collector.bus.publish("live", junk)
        collector.say(Sample(anna.tags[0], now_us(), 5))
        assert (await client.wait_for(anna.tags[0]))[2] == 5


async def _settled(site: Site, collector: Collector, user: int, tag_id: int) -> None:
    """Wait until the site has received the last sample."""
    async with site.connect(token=site.do("token", user=user, name="witness")) as witness:
        while True:
            (sample,) = (await witness.ask("subscribe", tags=[tag_id]))["samples"]
            if sample[2] is not None:
                return
            await asyncio.sleep(0.06)


async def _recorded(site: Site, name: str) -> None:
    """A refusal of this person is in the audit, once."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := [row for row in site.do("audit") if row[2] == "refused" and row[1].startswith(name)]):
            await asyncio.sleep(0.05)
    assert len(found) == 1


async def _sleeper(site: Site, token: str, device: int) -> socket.socket:
    """A client that subscribes to a device and never reads again."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.to_thread(wire.connect, ("127.0.0.1", site.port))
    head = f"GET /ws/live HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nAuthorization: Token {token}\r\n"
    head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    message = json.dumps({"type": "subscribe", "id": 1, "devices": [device]}).encode()
    frame = bytes((0x81, 0x80 | len(message))) + bytes(4) + message  # masked with zeros
    await asyncio.to_thread(wire.sendall, head.encode())
    assert (await asyncio.to_thread(wire.recv, 12)) == b"HTTP/1.1 101"
    await asyncio.to_thread(wire.sendall, frame)
    return wire


def _is_cut(wire: socket.socket) -> bool:
    """Whether the server has closed the connection: the bytes that it sent can be read, then comes the end."""
    wire.settimeout(PATIENCE_S)
    try:
        while wire.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    finally:
        wire.close()
    return True


def _resident_bytes(site: Site) -> int:
    for line in Path(f"/proc/{site.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError
