"""Maximum fragment length (R-57, R-58): a peer that accepts 512 bytes never receives a longer record.

Only the certificate chain of the handshake is cut: an answer has at most 260 bytes and its own record, however many
requests arrived together. The lengths are read from the received record headers.
"""

from __future__ import annotations

import re

import pytest

from scenarios.openssl_client import SClientResult, s_client
from scenarios.plant import Plant, adu, read_holding, words

pytestmark = pytest.mark.needs("openssl")

REQUESTS = [adu(0x5E00 + number, read_holding(100 * number, 125)) for number in range(6)]
ANSWERS = [adu(0x5E00 + number, words(*range(100 * number, 100 * number + 125))) for number in range(6)]
APPLICATION_DATA = 23
ENCRYPTION_BYTES = 24
"""The largest overhead of a record: explicit nonce and tag in TLS 1.2 with GCM, content type and tag in TLS 1.3."""


async def result_of(plant: Plant, *options: str) -> SClientResult:
    return await s_client(plant, "-msg", *options, identity=plant.issue(role="Viewer"), requests=REQUESTS)


def longest(result: SClientResult) -> int:
    """The length of the longest received record, in bytes."""
    return max(length for _, length in result.received_records)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("length", [512, 1024, 2048, 4096])
async def test_no_record_is_longer_than_negotiated(plant: Plant, version: str, length: int) -> None:
    result = await result_of(plant, version, "-maxfraglen", str(length))
    assert result.answers == ANSWERS
    assert longest(result) <= length + ENCRYPTION_BYTES


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_without_the_extension_records_are_longer_than_a_small_peer_accepts(plant: Plant, version: str) -> None:
    assert longest(await result_of(plant, version)) > 512 + ENCRYPTION_BYTES


async def test_each_answer_has_its_own_record(plant: Plant) -> None:
    result = await result_of(plant, "-tls1_2")
    lengths = [length for kind, length in result.received_records if kind == APPLICATION_DATA]
    assert lengths == [len(answer) + ENCRYPTION_BYTES for answer in ANSWERS]


async def test_the_gateway_confirms_the_length_in_its_hello(plant: Plant) -> None:
    result = await result_of(plant, "-tls1_2", "-maxfraglen", "512", "-tlsextdebug")
    assert re.search(r'TLS server extension "max fragment length" \(id=1\), len=1\n0000 - 01', result.text)


async def test_a_small_peer_may_send_small_records_too(plant: Plant) -> None:
    result = await result_of(plant, "-tls1_3", "-maxfraglen", "512", "-max_send_frag", "512", "-split_send_frag", "512")
    assert result.answers == ANSWERS
