"""Resumption (R-42) shortens the handshake and skips no check: the role is kept (8.4), and early data is not accepted.

A client resumes by session identifier in TLS 1.2 and by ticket in TLS 1.3, without showing its certificate again.
Early data is never accepted, because an attacker could record and replay a write in it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from scenarios.openssl_client import SClientResult, s_client
from scenarios.plant import Plant, adu, exception, read_holding, words, write_register
from sealbus.records import Connected

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("openssl")

READ = adu(0x5EA1, read_holding(7, 1))
WRITE = adu(0x5EA2, write_register(100, 42))
READ_ANSWER, WRITTEN, DENIED = adu(0x5EA1, words(7)), WRITE, adu(0x5EA2, exception(6, 1))

WAYS = [
    pytest.param(("-tls1_2", "-no_ticket"), id="1.2, by session identifier"),
    pytest.param(("-tls1_2",), id="1.2, from a client that would take a ticket"),
    pytest.param(("-tls1_3",), id="1.3"),
]


@dataclass
class Client:
    """A client that keeps its session in a file, as `openssl s_client` does."""

    plant: Plant
    identity: tuple[Path, Path]
    options: tuple[str, ...]

    @property
    def session(self) -> Path:
        return self.plant.folder / "session"

    async def first(self, *requests: bytes) -> SClientResult:
        return await self._connect("-sess_out", requests)

    async def again(self, *requests: bytes) -> SClientResult:
        return await self._connect("-sess_in", requests)

    async def _connect(self, what: str, requests: tuple[bytes, ...]) -> SClientResult:
        options = (*self.options, "-msg", what, str(self.session))
        return await s_client(self.plant, *options, identity=self.identity, requests=requests)


@pytest.fixture(params=WAYS)
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    way: tuple[str, ...] = request.param
    return way


@pytest.mark.parametrize(("role", "answers"), [("Viewer", [READ_ANSWER, DENIED]), ("Operator", [READ_ANSWER, WRITTEN])])
async def test_a_resumed_session_has_the_rights_of_the_first_one(
    plant: Plant, options: tuple[str, ...], role: str, answers: list[bytes]
) -> None:
    client = Client(plant, plant.issue(role=role), options)
    assert (await client.first(READ, WRITE)).answers == answers
    resumed = await client.again(READ, WRITE)
    assert (resumed.resumed, resumed.answers) == (True, answers)
    assert "Certificate" not in resumed.handshake_messages(">>>")
    assert [(each.role, each.resumed) for each in plant.records(Connected)] == [(role, False), (role, True)]
    assert len(plant.device.writes) == (2 if role == "Operator" else 0)


async def test_a_client_without_a_role_does_not_gain_one_by_resuming(plant: Plant, options: tuple[str, ...]) -> None:
    client = Client(plant, plant.issue(role=None), options)
    refused = adu(0x5EA1, exception(3, 1))
    assert (await client.first(READ)).answers == [refused]
    await (await plant.connect(role="Operator")).request(READ)
    resumed = await client.again(READ)
    assert (resumed.resumed, resumed.answers) == (True, [refused])


async def test_a_session_id_without_its_secret_is_useless(plant: Plant, options: tuple[str, ...]) -> None:
    client = Client(plant, plant.issue(role="Operator"), options)
    await client.first(READ)
    nobody = s_client(plant, *options, "-sess_in", _with_another_secret(client.session), requests=[READ])
    assert (await nobody).answers == []
    assert (await client.again(READ)).answers == [READ_ANSWER]


async def test_early_data_is_not_offered_and_not_taken(plant: Plant) -> None:
    client = Client(plant, plant.issue(role="Operator"), ("-tls1_3",))
    first = await client.first(READ)
    assert "Max Early Data: 0" in first.text
    forged, early = plant.folder / "forged", plant.folder / "early"
    forged.write_bytes(_with_early_data(client.session.read_bytes(), 1024))
    early.write_bytes(WRITE)
    options = ("-tls1_3", "-sess_in", forged, "-early_data", early)
    result = await s_client(plant, *options, identity=client.identity, requests=[READ])
    assert "Early data was rejected" in result.text
    assert (result.resumed, result.answers) == (True, [READ_ANSWER])
    assert plant.device.writes == []


# -- sessions as OpenSSL keeps them: PEM around a DER sequence


def _with_early_data(pem: bytes, most_bytes: int) -> bytes:
    """The session with a maximum for early data, as if the server had allowed it: field 15, in order of field numbers."""
    fields = _fields_of(_der_of(pem))
    fields.append(_der(0xA0 | 15, _der(0x02, most_bytes.to_bytes(2, "big"))))
    fields.sort(key=lambda field: field[0] if field[0] & 0xE0 == 0xA0 else 0)
    return _pem_of(_der(0x30, b"".join(fields)))


def _with_another_secret(session: Path) -> Path:
    """The session with another master secret (field 4), as for an attacker who knows only the session id."""
    fields = _fields_of(_der_of(session.read_bytes()))
    length = len(fields[_SECRET]) - 2
    fields[_SECRET] = _der(0x04, bytes(length))
    other = session.with_name("made-up")
    other.write_bytes(_pem_of(_der(0x30, b"".join(fields))))
    return other


_SECRET = 4
_LABEL = b"SSL SESSION PARAMETERS"


def _der_of(pem: bytes) -> bytes:
    return base64.b64decode(pem.split(b"-----")[2])


def _pem_of(der: bytes) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (_LABEL, base64.encodebytes(der), _LABEL)


def _der(tag: int, content: bytes) -> bytes:
    """Encode one element: tag, length, content."""
    length = len(content)
    if length < 128:
        return bytes((tag, length)) + content
    return bytes((tag, 0x82)) + length.to_bytes(2, "big") + content


def _fields_of(der: bytes) -> list[bytes]:
    """The elements of a sequence, each with tag and length."""
    start, end = _content(der, 0)
    fields = []
    while start < end:
        _, after = _content(der, start)
        fields.append(der[start:after])
        start = after
    return fields


def _content(der: bytes, start: int) -> tuple[int, int]:
    """The first and last offset of the content of the element at `start`."""
    length, head = der[start + 1], 2
    if length & 0x80:
        head += length & 0x7F
        length = int.from_bytes(der[start + 2 : start + head], "big")
    return start + head, start + head + length
