"""One device and its connections: what is dialled when, what waits, what is sent where, and that each ends once."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import TYPE_CHECKING, Any

import pytest

from sealbus.client import Channel, ChannelHooks, ChannelRules, Failure
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError, PeerError, Unreachable
from unit.client.fakes import Dialler, FakeTransport, RecordedTransaction, adu, read, turns, words, write
from unit.client.jumping_loop import stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sealbus.endpoints import Endpoint

REFUSED = Unreachable("connection refused")


@pytest.fixture
def dialler(monkeypatch: pytest.MonkeyPatch) -> Dialler:
    """What the channel dials with; the jitter of its waits is none."""
    dialler = Dialler()
    monkeypatch.setattr("sealbus.client.channel.dial", dialler)
    monkeypatch.setattr("sealbus.client.channel._jitter", lambda: 1.0)
    return dialler


def channel_of(*, hooks: ChannelHooks | None = None, **rules: float) -> Channel:
    return Channel(parse_endpoint("tcp://device.example"), ChannelRules(**rules), hooks=hooks)  # type: ignore[arg-type]


async def connected(dialler: Dialler) -> FakeTransport:
    """Let the last attempt succeed."""
    await turns()
    transport = dialler.attempts[-1].succeed()
    await turns()
    return transport


async def submit(channel: Channel, *transaction: RecordedTransaction) -> None:
    submit_all(channel, transaction)
    await turns()


def submit_all(channel: Channel, transaction: Iterable[RecordedTransaction]) -> None:
    for each in transaction:
        channel.submit(each)


def answer(transport: FakeTransport, number: int, pdu: bytes) -> None:
    transport.protocol.data_received(adu(number, pdu))


# -- dialling


async def test_many_requests_in_one_turn_dial_once(dialler: Dialler) -> None:
    channel = channel_of()
    transaction = [RecordedTransaction(read(number)) for number in range(5)]
    await submit(channel, *transaction)
    assert len(dialler.attempts) == 1
    transport = await connected(dialler)
    assert transport.adus == [adu(1, read(0))]
    for number in range(5):
        answer(transport, number + 1, words(number))
        await turns()
    assert [each.end for each in transaction] == [words(number) for number in range(5)]


async def test_as_many_connections_are_made_as_are_needed_and_no_more_than_allowed(dialler: Dialler) -> None:
    channel = channel_of(connections=3)
    await submit(channel, RecordedTransaction(read(1)), RecordedTransaction(read(2)))
    assert len(dialler.attempts) == 2
    await submit(channel, RecordedTransaction(read(3)), RecordedTransaction(read(4)), RecordedTransaction(read(5)))
    assert len(dialler.attempts) == 3


async def test_when_dialling_fails_queued_requests_fail_and_new_ones_fail_at_once(dialler: Dialler) -> None:
    reasons: list[str] = []
    channel = channel_of(hooks=ChannelHooks(unreachable=reasons.append))
    first, second, third = RecordedTransaction(read(1)), RecordedTransaction(write(2, 2)), RecordedTransaction(read(3))
    await submit(channel, first, second)
    dialler.attempts[0].fail(REFUSED)
    await turns()
    await submit(channel, third)
    assert (first.end, second.end, third.end) == (Failure.UNREACHABLE,) * 3
    assert (len(dialler.attempts), reasons) == (1, ["connection refused"])


async def test_the_device_is_dialled_again_after_the_back_off(dialler: Dialler) -> None:
    channel = channel_of()
    await submit(channel, RecordedTransaction(read(1)), RecordedTransaction(read(1)))
    dialler.attempts[0].fail(REFUSED)
    await asyncio.sleep(0.51)
    again = RecordedTransaction(read(2))
    await submit(channel, again)
    transport = await connected(dialler)
    answer(transport, 1, words(2))
    assert again.end == words(2)


async def test_a_callback_of_an_answer_sees_the_line_after_that_answer(dialler: Dialler) -> None:
    channel = channel_of(in_flight=3)
    more = [RecordedTransaction(read(number)) for number in range(3, 6)]
    asks_more, closes = _Reacting(read(1), lambda: submit_all(channel, more)), _Reacting(read(2), channel.close)
    await submit(channel, asks_more, closes)
    transport = await connected(dialler)
    answer(transport, 1, words(1))
    await turns()
    assert transport.adus[2:] == [adu(3, read(3)), adu(4, read(4))], "three are under way, as many as may be"
    answer(transport, 2, words(2))
    late = RecordedTransaction(read(6))
    await submit(channel, late)
    assert [each.end for each in (*more, late)] == [
        Failure.CONNECTION_LOST,
        Failure.CONNECTION_LOST,
        Failure.ABANDONED,
        Failure.UNREACHABLE,
    ]


class _Reacting(RecordedTransaction):
    """Does something as soon as it is answered."""

    __slots__ = ("reaction",)

    def __init__(self, pdu: bytes, reaction: Callable[[], None]) -> None:
        super().__init__(pdu)
        self.reaction = reaction

    def finish(self, answer: bytes) -> None:
        super().finish(answer)
        self.reaction()


async def test_a_device_that_accepts_and_closes_is_dialled_at_growing_intervals(dialler: Dialler) -> None:
    channel = channel_of()
    for seconds in (0.5, 1.0, 2.0):
        transaction, early = RecordedTransaction(read(1)), RecordedTransaction(read(2))
        await submit(channel, transaction)
        (await connected(dialler)).lose()
        assert transaction.end is Failure.CONNECTION_LOST
        await asyncio.sleep(seconds - 0.01)
        await submit(channel, early)
        assert early.end is Failure.UNREACHABLE
        await asyncio.sleep(0.02)


async def test_a_second_connection_that_is_refused_does_not_make_the_device_unreachable(dialler: Dialler) -> None:
    reasons: list[str] = []
    channel = channel_of(hooks=ChannelHooks(unreachable=reasons.append), connections=2)
    first, second = RecordedTransaction(read(1)), RecordedTransaction(read(2))
    await submit(channel, first)
    transport = await connected(dialler)
    await submit(channel, second)
    dialler.attempts[1].fail(REFUSED)
    await turns()
    answer(transport, 1, words(1))
    await turns()
    answer(transport, 2, words(2))
    assert (first.end, second.end, reasons) == (words(1), words(2), [])


async def test_a_connection_may_be_rejected_before_anything_is_sent(dialler: Dialler) -> None:
    def look_at(transport: asyncio.BaseTransport) -> None:
        raise PeerError("revoked")

    channel = channel_of(hooks=ChannelHooks(connected=look_at))
    transaction = RecordedTransaction(write(1, 1))
    await submit(channel, transaction)
    transport = await connected(dialler)
    assert (transport.written, transport.is_open, transaction.end) == ([], False, Failure.UNREACHABLE)
    assert channel.open_lines == 0


async def test_a_connection_that_is_lost_immediately_counts_as_a_failure(dialler: Dialler) -> None:
    channel = channel_of()
    transaction = RecordedTransaction(read(1))
    await submit(channel, transaction)
    dialler.attempts[0].succeed().lose()
    await turns()
    assert (transaction.end, channel.open_lines) == (Failure.UNREACHABLE, 0)


# -- lines that are closed and opened again


@pytest.mark.parametrize("closing_turns", [1, 2, 3, 5])
async def test_the_late_end_of_a_connection_does_not_affect_the_next(dialler: Dialler, closing_turns: int) -> None:
    channel = channel_of()
    first, second, third = RecordedTransaction(read(1)), RecordedTransaction(read(2)), RecordedTransaction(read(3))
    channel.submit(first)
    await turns()
    old = dialler.attempts[0].succeed(closing_turns=closing_turns)
    await turns()
    channel.submit(second)
    answer(old, 1, words(1, 1))
    await asyncio.sleep(0)
    dialler.attempts[1].succeed(closing_turns=closing_turns)
    await submit(channel, third)
    assert (first.end, len(dialler.attempts), channel.open_lines) == (Failure.WRONG_ANSWER, 2, 1)
    new = await_transport(channel)
    answer(new, 1, words(2))
    await turns()
    answer(new, 2, words(3))
    assert (second.end, third.end) == (words(2), words(3))


def await_transport(channel: Channel) -> FakeTransport:
    (line,) = [line for line in channel._lines if line.transport is not None]
    assert isinstance(line.transport, FakeTransport)
    return line.transport


async def test_a_reset_while_dialling_leaves_one_connection(dialler: Dialler) -> None:
    channel = channel_of()
    transaction = RecordedTransaction(read(1))
    await submit(channel, transaction)
    channel.reset("the trust changed")
    await turns()
    assert dialler.attempts[0].outcome.cancelled()
    assert len(dialler.attempts) == 2, "waiting requests are still sent"
    new = await connected(dialler)
    assert new.adus == [adu(1, read(1))]
    answer(new, 1, words(1))
    assert transaction.end == words(1)


async def test_a_request_queued_when_a_connection_is_lost_is_sent_on_the_next(dialler: Dialler) -> None:
    channel = channel_of()
    done, under_way, waiting = (
        RecordedTransaction(read(1)),
        RecordedTransaction(write(2, 2)),
        RecordedTransaction(read(3)),
    )
    await submit(channel, done, under_way, waiting)
    transport = await connected(dialler)
    answer(transport, 1, words(1))
    await turns()
    transport.lose()
    assert (under_way.end, waiting.end) == (Failure.CONNECTION_LOST, None)
    again = await connected(dialler)
    assert again.adus == [adu(1, read(3))]


async def test_a_read_that_is_lost_with_a_connection_that_had_answered_is_asked_again_once(dialler: Dialler) -> None:
    channel = channel_of()
    done, lost, late = (
        RecordedTransaction(read(1)),
        RecordedTransaction(read(2)),
        RecordedTransaction(read(3), send_by=9.0),
    )
    await submit(channel, done, lost)
    first = await connected(dialler)
    answer(first, 1, words(1))
    await turns()
    first.lose()
    second = await connected(dialler)
    assert (first.adus[1:], second.adus, lost.end) == ([adu(2, read(2))], [adu(1, read(2))], None)
    second.lose()
    await turns()
    assert lost.end is Failure.CONNECTION_LOST
    assert channel.counters.connect_failures == 0, "the device can be reached: it closes on this request"
    await submit(channel, late)
    third = await connected(dialler)
    answer(third, 1, words(3))
    assert late.end == words(3)


async def test_a_read_that_is_lost_before_any_answer_is_not_asked_again(dialler: Dialler) -> None:
    channel = channel_of()
    transaction = RecordedTransaction(read(1))
    await submit(channel, transaction)
    (await connected(dialler)).lose()
    assert (transaction.end, channel.counters.connect_failures) == (Failure.CONNECTION_LOST, 1)


async def test_a_read_that_is_asked_again_keeps_its_deadline(dialler: Dialler) -> None:
    channel = channel_of(timeout_s=5.0)
    done, lost = RecordedTransaction(read(1)), RecordedTransaction(read(2), send_by=3.0)
    await submit(channel, done, lost)
    first = await connected(dialler)
    answer(first, 1, words(1))
    await turns()
    await asyncio.sleep(2.0)
    first.lose()
    await asyncio.sleep(1.5)
    assert lost.end is Failure.CONNECTION_LOST
    assert (await connected(dialler)).written == []


async def test_a_device_that_closes_after_each_answer_gets_one_request_on_each_connection(dialler: Dialler) -> None:
    lost: list[str] = []
    channel = channel_of(hooks=ChannelHooks(lost=lost.append), in_flight=2)
    for number in (1, 2):
        await submit(channel, RecordedTransaction(read(number)))
        transport = await connected(dialler)
        answer(transport, 1, words(number))
        transport.lose()
    following = [RecordedTransaction(write(number, 7)) for number in (2, 3, 4)]
    await submit(channel, *following)
    for each in following:
        transport = await connected(dialler)
        assert transport.adus == [adu(1, each.request.unit_and_pdu[1:])]
        answer(transport, 1, each.request.unit_and_pdu[1:])
        await turns()
        assert len(transport.adus) == 1, "a write is not sent on a connection that is about to end"
        transport.lose()
        await turns()
    assert [each.end for each in following] == [write(number, 7) for number in (2, 3, 4)]
    assert lost == [], "a close between requests is no outage"


async def test_a_connection_that_a_device_keeps_open_again_is_used_again(dialler: Dialler) -> None:
    channel = channel_of()
    for number in (1, 2):
        await submit(channel, RecordedTransaction(read(number)))
        transport = await connected(dialler)
        answer(transport, 1, words(number))
        transport.lose()
    second, third, fourth = (RecordedTransaction(read(number)) for number in (2, 3, 4))
    await submit(channel, second, third, fourth)
    transport = await connected(dialler)
    answer(transport, 1, words(2))
    await turns()
    assert third.end is None
    await asyncio.sleep(0.6)
    answer(transport, 2, words(3))
    await turns()
    answer(transport, 3, words(4))
    assert [each.end for each in (second, third, fourth)] == [words(2), words(3), words(4)]


async def test_nothing_is_sent_before_the_connect_delay_is_over_not_even_after_a_reset(dialler: Dialler) -> None:
    channel = channel_of(connect_delay_s=2.0)
    await submit(channel, RecordedTransaction(read(1), send_by=100.0))
    first = await connected(dialler)
    await asyncio.sleep(1.5)
    channel.reset("the trust changed")
    second = await connected(dialler)
    await asyncio.sleep(1.0)
    assert (first.written, second.written) == ([], [])
    await asyncio.sleep(1.1)
    assert second.adus == [adu(1, read(1))]


# -- queued requests


async def test_a_request_that_could_not_be_sent_in_time_is_never_sent(dialler: Dialler) -> None:
    channel = channel_of(timeout_s=10.0)
    under_way, late = RecordedTransaction(read(1)), RecordedTransaction(write(2, 2), send_by=1.0)
    await submit(channel, under_way, late)
    transport = await connected(dialler)
    await asyncio.sleep(1.1)
    assert late.end is Failure.NOT_SENT_IN_TIME
    answer(transport, 1, words(1))
    await turns()
    assert len(transport.adus) == 1


async def test_a_request_that_expired_while_the_loop_was_busy_is_not_sent(dialler: Dialler) -> None:
    channel = channel_of(timeout_s=10.0)
    late = RecordedTransaction(write(2, 2), send_by=1.0)
    await submit(channel, RecordedTransaction(read(1)), late)
    transport = await connected(dialler)
    stall(1.5)
    answer(transport, 1, words(1))
    assert (late.end, len(transport.adus)) == (Failure.NOT_SENT_IN_TIME, 1)


async def test_the_shortest_deadline_counts_in_any_order(dialler: Dialler) -> None:
    channel = channel_of(timeout_s=50.0)
    patient, hasty = RecordedTransaction(read(2), send_by=30.0), RecordedTransaction(read(3), send_by=1.0)
    await submit(channel, RecordedTransaction(read(1)), patient, hasty)
    await connected(dialler)
    await asyncio.sleep(1.1)
    assert (hasty.end, patient.end) == (Failure.NOT_SENT_IN_TIME, None)
    await asyncio.sleep(29.0)
    assert patient.end is Failure.NOT_SENT_IN_TIME


async def test_a_request_that_the_full_queue_cannot_take_is_busy(dialler: Dialler) -> None:
    channel = channel_of(queue=2)
    transaction = [RecordedTransaction(read(number)) for number in range(4)]
    await submit(channel, *transaction)
    assert [each.end for each in transaction] == [None, None, Failure.BUSY, Failure.BUSY]


async def test_abandoning_a_source_drops_only_its_own_requests(dialler: Dialler) -> None:
    channel = channel_of()
    gone, stays = RecordedTransaction(write(1, 1), source="gone"), RecordedTransaction(read(2), source="stays")
    await submit(channel, gone, stays)
    channel.abandon("gone")
    transport = await connected(dialler)
    assert (gone.end, transport.adus) == (Failure.ABANDONED, [adu(1, read(2))])


async def test_when_the_breaker_trips_queued_requests_of_the_unit_fail(dialler: Dialler) -> None:
    channel = channel_of(timeout_s=1.0)
    dead = [RecordedTransaction(read(number), unit=9) for number in range(5)]
    alive = RecordedTransaction(read(7), unit=1, source="another")
    await submit(channel, dead[0])
    transport = await connected(dialler)
    await submit(channel, *dead[1:], alive)
    await asyncio.sleep(2.1)
    answer(transport, 3, words(7))
    await asyncio.sleep(1.1)
    silent, given_up = Failure.NO_ANSWER, Failure.UNIT_SILENT
    assert [each.end for each in dead] == [silent, silent, silent, given_up, given_up]
    assert alive.end == words(7)
    assert channel.silent_units == [9]


# -- the end


async def test_closing_fails_all_requests_and_all_later_ones(dialler: Dialler) -> None:
    channel = channel_of()
    under_way, waiting, late = (
        RecordedTransaction(write(1, 1)),
        RecordedTransaction(write(2, 2)),
        RecordedTransaction(read(3)),
    )
    await submit(channel, under_way, waiting)
    transport = await connected(dialler)
    channel.close()
    await submit(channel, late)
    assert (under_way.end, waiting.end, late.end) == (
        Failure.CONNECTION_LOST,
        Failure.ABANDONED,
        Failure.UNREACHABLE,
    )
    assert (transport.is_open, len(dialler.attempts)) == (False, 1)


async def test_closing_while_dialling_leaves_nothing_open(dialler: Dialler) -> None:
    channel = channel_of()
    transaction = RecordedTransaction(read(1))
    await submit(channel, transaction)
    channel.close()
    await turns()
    assert transaction.end is Failure.ABANDONED
    assert dialler.attempts[0].outcome.cancelled()


async def test_an_explicit_open_raises_the_error(dialler: Dialler) -> None:
    channel = channel_of()
    opening = asyncio.ensure_future(channel.open())
    await turns()
    dialler.attempts[0].fail(ConfigError("no such thing"))
    with pytest.raises(Unreachable, match="no such thing"):
        await opening


def test_a_lenient_id_with_several_in_flight_is_refused() -> None:
    with pytest.raises(ConfigError, match="in_flight = 1"):
        ChannelRules(in_flight=2, lenient_transaction_id=True)
    with pytest.raises(ConfigError, match="in_flight = 1"):
        ChannelRules(in_flight=2, lenient_unit_id=True)


# -- whatever happens


class RandomDevice:
    """A device and a network that do anything at any moment, and what must hold all the same."""

    def __init__(self, seed: int, dialler: Dialler) -> None:
        self.dice = random.Random(seed)
        self.dialler = dialler
        self.transaction: list[RecordedTransaction] = []
        self.transports: list[FakeTransport] = []
        rules = {
            "connections": self.dice.choice([1, 1, 2, 3]),
            "in_flight": self.dice.choice([1, 1, 4]),
            "timeout_s": self.dice.choice([0.5, 2.0]),
            "gap_s": self.dice.choice([0.0, 0.0, 0.2]),
            "connect_delay_s": self.dice.choice([0.0, 0.3]),
            "queue": self.dice.choice([3, 50]),
        }
        self.rules = rules
        self.channel = channel_of(**rules)  # type: ignore[arg-type]

    async def run(self, steps: int) -> None:
        operations = [self.ask] * 6 + [self.connect] * 3 + [self.reply] * 6 + [self.misbehave, self.lose, self.refuse]
        operations += [self.leave, self.reset]
        for _ in range(steps):
            self.dice.choice(operations)()
            for _ in range(self.dice.choice([0, 1, 3])):
                await asyncio.sleep(0)
            if self.dice.random() < 0.2:
                await asyncio.sleep(self.dice.choice([0.05, 0.4, 1.5]))
            self.check()
        self.channel.close()
        await turns()

    def ask(self) -> None:
        number, now = len(self.transaction), self.channel.loop.time()
        pdu = write(number, 7) if self.dice.random() < 0.4 else read(number)
        source, unit = self.dice.choice("abc"), self.dice.choice([1, 1, 2])
        self.transaction.append(
            RecordedTransaction(pdu, unit=unit, source=source, send_by=now + 1.0, name=f"request {number}")
        )
        self.channel.submit(self.transaction[-1])

    def connect(self) -> None:
        for attempt in self.dialler.attempts:
            if not attempt.outcome.done():
                self.transports.append(attempt.succeed(closing_turns=self.dice.choice([1, 2, 4])))
                return

    def refuse(self) -> None:
        for attempt in self.dialler.attempts:
            if not attempt.outcome.done():
                attempt.fail(REFUSED)
                return

    def some(self) -> FakeTransport | None:
        alive = [each for each in self.transports if each.is_open]
        return self.dice.choice(alive) if alive else None

    def reply(self) -> None:
        transport = self.some()
        if transport and transport.adus:
            request = self.dice.choice(transport.adus[-4:])
            transport.protocol.data_received(honest(request))

    def misbehave(self) -> None:
        transport = self.some()
        if transport and transport.adus:
            right = honest(transport.adus[-1])
            wrong = self.dice.choice(
                [right[:5], right + b"\0", right[:6] + b"\x09" + right[7:], right * 2, b"\xff" * 9]
            )
            transport.protocol.data_received(wrong)

    def lose(self) -> None:
        transport = self.some()
        if transport:
            transport.lose()

    def leave(self) -> None:
        self.channel.abandon(self.dice.choice("abc"))

    def reset(self) -> None:
        if self.dice.random() < 0.3:
            self.channel.reset("whatever")

    def check(self) -> None:
        """While it runs: never more connections than allowed, none leaked, each request ended at most once."""
        alive = [each for each in self.transports if each.is_open]
        held = [line.transport for line in self.channel._lines]
        assert len([each for each in alive if each in held]) <= self.rules["connections"]
        for each in self.transaction:
            assert len(each.ends) <= 1, each.name


def honest(request: bytes) -> bytes:
    """The right answer: a register holds its own address."""
    address = int.from_bytes(request[8:10], "big")
    pdu = words(address) if request[7] == 3 else request[7:]
    return request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu


@pytest.mark.parametrize("seed", range(60))
async def test_each_request_ends_once_goes_out_once_and_gets_its_own_answer(dialler: Dialler, seed: int) -> None:
    turmoil = RandomDevice(seed, dialler)
    await turmoil.run(400)
    await asyncio.sleep(5.0)
    sent = [request[6:] for transport in turmoil.transports for request in transport.adus]
    for number, each in enumerate(turmoil.transaction):
        assert len(each.ends) == 1, f"{each.name} ended {len(each.ends)} times"
        times = sent.count(each.request.unit_and_pdu)
        most = 1 if each.request.may_change_state else 2  # a read may be asked again, once
        if isinstance(each.end, bytes):
            assert 1 <= times <= most
            assert each.end in (words(number), each.request.unit_and_pdu[1:])
        else:
            assert each.end is not None
            assert times <= (most if each.end.was_sent else 0), f"{each.name}: {each.end}"
    assert not [each for each in turmoil.transports if each.is_open], "no connection is left behind"
    assert turmoil.channel.waiting == 0


# -- where to dial, and what goes ahead


class Urgent(RecordedTransaction):
    is_urgent = True
    skips_breaker = True


async def test_an_urgent_request_is_sent_next(dialler: Dialler) -> None:
    channel = channel_of()
    polls = [RecordedTransaction(read(number)) for number in range(5)]
    await submit(channel, *polls)
    transport = await connected(dialler)
    order = Urgent(read(99))
    await submit(channel, order)
    answer(transport, 1, words(0))
    await turns()
    assert transport.adus == [adu(1, read(0)), adu(2, read(99))]


async def test_an_urgent_request_is_sent_to_a_unit_whose_breaker_is_open(dialler: Dialler) -> None:
    channel = channel_of(timeout_s=1.0)
    silent = [RecordedTransaction(read(number)) for number in range(3)]
    await submit(channel, *silent)
    await connected(dialler)
    await asyncio.sleep(3.1)
    assert [each.end for each in silent] == [Failure.NO_ANSWER] * 3
    refused, order = RecordedTransaction(read(7)), Urgent(read(8))
    await submit(channel, refused, order)
    assert refused.end is Failure.UNIT_SILENT
    transport = await connected(dialler)  # a new connection after three time-outs
    answer(transport, 1, words(8))
    await turns()
    assert order.end == words(8)
    again = RecordedTransaction(read(9))
    await submit(channel, again)
    answer(transport, 2, words(9))
    assert again.end == words(9)


async def test_the_hook_locates_the_endpoint_before_each_dialling(
    dialler: Dialler, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[object] = []

    async def dial(endpoint: Endpoint, *given: Any, **options: Any) -> object:
        dialled.append((endpoint.address, endpoint.host))
        raise REFUSED

    async def locate(endpoint: Endpoint) -> Endpoint:
        return dataclasses.replace(endpoint, address=f"10.0.0.{len(dialled)}")

    monkeypatch.setattr("sealbus.client.channel.dial", dial)
    channel = channel_of(hooks=ChannelHooks(locate=locate))
    for _ in range(2):
        with pytest.raises(Unreachable):
            await channel.open()
    assert dialled == [("10.0.0.0", "device.example"), ("10.0.0.1", "device.example")]


async def test_an_endpoint_that_the_hook_refuses_is_never_dialled_and_queued_requests_fail_with_its_reason(
    dialler: Dialler,
) -> None:
    async def locate(endpoint: Endpoint) -> Endpoint:
        raise Unreachable("not allowed")

    reasons: list[str] = []
    channel = channel_of(hooks=ChannelHooks(locate=locate, unreachable=reasons.append))
    transaction = RecordedTransaction(read(1))
    await submit(channel, transaction)
    assert (transaction.end, reasons, dialler.attempts) == (Failure.UNREACHABLE, ["not allowed"], [])
