"""The state of the collector, each connection visible only to users who may view its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from sealbus.bus import STATE_TOPIC, CollectorReport, ConnectionReport, ProblemReport, decode_report, encode_report
from sealbus.errors import PeerError
from sealbus.plant import name_of_collector
from web.live_people import a_scene
from web.live_site import PATIENCE_S

if TYPE_CHECKING:
    from web.live_site import Site


def _connection(number: int) -> ConnectionReport:
    return ConnectionReport(
        id=number, status="refused", why="no rule names it", since_us=5, last_answer_us=None, sent=1, answered=0,
        silent=1, silent_units=(3,), identity_problem="", certificate_not_after_us=None,
    )  # fmt: skip


async def _ask(site: Site, token: str) -> httpx.Response:
    headers = {"Authorization": f"Token {token}"}
    async with httpx.AsyncClient(base_url=site.origin, headers=headers, timeout=PATIENCE_S) as http:
        return await http.get("/api/v1/collector")


async def test_a_user_sees_the_connections_and_problems_of_visible_groups(site: Site) -> None:
    anna, berta = a_scene(site), a_scene(site)
    own = site.do("connection", name="own", group=anna.group)
    site.do("connection", name="theirs", group=berta.group)
    problems = tuple(
        ProblemReport(what=what, id=number, text="it does not fit")
        for what, number in (("tag", anna.tags[0]), ("tag", berta.tags[0]), ("device", anna.device), ("networks", 0))
    )
    report = CollectorReport(connections=tuple(map(_connection, range(1, 1_000))), problems=problems)

    async def answer(payload: bytes) -> bytes:
        return encode_report(report)

    async with site.collector() as collector:
        collector.bus.serve(name_of_collector(STATE_TOPIC), answer)
        told = (await _ask(site, site.do("token", user=anna.user))).json()
    assert told["answers"]
    (connection,) = told["connections"]
    assert connection["id"] == own
    assert (connection["status"], connection["why"], connection["silent_units"]) == ("refused", "no rule names it", [3])
    assert {(each["what"], each["id"]) for each in told["problems"]} == {("tag", anna.tags[0]), ("device", anna.device)}


async def test_a_collector_that_does_not_run_is_reported(site: Site) -> None:
    answer = await _ask(site, site.do("token", user=a_scene(site).user))
    assert answer.json() == {"answers": False, "connections": [], "problems": []}


async def test_without_signing_in_nothing_is_shown(site: Site) -> None:
    assert (await _ask(site, "sealbus_no")).status_code == 401


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x90" * 5_000, b"\x82\xa1a\x01\xa1b\x02"])
def test_other_bytes_than_a_report_are_a_peer_error(payload: bytes) -> None:
    with pytest.raises(PeerError):
        decode_report(payload)
