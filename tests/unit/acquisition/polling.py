"""A device in the place of a channel, and the engine as far as a poll needs it."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, cast

from sealbus.acquisition import SampleClock
from sealbus.acquisition.polls import Poll, PolledTag, PolledUnit
from sealbus.acquisition.tag_states import HeldBack, TagState
from sealbus.client import Failure
from sealbus.plant import DeviceLimits, TagPlan, build_conversion, compile_tag
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealbus.client import Channel, Transaction

__all__ = ["Device", "FakeContext"]

TIMEOUT_S = 1.0


class Device:
    """Takes the place of a channel: register n holds n, requests over `holes` or longer than `limit` are refused.

    Refused with `refusal`: an exception code, or how the request fails; silence lasts a time-out. `failure` fails each one
    at once. `mute` answers nothing, until the test lets it.
    """

    def __init__(self) -> None:
        self.suspects: dict[int, object] = {}
        self.requests: list[tuple[int, int]] = []
        self.anyway: list[bool] = []
        """Of each request, whether it was to be sent although the breaker holds requests back."""
        self.waiting: list[Transaction] = []
        self.holes: set[int] = set()
        self.limit = 125
        self.refusal: int | Failure = 2
        self.mute = False
        self.failure: Failure | None = None

    def submit(self, transaction: Transaction) -> None:
        address, count = struct.unpack(">HH", transaction.request.unit_and_pdu[2:])
        self.requests.append((address, count))
        self.anyway.append(transaction.skips_breaker)
        if self.failure is not None:
            transaction.fail(self.failure)
        elif self.mute:
            self.waiting.append(transaction)
        else:
            asyncio.get_running_loop().call_soon(self.answer, transaction)

    def answer(self, transaction: Transaction) -> None:
        address, count = struct.unpack(">HH", transaction.request.unit_and_pdu[2:])
        refusal = self.refusal if count > self.limit or self.holes & set(range(address, address + count)) else None
        if refusal is Failure.NO_ANSWER:
            asyncio.get_running_loop().call_later(TIMEOUT_S, transaction.fail, refusal)
        elif isinstance(refusal, Failure):
            transaction.fail(refusal)
        elif refusal is not None:
            transaction.finish(bytes((0, 0, 0, 3, 1, 0x83, refusal)))
        else:
            words = struct.pack(f">{count}H", *range(address, address + count))
            transaction.finish(bytes((0, 0, 0, 3 + 2 * count, 1, 3, 2 * count)) + words)


class FakeContext:
    """The engine, as far as a poll needs it, and one device."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = SampleClock()
        self.changes: list[Sample] = []
        self.device = Device()
        self.lags: list[float] = []

    def add_changes(self, changes: Sequence[Sample]) -> None:
        self.changes += changes

    @property
    def samples(self) -> list[Sample]:
        return [change for change in self.changes if not isinstance(change, HeldBack)]

    def record_lag(self, seconds: float) -> None:
        self.lags.append(seconds)

    def poll(self, addresses: Iterable[int], interval_s: float = 1.0, *, max_outstanding: int = 1) -> Poll:
        plans = (TagPlan(id=address, place=f"holding:{address}", interval_s=interval_s) for address in addresses)
        return self.poll_plans(plans, interval_s, max_outstanding=max_outstanding)

    def poll_plans(self, plans: Iterable[TagPlan], interval_s: float = 1.0, *, max_outstanding: int = 1) -> Poll:
        unit = PolledUnit(1, 1, DeviceLimits(), cast("Channel", self.device), max_outstanding)
        polled_tags = []
        for plan in plans:
            tag = compile_tag(plan)
            polled_tags.append(PolledTag(tag, TagState(plan, build_conversion(tag))))
        poll = Poll(unit, polled_tags, interval_s, self)
        poll.start()
        return poll

    def requests(self) -> list[tuple[int, int]]:
        requests, self.device.requests = self.device.requests, []
        return requests

    async def rounds(self, count: int) -> list[tuple[int, int]]:
        """The requests of this many rounds, each a second long."""
        self.requests()
        await asyncio.sleep(count)
        return self.requests()

    def bad(self) -> dict[int, Reason]:
        return {sample.tag_id: sample.reason for sample in self.samples if sample.quality is Quality.BAD}

    def good(self) -> set[int]:
        return {sample.tag_id for sample in self.samples if sample.quality is Quality.GOOD}
