"""The channel without an event loop: a peer that never stops sending, calls that are interrupted, a close in a gap.

The time is that of `CLOCK`, which passes only where the channel waits or a flood goes on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import pytest

from sealbus.client import blocking_channel
from sealbus.client.blocking_channel import BlockingChannel
from sealbus.client.blocking_connection import BlockingConnection
from sealbus.client.calls import prepare
from sealbus.client.channel import ChannelRules
from sealbus.client.target import resolve_target
from sealbus.errors import LocalError, ResponseTimeout
from sealbus.protocol import ReadHoldingRegisters, WriteSingleRegister

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.client.target import ConnectionTarget
    from sealbus.transport import BlockingTransport

READ = prepare(ReadHoldingRegisters(0, 1), 1)
WRITE = prepare(WriteSingleRegister(0, 1), 1)
ANSWER = bytes((0, 0, 0, 5, 1, 3, 2, 0, 7))
FOR_NO_REQUEST = bytes((0xEE, 0xEE)) + ANSWER
TIMEOUT_S = 0.2


class Clock:
    """In place of the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()


class Peer:
    """A transport, and the device behind it: `answer` is called with each request."""

    def __init__(self, answer: Callable[[Peer, bytes], None]) -> None:
        self.answer = answer
        self.chunks: deque[bytes] = deque()
        self.is_flooding = False
        self.ends_at = float("inf")
        self.is_aborted = False
        self._gives_up_at = CLOCK.now + 5

    def wait(self, timeout_s: float) -> bool:
        if self.chunks or self.is_flooding:
            return True
        left_s = self.ends_at - CLOCK.now
        CLOCK.sleep(max(0.0, min(timeout_s, left_s)))
        return left_s <= timeout_s

    def receive(self) -> bytes | None:
        if self.chunks:
            return self.chunks.popleft()
        if not self.is_flooding:
            return b""
        CLOCK.sleep(0.001)
        assert CLOCK.now < self._gives_up_at, "the call does not end"
        return FOR_NO_REQUEST

    def write(self, data: bytes) -> None:
        self.answer(self, data)

    def abort(self) -> None:
        self.is_aborted = True


def honest(peer: Peer, request: bytes) -> None:
    peer.chunks.append(request[:2] + ANSWER)


def channel(monkeypatch: pytest.MonkeyPatch, *peers: Peer, gap_s: float = 0.0) -> BlockingChannel:
    """A channel whose connections are these peers, one after the other."""
    return BlockingChannel(target_of(monkeypatch, *peers, gap_s=gap_s))


def target_of(monkeypatch: pytest.MonkeyPatch, *peers: Peer, gap_s: float = 0.0) -> ConnectionTarget:
    waiting = list(peers)

    def dial(*args: Any, **options: Any) -> BlockingTransport:
        return cast("BlockingTransport", waiting.pop(0))

    monkeypatch.setattr(blocking_channel, "dial_blocking", dial)
    monkeypatch.setattr(blocking_channel, "time", CLOCK)
    rules = ChannelRules(timeout_s=TIMEOUT_S, gap_s=gap_s)
    return resolve_target(
        "tcp://127.0.0.1:5020", identity=None, trust=None, crl=(), timeout=TIMEOUT_S, rules=rules, tls_options=None
    )


def flood(peer: Peer, request: bytes) -> None:
    peer.is_flooding = True


def test_a_peer_that_never_stops_sending_does_not_hold_up_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    modbus = channel(monkeypatch, Peer(flood))
    began = CLOCK.now
    for _ in range(2):  # the second one begins within the flood
        with pytest.raises(ResponseTimeout):
            modbus.exchange(READ)
    assert 2 * TIMEOUT_S <= CLOCK.now - began < 3 * TIMEOUT_S


def test_an_answer_within_a_flood_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(peer: Peer, request: bytes) -> None:
        peer.chunks.extend((FOR_NO_REQUEST, request[:2] + ANSWER))
        peer.is_flooding = True

    modbus = channel(monkeypatch, Peer(answer))
    assert [modbus.exchange(READ), modbus.exchange(READ)] == [ANSWER, ANSWER]


class Interrupted(Exception):
    """What the handler of a signal raised."""


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, Interrupted])
@pytest.mark.parametrize("when", ["write", "wait", "receive"])
def test_an_interrupted_call_leaves_no_half_frame_to_the_next(
    monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException], when: str
) -> None:
    def interrupt(*_: object) -> None:
        raise interruption

    first, second = Peer(honest), Peer(honest)
    modbus = channel(monkeypatch, first, second)
    modbus.open()
    with monkeypatch.context() as patch, pytest.raises(interruption):
        if when == "wait":
            first.answer = lambda peer, request: patch.setattr(peer, "wait", interrupt)
        else:
            patch.setattr(first, when, interrupt)
        modbus.exchange(WRITE)
    assert first.is_aborted
    assert modbus.exchange(READ) == ANSWER


def test_a_connection_that_ends_in_a_gap_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_and_end(peer: Peer, request: bytes) -> None:
        honest(peer, request)
        peer.ends_at = CLOCK.now + 0.05

    modbus = channel(monkeypatch, Peer(answer_and_end), Peer(honest), gap_s=0.15)
    assert modbus.exchange(READ) == ANSWER
    assert modbus.exchange(READ) == ANSWER


def test_the_time_that_was_waited_for_a_turn_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    modbus = channel(monkeypatch, Peer(honest))
    with pytest.raises(ResponseTimeout, match="its time ran out before it could be sent"):
        modbus.exchange(WRITE, waited_s=1000.0)
    assert modbus.exchange(READ, waited_s=0.1) == ANSWER


@pytest.mark.timeout(20)
def test_the_handler_of_a_signal_that_uses_the_connection_gets_an_error_and_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused: list[str] = []

    def answer(peer: Peer, request: bytes) -> None:
        for use in (modbus.open, modbus.close, lambda: modbus.read_holding_registers(0, 1)):
            with pytest.raises(LocalError) as error:
                use()
            refused.append(str(error.value))
        honest(peer, request)

    modbus = BlockingConnection(target_of(monkeypatch, Peer(answer)))
    assert modbus.read_holding_registers(0, 1) == [7]
    assert len(refused) == 3
    assert "within a call" in refused[0]
    modbus.close()
