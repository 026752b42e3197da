"""Whatever a device sends in place of an answer, the client gets one answer, and the next request gets its own.

Each register of the device holds its own address, so the test notices an answer to another request.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.plant import (
    Plant,
    adu,
    exception,
    open_device,
    open_plant,
    read_holding,
    until,
    words,
    write_register,
)
from sealbus.records import Outcome, WriteOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

FAST = "timeout = 0.3"
NO_ANSWER = exception(3, 0x0B)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with open_plant(tmp_path, device=FAST) as plant:
        yield plant


def framed(request: bytes, pdu: bytes, *, unit: int = 1) -> bytes:
    """An answer with the id of `request`."""
    return adu(int.from_bytes(request[:2], "big"), pdu, unit=unit)


def other_id(request: bytes, by: int) -> bytes:
    return ((int.from_bytes(request[:2], "big") + by) & 0xFFFF).to_bytes(2, "big")


# Sent by the device in place of the answer to a read of one register.
WRONG: dict[str, Callable[[bytes], list[bytes]]] = {
    "the id of the request before": lambda it: [other_id(it, -1) + framed(it, words(666))[2:]],
    "the id of the request to come": lambda it: [other_id(it, 1) + framed(it, words(666))[2:]],
    "id 0": lambda it: [adu(0, words(666))],
    "an id with its bytes swapped": lambda it: [it[1::-1] + framed(it, words(666))[2:]],
    "another unit": lambda it: [framed(it, words(666), unit=2)],
    "unit 0": lambda it: [framed(it, words(666), unit=0)],
    "another function": lambda it: [framed(it, b"\x04\x02\x02\x9a")],
    "an exception of another function": lambda it: [framed(it, exception(4, 2))],
    "an exception of function 0, as pymodbus sends": lambda it: [framed(it, b"\x80\x01")],
    "an exception without a code": lambda it: [framed(it, b"\x83")],
    "an exception with bytes behind its code": lambda it: [framed(it, b"\x83\x02\x00")],
    "more registers than requested": lambda it: [framed(it, words(666, 667))],
    "no registers": lambda it: [framed(it, words())],
    "a byte count that is too high": lambda it: [framed(it, b"\x03\x04\x02\x9a")],
    "a byte count that is too low": lambda it: [framed(it, b"\x03\x00\x02\x9a")],
    "only a function code": lambda it: [framed(it, b"\x03")],
    "a protocol id": lambda it: [it[:2] + b"\0\1" + framed(it, words(666))[4:]],
    "the length 0": lambda it: [it[:2] + b"\0\0\0\0" + framed(it, words(666))[6:]],
    "the length 65535": lambda it: [it[:4] + b"\xff\xff" + framed(it, words(666))[6:]],
    "a length that is too low": lambda it: [it[:4] + b"\0\4" + framed(it, words(666))[6:]],
    "a length that is too high": lambda it: [it[:4] + b"\0\6" + framed(it, words(666))[6:]],
    "half a frame": lambda it: [framed(it, words(666))[:8]],
    "the first byte of a frame": lambda it: [it[:1]],
    "garbage": lambda it: [b"\xff" * 40],
    "the greeting of another protocol": lambda it: [b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"],
    "nothing": lambda it: [],
}

# Sent by the device besides the right answer: `it` is the request, `right` that answer. Whole frames are dropped: so
# many answers. An incomplete frame, which the next answer would complete, ends the connection.
DROPPED: dict[str, tuple[int, Callable[[bytes, bytes], list[bytes]]]] = {
    "the same answer twice": (1, lambda it, right: [right, right]),
    "the same answer twice in one piece": (1, lambda it, right: [right + right]),
    "an unrequested answer before it": (1, lambda it, right: [other_id(it, 9) + right[2:], right]),
    "an answer to the request to come behind it": (1, lambda it, right: [right, other_id(it, 1) + right[2:]]),
    "the same twice, then that to the request to come": (
        2,
        lambda it, right: [right + right + other_id(it, 1) + right[2:]],
    ),
    "the right answer byte by byte": (0, lambda it, right: [bytes((byte,)) for byte in right]),
}
ENDS_THE_CONNECTION: dict[str, Callable[[bytes], list[bytes]]] = {
    "a byte behind it": lambda right: [right + b"\0"],
    "a carriage return and a line feed behind it": lambda right: [right, b"\r\n"],
    "half a frame behind it": lambda right: [right + right[:7]],
    "half a frame behind it, a moment later": lambda right: [right, right[:7]],
    "garbage behind it": lambda right: [right + b"\xff" * 9],
}


@pytest.mark.parametrize("first", [True, False], ids=["on a fresh connection", "on a used connection"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_answer_fails_its_request_and_the_next_request_succeeds(
    plant: Plant, wrong: str, first: bool
) -> None:
    client = await plant.connect()
    if not first:
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    plant.device.answer = lambda request: WRONG[wrong](request)
    assert await client.request(adu(2, read_holding(20, 1))) == adu(2, NO_ANSWER)
    plant.device.answer = plant.device.normal_answer
    assert await client.request(adu(3, read_holding(30, 1))) == adu(3, words(30))
    assert await client.request(adu(4, read_holding(40, 1))) == adu(4, words(40))
    assert len(plant.device.requests) == (3 if first else 4), "no request was repeated"


@pytest.mark.parametrize("first", [True, False], ids=["on a fresh connection", "on a used connection"])
@pytest.mark.parametrize("surplus", DROPPED)
async def test_a_surplus_answer_is_dropped_and_the_next_request_succeeds(
    plant: Plant, surplus: str, first: bool
) -> None:
    client = await plant.connect()
    if not first:
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    count, pieces = DROPPED[surplus]
    plant.device.answer = lambda request: pieces(request, plant.device.normal_answer(request))
    assert await client.request(adu(2, read_holding(20, 1))) == adu(2, words(20))
    plant.device.answer = plant.device.normal_answer
    (channel,) = plant.process.gateway.channels.values()
    await until(lambda: channel.counters.dropped_answers == count)
    assert await client.request(adu(3, read_holding(30, 1))) == adu(3, words(30))
    assert await client.request(adu(4, read_holding(40, 1))) == adu(4, words(40))
    assert len(plant.device.requests) == (3 if first else 4), "no request was repeated"
    assert channel.counters.dropped_answers == count
    assert plant.device.connections == 1


@pytest.mark.parametrize("first", [True, False], ids=["on a fresh connection", "on a used connection"])
@pytest.mark.parametrize("surplus", ENDS_THE_CONNECTION)
async def test_bytes_behind_the_answer_end_the_connection_and_the_next_request_succeeds(
    plant: Plant, surplus: str, first: bool
) -> None:
    client = await plant.connect()
    if not first:
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    plant.device.answer = lambda request: ENDS_THE_CONNECTION[surplus](plant.device.normal_answer(request))
    assert await client.request(adu(2, read_holding(20, 1))) == adu(2, words(20))
    plant.device.answer = plant.device.normal_answer
    (channel,) = plant.process.gateway.channels.values()
    await until(lambda: channel.open_lines == 0)
    assert await client.request(adu(3, read_holding(30, 1))) == adu(3, words(30))
    assert await client.request(adu(4, read_holding(40, 1))) == adu(4, words(40))
    assert len(plant.device.requests) == (3 if first else 4), "no request was repeated"
    assert plant.device.connections == 2


async def test_a_late_answer_is_dropped_and_the_next_request_gets_its_own(plant: Plant) -> None:
    client = await plant.connect()
    late = asyncio.Event()

    async def hesitate(request: bytes) -> bytes:
        await late.wait()
        return plant.device.normal_answer(request)

    plant.device.answer = hesitate
    assert await client.request(adu(1, read_holding(20, 1))) == adu(1, NO_ANSWER)
    plant.device.answer = plant.device.normal_answer
    await client.send(adu(2, read_holding(30, 1)))
    late.set()
    assert await client.receive() == [adu(2, words(30))]
    assert await client.request(adu(3, read_holding(40, 1))) == adu(3, words(40))
    (channel,) = plant.process.gateway.channels.values()
    assert channel.counters.dropped_answers == 1


async def test_a_late_answer_to_a_write_is_not_taken_for_that_of_the_next_write(plant: Plant) -> None:
    operator = await plant.connect()
    late = asyncio.Event()

    async def hesitate(request: bytes) -> bytes:
        await late.wait()
        return plant.device.normal_answer(request)

    plant.device.answer = hesitate
    assert await operator.request(adu(1, write_register(100, 7))) == adu(1, exception(6, 0x0B))
    plant.device.answer = lambda request: None
    await operator.send(adu(2, write_register(100, 7)))
    late.set()
    assert await operator.receive() == [adu(2, exception(6, 0x0B))]
    assert [each.outcome for each in plant.records(WriteOutcome)] == [Outcome.UNKNOWN, Outcome.UNKNOWN]


async def test_a_device_that_closes_within_its_answer_fails_one_request(plant: Plant) -> None:
    client = await plant.connect()
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))

    async def die(request: bytes) -> None:
        (writer,) = plant.device.live
        writer.write(plant.device.normal_answer(request)[:8])
        await writer.drain()
        writer.close()

    plant.device.answer = die
    assert await client.request(adu(2, read_holding(20, 1))) == adu(2, NO_ANSWER)
    plant.device.answer = plant.device.normal_answer
    assert await client.request(adu(3, read_holding(30, 1))) == adu(3, words(30))


async def test_a_wrong_answer_over_tls_fails_one_request_and_leaves_one_connection(tmp_path: Path) -> None:
    root = pki.make_root()
    certificate, key = pki.make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "device")
    trust = pki.save_trust(tmp_path / "ca.crt", root)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trust))
    tls.load_cert_chain(certificate, key)
    tls.verify_mode = ssl.CERT_REQUIRED
    async with (
        open_device(tls=tls) as device,
        open_plant(tmp_path, root=root, device=f'url = "mbaps://127.0.0.1:{device.port}"\n{FAST}') as plant,
    ):
        client, other = await plant.connect(), await plant.connect()
        assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
        others_wait = asyncio.Event()

        async def wrong(request: bytes) -> bytes:
            await others_wait.wait()
            device.answer = device.normal_answer
            return framed(request, words(666), unit=2)

        device.answer = wrong
        await client.send(adu(2, read_holding(20, 1)))
        await other.send(adu(3, read_holding(30, 1)) + adu(4, read_holding(40, 1)))
        (channel,) = plant.process.gateway.channels.values()
        await until(lambda: channel.waiting == 2)
        others_wait.set()
        assert await client.receive() == [adu(2, NO_ANSWER)]
        assert await other.receive(2) == [adu(3, words(30)), adu(4, words(40))]
        assert await client.request(adu(5, read_holding(50, 1))) == adu(5, words(50))
        await until(lambda: len(device.live) == 1)
        assert device.connections == 2


async def test_an_answer_without_a_request_is_dropped(plant: Plant) -> None:
    client = await plant.connect()
    assert await client.request(adu(1, read_holding(10, 1))) == adu(1, words(10))
    (writer,) = plant.device.live
    for transaction_id in range(8):
        writer.write(adu(transaction_id, words(666)))
    (channel,) = plant.process.gateway.channels.values()
    await until(lambda: channel.counters.dropped_answers == 8)
    assert await client.request(adu(2, read_holding(20, 1))) == adu(2, words(20))
