"""Wireshark, an independent decoder, finds the expected fields in our frames: every function code, requests and answers,
both framings.

The requests are the examples of the MODBUS Application Protocol V1.1b3, section 6, where it has one. The expected
fields are written down in Wireshark's names. A field that is not expected fails the test too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import pytest

from scenarios.capture import TO_CLIENT, TO_SERVER, Packet, dissect
from sealbus.protocol import (
    CanopenReference,
    CommEventCounter,
    CommEventLog,
    DeviceIdentification,
    Diagnostics,
    FileRecord,
    FileReference,
    GetCommEventCounter,
    GetCommEventLog,
    MaskWriteRegister,
    OpaqueRequest,
    ReadCoils,
    ReadDeviceIdentification,
    ReadDiscreteInputs,
    ReadExceptionStatus,
    ReadFifoQueue,
    ReadFileRecord,
    ReadHoldingRegisters,
    ReadInputRegisters,
    ReadWriteMultipleRegisters,
    ReportServerId,
    ServerId,
    WriteFileRecord,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    encode_answer,
    encode_mbap,
    encode_rtu,
    exception_adu,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.protocol import Request

pytestmark = pytest.mark.needs("tshark")

FIRST_TRANSACTION = 0xFF00
WIRESHARK_LEAST_RTU_BYTES = 5
"""Wireshark skips shorter frames although they are valid: the requests of functions 7, 11, 12 and 17."""
FIELDS = (
    *("func_code", "exception_code", "reference_num", "bit_cnt", "word_cnt", "byte_cnt", "byte_cnt_16", "data"),
    *("bitnum", "bitval", "regnum16", "regval_uint16", "and_mask", "or_mask", "read_reference_num", "read_word_cnt"),
    *("write_reference_num", "write_word_cnt", "diagnostic_code", "diagnostic.return_query_data.request"),
    *("diagnostic.return_query_data.echo", "reference_type", "reference_num_32", "mei", "read_device_id", "object_id"),
    *("object_str_value", "conformity_level", "more_follows", "next_object_id", "num_objects", "ev_status", "ev_count"),
    *("ev_msg_count", "event"),
)


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as values and as fields of Wireshark: `name=value,value name=value`."""

    request: Request
    answer: Any
    request_fields: str
    answer_fields: str


IDENTIFICATION = DeviceIdentification(
    conformity=0x01, more_follows=False, next_object=0, objects={0: b"Example-Pumps", 1: b"EP-7", 2: b"1.4"}
)
EXCHANGES = (
    Exchange(
        ReadCoils(19, 19),
        [bit == "1" for bit in "1011001111010110101"],
        "func_code=1 reference_num=19 bit_cnt=19",
        "func_code=1 byte_cnt=3 bitnum=19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37"
        " bitval=1,0,1,1,0,0,1,1,1,1,0,1,0,1,1,0,1,0,1",
    ),
    Exchange(
        ReadDiscreteInputs(196, 3),
        [False, True, True],
        "func_code=2 reference_num=196 bit_cnt=3",
        "func_code=2 byte_cnt=1 bitnum=196,197,198 bitval=0,1,1",
    ),
    Exchange(
        ReadHoldingRegisters(107, 3),
        [555, 0, 100],
        "func_code=3 reference_num=107 word_cnt=3",
        "func_code=3 byte_cnt=6 regnum16=107,108,109 regval_uint16=555,0,100",
    ),
    Exchange(
        ReadInputRegisters(8, 1),
        [10],
        "func_code=4 reference_num=8 word_cnt=1",
        "func_code=4 byte_cnt=2 regnum16=8 regval_uint16=10",
    ),
    Exchange(
        WriteSingleCoil(172, True),
        None,
        "func_code=5 reference_num=172 data=ff00",
        "func_code=5 reference_num=172 data=ff00",
    ),
    Exchange(
        WriteSingleRegister(1, 3),
        None,
        "func_code=6 reference_num=1 data=0003",
        "func_code=6 reference_num=1 data=0003",
    ),
    Exchange(ReadExceptionStatus(), 0x6D, "func_code=7", "func_code=7 data=6d"),
    Exchange(
        Diagnostics(0, b"\xa5\x37"),
        b"\xa5\x37",
        "func_code=8 diagnostic_code=0 diagnostic.return_query_data.request=a537",
        "func_code=8 diagnostic_code=0 diagnostic.return_query_data.echo=a537",
    ),
    Exchange(
        GetCommEventCounter(),
        CommEventCounter(0xFFFF, 264),
        "func_code=11",
        "func_code=11 ev_status=0xffff ev_count=264",
    ),
    Exchange(
        GetCommEventLog(),
        CommEventLog(0, 264, 289, b"\x20\x00"),
        "func_code=12",
        "func_code=12 byte_cnt=8 ev_status=0x0000 ev_count=264 ev_msg_count=289 event=32,0",
    ),
    Exchange(
        WriteMultipleCoils(19, tuple(bit == "1" for bit in "1011001110")),
        None,
        "func_code=15 reference_num=19 bit_cnt=10 byte_cnt=2 data=cd01",
        "func_code=15 reference_num=19 bit_cnt=10",
    ),
    Exchange(
        WriteMultipleRegisters(1, (10, 258)),
        None,
        "func_code=16 reference_num=1 word_cnt=2 byte_cnt=4 regnum16=1,2 regval_uint16=10,258",
        "func_code=16 reference_num=1 word_cnt=2",
    ),
    Exchange(ReportServerId(), ServerId(b"\x05\xff"), "func_code=17", "func_code=17 data=0205ff"),
    Exchange(
        ReadFileRecord((FileReference(4, 1, 2), FileReference(3, 9, 2))),
        [[0x0DFE, 0x0020], [0x33CD, 0x0040]],
        f"func_code=20 byte_cnt=14 reference_type=6,6 reference_num_32={4 << 16 | 1},{3 << 16 | 9} word_cnt=2,2",
        "func_code=20 byte_cnt=12,5,5 reference_type=6,6 data=0dfe0020050633cd0040,33cd0040",
    ),
    Exchange(
        WriteFileRecord((FileRecord(4, 7, (0x06AF, 0x04BE, 0x100D)),)),
        None,
        f"func_code=21 byte_cnt=13 reference_type=6 reference_num_32={4 << 16 | 7} word_cnt=3 data=06af04be100d",
        f"func_code=21 byte_cnt=13 reference_type=6 reference_num_32={4 << 16 | 7} word_cnt=3 data=06af04be100d",
    ),
    Exchange(
        MaskWriteRegister(4, 0x00F2, 0x0025),
        None,
        "func_code=22 reference_num=4 and_mask=0x00f2 or_mask=0x0025",
        "func_code=22 reference_num=4 and_mask=0x00f2 or_mask=0x0025",
    ),
    Exchange(
        ReadWriteMultipleRegisters(3, 6, 14, (255, 255, 255)),
        [254, 2765, 1, 3, 13, 255],
        "func_code=23 read_reference_num=3 read_word_cnt=6 write_reference_num=14 write_word_cnt=3 byte_cnt=6"
        " data=00ff00ff00ff",
        "func_code=23 byte_cnt=12 data=00fe0acd00010003000d00ff",
    ),
    Exchange(
        ReadFifoQueue(1246),
        [440, 4740],
        "func_code=24 reference_num=1246",
        "func_code=24 byte_cnt_16=6 word_cnt=2 data=01b81284",
    ),
    Exchange(
        ReadDeviceIdentification(1, 0),
        IDENTIFICATION,
        "func_code=43 mei=14 read_device_id=1 object_id=0",
        "func_code=43 mei=14 read_device_id=1 conformity_level=0x01 more_follows=0x00 next_object_id=0 num_objects=3"
        " object_id=0,1,2 object_str_value=Example-Pumps,EP-7,1.4",
    ),
    Exchange(
        CanopenReference(b"\x01\x02"), b"\x03", "func_code=43 mei=13 data=0d0102", "func_code=43 mei=13 data=0d03"
    ),
    Exchange(OpaqueRequest(65, b"\x01\x02"), b"\x03", "func_code=65 data=0102", "func_code=65 data=03"),
)


def parse_fields(text: str) -> Packet:
    """Parse `name=value,value name=value` into the fields of a packet."""
    return {f"modbus.{name}": values.split(",") for name, _, values in (part.partition("=") for part in text.split())}


def pdu_fields(packet: Packet) -> Packet:
    """The fields of the PDU in a packet."""
    return {name: values for name, values in packet.items() if name.startswith("modbus.")}


def frame_fields(packet: Packet) -> Packet:
    """The fields of the frame around the PDU in a packet."""
    return {name: values for name, values in packet.items() if not name.startswith("modbus.")}


def pdus() -> list[tuple[bytes, bytes]]:
    return [(each.request.encode(), encode_answer(each.request, each.answer)) for each in EXCHANGES]


def modbus_fields() -> list[str]:
    return [f"modbus.{name}" for name in FIELDS]


@pytest.mark.parametrize("unit", [0, 1, 247, 255])
def test_over_tcp(tmp_path: Path, unit: int) -> None:
    segments = []
    for transaction_id, (request, answer) in enumerate(pdus(), start=FIRST_TRANSACTION):
        segments.append((TO_SERVER, encode_mbap(transaction_id, unit, request)))
        segments.append((TO_CLIENT, encode_mbap(transaction_id, unit, answer)))
    mbap = [f"mbtcp.{name}" for name in ("trans_id", "prot_id", "len", "unit_id", "cannot_classify")]
    packets = dissect(tmp_path, segments, port=502, fields=[*mbap, *modbus_fields()])
    assert [pdu_fields(packet) for packet in packets] == [
        parse_fields(text) for each in EXCHANGES for text in (each.request_fields, each.answer_fields)
    ]
    assert [frame_fields(packet) for packet in packets] == [
        {
            "mbtcp.trans_id": [str(FIRST_TRANSACTION + number // 2)],
            "mbtcp.prot_id": ["0"],
            "mbtcp.len": [str(len(data) - 6)],
            "mbtcp.unit_id": [str(unit)],
        }
        for number, (_, data) in enumerate(segments)
    ]


@pytest.mark.parametrize("unit", [1, 247])
def test_as_rtu_frames(tmp_path: Path, unit: int) -> None:
    segments = []
    for request, answer in pdus():
        segments += [(TO_SERVER, encode_rtu(unit, request)), (TO_CLIENT, encode_rtu(unit, answer))]
    texts = [text for each in EXCHANGES for text in (each.request_fields, each.answer_fields)]
    seen = [len(frame) >= WIRESHARK_LEAST_RTU_BYTES for _, frame in segments]
    packets = list(compress(dissect_rtu(tmp_path, segments), seen))
    assert [pdu_fields(packet) for packet in packets] == [parse_fields(text) for text in compress(texts, seen)]
    good = {"mbrtu.unit_id": [str(unit)], "mbrtu.crc16.status": ["1"]}
    assert [frame_fields(packet) for packet in packets] == [good] * (len(segments) - 4)


def test_a_damaged_rtu_frame_is_reported_as_damaged(tmp_path: Path) -> None:
    request = encode_rtu(1, ReadHoldingRegisters(107, 3).encode())
    damaged = request[:-1] + bytes((request[-1] ^ 1,))
    good, bad = dissect_rtu(tmp_path, [(TO_SERVER, request), (TO_SERVER, damaged)])
    assert (good["mbrtu.crc16.status"], bad["mbrtu.crc16.status"]) == (["1"], ["0"])


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 10, 11])
def test_an_exception_is_decoded_as_that_exception(tmp_path: Path, code: int) -> None:
    requests = [encode_mbap(number, 9, each.request.encode()) for number, each in enumerate(EXCHANGES)]
    segments = [piece for each in requests for piece in ((TO_SERVER, each), (TO_CLIENT, exception_adu(each, code)))]
    names = ["mbtcp.trans_id", "mbtcp.len", "mbtcp.unit_id", "modbus.func_code", "modbus.exception_code"]
    packets = dissect(tmp_path, segments, port=502, fields=names, only="modbus.exception_code")
    assert packets == [
        dict(zip(names, ([str(number)], ["3"], ["9"], [str(request[7])], [str(code)]), strict=True))
        for number, request in enumerate(requests)
    ]


def dissect_rtu(folder: Path, segments: list[tuple[bool, bytes]]) -> list[Packet]:
    """Decode RTU frames over TCP and check their checksums."""
    options = ("-o", "mbrtu.tcp.port:5020", "-o", "mbrtu.crc_verification:TRUE")
    names = ["mbrtu.unit_id", "mbrtu.crc16.status", *modbus_fields()]
    return dissect(folder, segments, port=5020, fields=names, options=options)
