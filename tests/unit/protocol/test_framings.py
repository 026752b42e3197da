"""The framings: each vector is fed whole, byte by byte, in two at every place, and with bytes behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from sealbus.errors import LocalError
from sealbus.protocol import (
    MBAP_HEADER,
    AsciiStream,
    FaultKind,
    FrameError,
    MbapStream,
    ResyncingRtuStream,
    RtuRequestStream,
    RtuResponseStream,
    crc16,
    encode_ascii,
    encode_mbap,
    encode_rtu,
    exception_adu,
    lrc,
)
from unit.protocol.vector_files import Vector, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Stream(Protocol):
    """What all framings have in common."""

    fault: FrameError | None

    @property
    def partial(self) -> bool: ...

    def feed(self, data: bytes) -> list[bytes]: ...


STREAMS: dict[str, tuple[Callable[[], Stream], bytes]] = {
    "mbap": (MbapStream, bytes.fromhex("000100000006")),
    "rtu_requests": (RtuRequestStream, bytes.fromhex("0103000000")),
    "rtu_responses": (RtuResponseStream, bytes.fromhex("010304")),
    "ascii": (AsciiStream, b":0103"),
}
"""The stream of each file of vectors, and the beginning of a frame to put behind a vector."""

_VECTORS = [(name, vector) for name in STREAMS for vector in load(name)]


def _cases(*, faulty: bool | None = None) -> pytest.MarkDecorator:
    """A test case for each vector: all of them, those with a fault, or those without."""
    chosen = [(name, vector) for name, vector in _VECTORS if faulty in (None, vector["fault"] is not None)]
    ids = [f"{name}: {vector['name']}" for name, vector in chosen]
    return pytest.mark.parametrize(("name", "vector"), chosen, ids=ids)


def _bytes(vector: Vector) -> bytes:
    return vector["text"].encode("latin-1") if "text" in vector else bytes.fromhex(vector["bytes"])


def _kind(fault: FrameError | None) -> FaultKind | None:
    return fault.kind if fault else None


def _run(name: str, chunks: Iterable[bytes]) -> tuple[list[str], FaultKind | None, bool]:
    stream = STREAMS[name][0]()
    frames = [frame.hex() for chunk in chunks for frame in stream.feed(chunk)]
    return frames, _kind(stream.fault), stream.partial


@_cases()
def test_fed_whole(name: str, vector: Vector) -> None:
    assert _run(name, [_bytes(vector)]) == (vector["frames"], vector["fault"], False)


@_cases()
def test_fed_byte_by_byte(name: str, vector: Vector) -> None:
    data = _bytes(vector)
    chunks = [data[at : at + 1] for at in range(len(data))]
    assert _run(name, chunks) == (vector["frames"], vector["fault"], False)


@_cases()
def test_fed_in_two_at_every_place(name: str, vector: Vector) -> None:
    data = _bytes(vector)
    for at in range(len(data) + 1):
        assert _run(name, [data[:at], data[at:]]) == (vector["frames"], vector["fault"], False)


@_cases(faulty=False)
def test_the_beginning_of_the_next_frame_is_kept(name: str, vector: Vector) -> None:
    behind = STREAMS[name][1]
    assert _run(name, [_bytes(vector) + behind]) == (vector["frames"], None, True)


@_cases(faulty=False)
def test_a_frame_that_is_fed_twice_is_returned_twice(name: str, vector: Vector) -> None:
    assert _run(name, [_bytes(vector) * 2]) == (vector["frames"] * 2, None, False)


_FAULTY = [(name, vector) for name, vector in _VECTORS if vector["fault"] is not None]
_STRICT = [each for each in _FAULTY if each[0] != "ascii"]


@pytest.mark.parametrize(("name", "vector"), _STRICT, ids=[f"{name}: {vector['name']}" for name, vector in _STRICT])
def test_nothing_is_returned_after_a_fault(name: str, vector: Vector) -> None:
    sound = next(other for other in load(name) if not other["fault"])
    assert _run(name, [_bytes(vector) + _bytes(sound)]) == (vector["frames"], vector["fault"], False)
    assert _run(name, [_bytes(vector), _bytes(sound)]) == (vector["frames"], vector["fault"], False)


@_cases(faulty=False)
def test_every_beginning_of_a_frame_is_partial_until_it_ends(name: str, vector: Vector) -> None:
    data = _bytes(vector)
    first = STREAMS[name][0]()
    ends = [at for at in range(len(data)) if first.feed(data[at : at + 1])]
    for at in range(1, ends[0] + 1):
        frames, fault, partial = _run(name, [data[:at]])
        assert (frames, fault) == ([], None)
        assert partial or (b":" not in data[:at] and name == "ascii")


ANSWER = bytes.fromhex("01030200d7")
FRAME = encode_rtu(1, ANSWER[1:])
OTHER = encode_rtu(7, bytes.fromhex("03021111"))
RTU_NOISE = {
    "nothing": b"",
    "00": b"\0",
    "FF": b"\xff",
    "a damaged frame": FRAME[:-1] + b"\0",
    "a cut frame": FRAME[:4],
    "a heartbeat": b"\r\nHEARTBEAT 42\r\n",
    "a user-defined function": b"\1\x41\7",
}


@pytest.mark.parametrize("noise", RTU_NOISE.values(), ids=RTU_NOISE.keys())
def test_noise_before_an_rtu_frame_is_passed_over_however_it_is_cut(noise: bytes) -> None:
    data = noise + FRAME + noise + OTHER
    for size in range(1, len(data) + 1):
        stream = ResyncingRtuStream()
        frames = [frame for at in range(0, len(data), size) for frame in stream.feed(data[at : at + size])]
        assert frames == [ANSWER, OTHER[:-2]]
        assert (stream.fault is None) == (not noise)


def test_a_frame_behind_the_beginning_of_a_longer_one_comes_after_a_silence() -> None:
    refusal = encode_rtu(1, b"\x83\2")
    stream = ResyncingRtuStream()
    assert stream.feed(b"\0" + refusal) == [], "00 01 83: 131 bytes of bits of unit 0 seem to follow"
    assert stream.end_burst() == [b"\1\x83\2"]
    assert not stream.partial


def test_a_silence_in_the_middle_of_a_frame_loses_nothing() -> None:
    for at in range(1, len(FRAME)):
        stream = ResyncingRtuStream()
        assert stream.feed(FRAME[:at]) == []
        assert stream.end_burst() == []
        assert stream.feed(FRAME[at:]) == [ANSWER]


def test_a_frame_inside_the_data_of_a_longer_one_is_data() -> None:
    outer = encode_rtu(7, bytes((3, len(FRAME))) + FRAME)
    for size in range(1, len(outer) + 1):
        stream = ResyncingRtuStream()
        frames = [frame for at in range(0, len(outer), size) for frame in stream.feed(outer[at : at + size])]
        assert frames == [outer[:-2]]


@pytest.mark.parametrize("noise", [_bytes(vector) for name, vector in _FAULTY if name == "ascii"])
def test_noise_before_an_ascii_frame_is_passed_over_however_it_is_cut(noise: bytes) -> None:
    data = noise + b"text\r\n" + encode_ascii(1, ANSWER[1:])
    for size in (1, 2, 3, 7, len(data)):
        stream = AsciiStream()
        frames = [frame for at in range(0, len(data), size) for frame in stream.feed(data[at : at + size])]
        assert frames[-1:] == [ANSWER]
        assert stream.fault is not None


@pytest.mark.parametrize(
    ("build", "encode"),
    [(RtuRequestStream, encode_rtu), (RtuResponseStream, encode_rtu), (AsciiStream, encode_ascii)],
)
def test_after_silence_a_serial_stream_starts_again(
    build: Callable[[], RtuRequestStream | RtuResponseStream | AsciiStream], encode: Callable[[int, bytes], bytes]
) -> None:
    stream = build()
    frame = encode(1, bytes.fromhex("0600010003"))
    stream.feed(frame[:5])
    stream.reset()
    assert not stream.partial
    stream.feed(frame[:-4] + bytes(4))
    assert _kind(stream.fault) in (FaultKind.CHECKSUM, FaultKind.CHARACTER)
    stream.reset()
    assert _kind(stream.fault) is None
    assert stream.feed(frame) == [bytes.fromhex("010600010003")]


def test_one_adu_in_one_chunk_is_not_copied() -> None:
    adu = bytes.fromhex("00010000000601" + "03006b0003")
    assert MbapStream().feed(adu)[0] is adu


def test_a_stream_holds_back_less_than_one_frame() -> None:
    largest = encode_mbap(1, 1, bytes(253))
    stream = MbapStream()
    assert stream.feed(largest * 1000 + largest[:-1]) == [largest] * 1000
    assert len(stream._held) == 259


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            "160301010000",
            "the protocol id of the MBAP header is 257, not 0; TLS begins like this: the client expects mbaps",
        ),
        (
            "15030100020246",
            "the protocol id of the MBAP header is 256, not 0; this is an alert of TLS: the port expects mbaps",
        ),
        ("000100010006", "the protocol id of the MBAP header is 1, not 0"),
        ("00010000ffff", "the length in the MBAP header is 65535; it must be 2 to 254"),
    ],
)
def test_a_fault_states_the_broken_rule(data: str, sentence: str) -> None:
    stream = MbapStream()
    stream.feed(bytes.fromhex(data))
    assert sentence in str(stream.fault)
    assert str(stream.fault).endswith(sentence)


@pytest.mark.parametrize("vector", [*load("rtu_requests"), *load("rtu_responses")], ids=lambda vector: vector["name"])
def test_rtu_encodes_what_it_decodes(vector: Vector) -> None:
    if not vector["fault"]:
        frames = [bytes.fromhex(frame) for frame in vector["frames"]]
        assert b"".join(encode_rtu(frame[0], frame[1:]) for frame in frames).hex() == vector["bytes"]


@pytest.mark.parametrize("index", [0, 1, 3, 4, 5])
def test_ascii_encodes_what_it_decodes(index: int) -> None:
    vector = load("ascii")[index]
    frames = [bytes.fromhex(frame) for frame in vector["frames"]]
    assert b"".join(encode_ascii(frame[0], frame[1:]) for frame in frames).decode() == vector["text"]


@pytest.mark.parametrize(
    ("data", "crc", "check"), [("01030000000a", 0xCDC5, 0xF2), ("1103006b0003", 0x8776, 0x7E), ("018302", 0xF1C0, 0x7A)]
)
def test_checksums_are_those_of_the_specification(data: str, crc: int, check: int) -> None:
    assert (crc16(bytes.fromhex(data)), lrc(bytes.fromhex(data))) == (crc, check)


def test_mbap_is_encoded_as_specified() -> None:
    assert encode_mbap(0x1501, 0xFF, bytes.fromhex("0400000001")).hex() == "150100000006ff0400000001"
    assert MBAP_HEADER.unpack(bytes.fromhex("150100000006ff")) == (0x1501, 0, 6, 0xFF)


def test_an_exception_answers_with_the_ids_of_its_request_in_nine_bytes() -> None:
    adu = bytes.fromhex("15010000000b1110000100020400010002")
    assert exception_adu(adu, 1).hex() == "150100000003119001"
    assert exception_adu(bytes.fromhex("ffff00000002fe2b"), 11).hex() == "ffff00000003feab0b"


@pytest.mark.parametrize("encode", [encode_rtu, encode_ascii, lambda unit_id, pdu: encode_mbap(1, unit_id, pdu)])
def test_a_pdu_that_does_not_fit_a_frame_is_not_sent(encode: Callable[[int, bytes], bytes]) -> None:
    for unit_id, pdu in ((1, b""), (1, bytes(254)), (256, b"\x07"), (-1, b"\x07")):
        with pytest.raises(LocalError, match="is not valid"):
            encode(unit_id, pdu)
    with pytest.raises(LocalError, match="transaction id 65536"):
        encode_mbap(65536, 1, b"\x07")
