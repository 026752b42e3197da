"""A live socket opens for a caller who may view something, from a page of the site or with a token; it closes with that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from sealbus.samples import Sample
from web.live_people import a_scene
from web.live_site import now_us

if TYPE_CHECKING:
    from web.live_people import Scene
    from web.live_site import Site

SIGNED_OUT, NO_RIGHT = 4401, 4403


async def test_a_page_of_the_site_gets_in_with_its_session(site: Site) -> None:
    anna = a_scene(site)
    async with site.connect(session=site.do("session", user=anna.user)) as client:
        assert (await client.ask("ping"))["id"] == 1


async def test_a_program_gets_in_with_its_token_and_needs_no_origin(site: Site) -> None:
    anna = a_scene(site)
    async with site.connect(token=site.do("token", user=anna.user)) as client:
        assert (await client.ask("ping"))["id"] == 1


async def test_a_caller_without_credentials_is_refused(site: Site) -> None:
    assert await site.refused() == 401


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1"]
)
async def test_a_page_of_another_origin_does_not_get_in_with_the_session_of_a_user(
    site: Site, origin: str | None
) -> None:
    session = site.do("session", user=a_scene(site).user)
    assert await site.refused(session=session, origin=origin and origin.format(port=site.port)) == 403
    assert await site.refused(session=session) == 101


@pytest.mark.parametrize("path", ["/ws/live?token={secret}", "/ws/live?authorization=Token%20{secret}"])
async def test_a_token_in_the_url_is_ignored(site: Site, path: str) -> None:
    secret = site.do("token", user=a_scene(site).user)
    assert await site.refused(path=path.format(secret=secret)) == 400
    assert await site.refused(token=secret, path=path.format(secret=secret)) == 400
    assert secret not in site.log()


async def test_an_invalid_token_is_refused_even_with_a_valid_session(site: Site) -> None:
    session = site.do("session", user=a_scene(site).user)
    assert await site.refused(session=session, token="sealbus_wrong", origin=site.origin) == 401


async def test_a_user_without_the_view_right_is_refused(site: Site) -> None:
    anna = a_scene(site, actions=("audit",))
    assert await site.refused(session=site.do("session", user=anna.user)) == 403


@pytest.mark.parametrize("operation", ["switch_off", "revoke"])
async def test_a_revoked_token_or_one_of_a_deactivated_user_is_refused(site: Site, operation: str) -> None:
    anna = a_scene(site)
    token = site.do("token", user=anna.user)
    assert await site.refused(token=token) == 101
    site.do(operation, user=anna.user)
    assert await site.refused(token=token) == 401


async def test_a_token_without_the_view_action_is_refused(site: Site) -> None:
    anna = a_scene(site, actions=("view", "write"))
    assert await site.refused(token=site.do("token", user=anna.user, actions=["write"])) == 403


async def test_other_paths_and_other_versions_do_not_exist(site: Site) -> None:
    token = site.do("token", user=a_scene(site).user)
    assert await site.refused(token=token, path="/ws/other") == 404
    assert await site.refused(token=token, subprotocols=["sealbus.v2"]) == 400
    async with site.connect(token=token, subprotocols=["sealbus.v2", "sealbus.v1"]) as client:
        assert client.wire.subprotocol == "sealbus.v1"


async def test_one_person_has_at_most_a_hundred_sockets_whatever_the_token(site: Site) -> None:
    anna, bea = a_scene(site), a_scene(site)
    tokens = [site.do("token", user=anna.user), site.do("token", user=anna.user, name="other")]
    other = site.do("token", user=bea.user)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        leave = asyncio.Event()
        arrived = asyncio.Semaphore(0)

        async def stay(token: str) -> None:
            async with site.connect(token=token):
                arrived.release()
                await leave.wait()

        for number in range(100):
            tasks.create_task(stay(tokens[number % 2]))
        for _ in range(100):
            await arrived.acquire()
        assert [await site.refused(token=token) for token in tokens] == [429, 429]
        assert await site.refused(token=other) == 101
        leave.set()


async def test_every_refusal_is_on_record(site: Site) -> None:
    anna = a_scene(site, actions=("audit",))
    assert await site.refused(session=site.do("session", user=anna.user)) == 403
    refusals = [row for row in site.do("audit") if row[1] == anna.name and row[2] == "refused"]
    assert len(refusals) == 1
    assert "/ws/live" in refusals[0][3]


ENDS: dict[str, tuple[bool, Any, int]] = {
    "signs out": (False, lambda site, anna, key: site.do("sign_out", session=key), SIGNED_OUT),
    "is deactivated": (False, lambda site, anna, key: site.do("switch_off", user=anna.user), SIGNED_OUT),
    "gets another password": (False, lambda site, anna, key: site.do("change_password", user=anna.user), SIGNED_OUT),
    "loses all rights": (False, lambda site, anna, key: site.do("withdraw", user=anna.user), NO_RIGHT),
    "has the token revoked": (True, lambda site, anna, key: site.do("revoke", user=anna.user), SIGNED_OUT),
    "owns a token and is deactivated": (
        True,
        lambda site, anna, key: site.do("switch_off", user=anna.user),
        SIGNED_OUT,
    ),
    "owns a token and loses all rights": (True, lambda site, anna, key: site.do("withdraw", user=anna.user), NO_RIGHT),
}


@pytest.mark.parametrize("what", ENDS)
async def test_the_socket_is_closed_when_its_user(site: Site, what: str) -> None:
    by_token, operation, code = ENDS[what]
    anna = a_scene(site)
    key = site.do("token" if by_token else "session", user=anna.user)
    async with (
        site.collector() as collector,
        site.connect(**{"token" if by_token else "session": key}) as client,
        _bystander(site) as other,
    ):
        await client.ask("subscribe", devices=[anna.device])
        collector.say(Sample(anna.tags[0], now_us(), 1))
        await client.wait_for(anna.tags[0], 1)
        operation(site, anna, key)
        assert await client.closed() == code
        collector.say(Sample(anna.tags[0], now_us(), 2))
        assert not [message for message in client.received if message["type"] == "values"]
        assert (await other.ask("ping"))["type"] == "pong"


async def test_the_socket_is_closed_when_its_session_expires(site: Site) -> None:
    anna = a_scene(site)
    session = site.do("session", user=anna.user)
    async with site.connect(session=session) as client:
        await client.ask("ping")
        site.do("expire", session=session)
        assert await client.closed() == SIGNED_OUT


def _bystander(site: Site) -> Any:
    anna: Scene = a_scene(site)
    return site.connect(token=site.do("token", user=anna.user))
