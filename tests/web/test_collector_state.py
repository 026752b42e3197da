"""The state of the collector: shown to users who may see the connection, and to no others."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

import httpx
import pytest
from msgspec import structs

from sealbus.bus import STATE_TOPIC, decode_collector_state, encode_collector_state
from sealbus.errors import PeerError
from sealbus.plant import (
    CollectorState,
    ConnectionState,
    ConnectionStatus,
    PollState,
    Problem,
    SamplesState,
    with_collector_id,
)
from web.live_people import a_scene
from web.live_site import PATIENCE_S

if TYPE_CHECKING:
    from web.live_site import Site


def _connection(number: int) -> ConnectionState:
    poll = PollState(
        device_id=1, interval_s=1.0, tags=50, requests_per_round=1, rounds=1, requests=1, failures=1, overruns=0,
        lag_s=0.001, took_s=0.1, refused=(7,),
    )  # fmt: skip
    return ConnectionState(
        id=number, name=f"line {number}", url="tcp://10.0.0.5:502", status=ConnectionStatus.REFUSED, why="no rule names it",
        since_us=5, last_answer_us=None, address="", sent=1, answered=0, silent=1, connects=0, connect_failures=1, waiting=0,
        silent_units=(3,), overruns=0, polls=(poll, poll),
    )  # fmt: skip


async def _ask(site: Site, token: str = "", path: str = "/api/v1/collector", *, session: str = "") -> httpx.Response:
    headers = {"Cookie": f"sealbus={session}"} if session else {"Authorization": f"Token {token}"}
    async with httpx.AsyncClient(base_url=site.origin, headers=headers, timeout=PATIENCE_S) as http:
        return await http.get(path)


async def test_a_user_gets_visible_connections_and_problems_only(site: Site) -> None:
    anna, berta = a_scene(site), a_scene(site)
    own = site.do("connection", name="own", group=anna.group)
    site.do("connection", name="theirs", group=berta.group)
    problems = tuple(
        Problem(what=what, id=number, text="it does not fit")
        for what, number in (("tag", anna.tags[0]), ("tag", berta.tags[0]), ("device", anna.device), ("networks", 0))
    )
    state = CollectorState(
        plan_version=1, connections=tuple(map(_connection, range(1, 1_000))), problems=problems, tags=1, samples=1,
        sample_losses=0, commands_under_way=0, clock_set_back=0, clock_ahead_s=0.0,
    )  # fmt: skip
    assert decode_collector_state(encode_collector_state(state)) == state

    async def answer(payload: bytes) -> bytes:
        return encode_collector_state(state)

    async with site.collector() as collector:
        collector.bus.serve(with_collector_id(STATE_TOPIC), answer)
        body = (await _ask(site, site.do("token", user=anna.user))).json()
    assert body["answers"]
    (connection,) = body["connections"]
    assert connection["id"] == own
    assert (connection["status"], connection["why"], connection["silent_units"]) == ("refused", "no rule names it", [3])
    assert {(each["what"], each["id"]) for each in body["problems"]} == {("tag", anna.tags[0]), ("device", anna.device)}


async def test_administrators_see_in_the_state_and_in_health_that_samples_cannot_be_spooled_and_how_many_are_lost(
    site: Site,
) -> None:
    viewer = a_scene(site)
    anna = site.do("user", name="an administrator", actions=["view", "administer"])
    problem = "samples cannot be spooled: No space left on device; 500000 wait in memory, 0 on disk, 1204 are lost"
    history = SamplesState(
        in_memory=500_000,
        lost=1204,
        lost_from_us=1_700_000_000_000_000,
        lost_to_us=1_700_000_060_000_000,
        problem=problem,
    )
    empty = CollectorState(
        plan_version=1, connections=(), problems=(), tags=1, samples=1,
        sample_losses=0, commands_under_way=0, clock_set_back=0, clock_ahead_s=0.0,
    )  # fmt: skip
    states = [
        structs.replace(empty, history=history),
        structs.replace(empty, history=structs.replace(history, problem="")),
    ]

    async def answer(payload: bytes) -> bytes:
        return encode_collector_state(states[0])

    session = site.do("session", user=anna)
    with contextlib.closing(sqlite3.connect(site.home / "history.sqlite3")) as store:
        store.execute("CREATE TABLE IF NOT EXISTS meta_of_this_test (a)")
    async with site.collector() as collector:
        collector.bus.serve(with_collector_id(STATE_TOPIC), answer)
        shown = (await _ask(site, session=session)).json()["history"]
        assert (shown["lost"], shown["problem"]) == (1204, problem)
        assert (await _ask(site, site.do("token", user=viewer.user))).json()["history"] is None
        lost = "1204 samples are lost, from 2023-11-14T22:13:20+00:00 to 2023-11-14T22:14:20+00:00"
        await _wait_for_parts(site, session, {"history": problem, "lost samples": lost})
        del states[0]  # the disk has room again; what is lost stays told
        await _wait_for_parts(site, session, {"history": "", "lost samples": lost})


async def _wait_for_parts(site: Site, session: str, wanted: dict[str, str]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            parts = (await _ask(site, session=session, path="/api/v1/health")).json()["parts"]
            found = {part["name"]: part["problem"] for part in parts}
            if {name: found[name] for name in wanted} == wanted:
                return
            await asyncio.sleep(0.1)


async def test_without_a_collector_the_answer_is_false(site: Site) -> None:
    answer = await _ask(site, site.do("token", user=a_scene(site).user))
    assert answer.json() == {"answers": False, "connections": [], "problems": [], "history": None}


async def test_without_a_valid_token_nothing_is_answered(site: Site) -> None:
    assert (await _ask(site, "sealbus_no")).status_code == 401


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x90" * 5_000, b"\x82\xa1a\x01\xa1b\x02"])
def test_bytes_that_are_not_a_state_are_a_peer_error(payload: bytes) -> None:
    with pytest.raises(PeerError):
        decode_collector_state(payload)
