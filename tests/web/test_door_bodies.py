"""How much memory and time bodies get, and from whom."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from sealbus.web.config.bodies import SMALL, BodyBudget, BodyRefused, ClientDisconnected
from sealbus.web.config.limits import ServerLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sealbus.web.config.bodies import TakenBody

_MIB = 1 << 20
_SCOPE: Any = {"path": "/api/v1/x", "headers": []}


def _arriving(*pieces: bytes, then: str = "end") -> Callable[[], Awaitable[Any]]:
    """A body in pieces, and then its end, the end of the connection, or silence."""
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if then == "end":
        events[-1]["more_body"] = False
    elif then == "gone":
        events.append({"type": "http.disconnect"})
    left = iter(events)

    async def receive() -> Any:
        event = next(left, None)
        return event or await asyncio.get_running_loop().create_future()

    return receive


async def _take(
    budget: BodyBudget, pieces: Sequence[bytes], *, group: str = "192.0.2.7", is_known: bool = True, then: str = "end"
) -> TakenBody:
    return await budget.take(_SCOPE, _arriving(*pieces, then=then), group=group, is_known=is_known)


async def _refused(budget: BodyBudget, pieces: Sequence[bytes], **options: Any) -> HTTPStatus:
    with pytest.raises(BodyRefused) as refused:
        await _take(budget, pieces, **options)
    return refused.value.status


async def test_a_caller_who_is_not_known_sends_small_bodies_only() -> None:
    budget = BodyBudget(ServerLimits())
    assert len((await _take(budget, [bytes(SMALL)], is_known=False)).content) == SMALL
    assert await _refused(budget, [bytes(SMALL), b"x"], is_known=False) is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert len((await _take(budget, [bytes(_MIB)] * 8)).content) == 8 * _MIB


async def test_large_bodies_leave_room_for_small_ones() -> None:
    """Eight addresses fill what large bodies may use; a small body still finds room."""
    budget = BodyBudget(ServerLimits())
    held = [await _take(budget, [bytes(8 * _MIB - 1)], group=f"192.0.2.{number}") for number in range(12)]
    assert await _refused(budget, [bytes(8 * _MIB - 1)]) is HTTPStatus.SERVICE_UNAVAILABLE
    assert (await _take(budget, [b"small"])).content == b"small"
    budget.give_back(held[0])
    assert len((await _take(budget, [bytes(8 * _MIB - 1)])).content) == 8 * _MIB - 1


async def test_one_address_has_a_share_of_the_large_bodies() -> None:
    budget = BodyBudget(ServerLimits())
    for _ in range(4):
        await _take(budget, [bytes(8 * _MIB)])
    assert await _refused(budget, [bytes(8 * _MIB)]) is HTTPStatus.SERVICE_UNAVAILABLE
    assert (await _take(budget, [b"small"])).content == b"small"
    assert len((await _take(budget, [bytes(_MIB)], group="192.0.2.8")).content) == _MIB


@pytest.mark.parametrize(
    "limits", [ServerLimits(body_grace_s=0.05, body_bytes_per_s=1e9), ServerLimits(body_s=0.05, body_bytes_per_s=1.0)]
)
async def test_a_body_behind_its_least_rate_or_over_its_time_is_refused_and_its_memory_returned(
    limits: ServerLimits,
) -> None:
    budget = BodyBudget(limits, 4 * SMALL)
    for _ in range(8):
        assert await _refused(budget, [bytes(SMALL)], then="silence") is HTTPStatus.REQUEST_TIMEOUT
    assert (await _take(budget, [b"small"])).content == b"small"


async def test_the_memory_of_a_client_that_has_gone_is_returned() -> None:
    budget = BodyBudget(ServerLimits(), 4 * SMALL)
    for _ in range(8):
        with pytest.raises(ClientDisconnected):
            await _take(budget, [bytes(SMALL)], then="gone")
    assert (await _take(budget, [b"small"])).content == b"small"
