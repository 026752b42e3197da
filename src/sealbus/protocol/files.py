"""Requests for file records and queues: functions 20, 21 and 24.

Sources: MODBUS Application Protocol V1.1b3, 6.14, 6.15, 6.18. A file has records 0 to 9999 of one register each; a
group names a file, its first record and how many. The tables of 6.14 and 6.15 limit the byte count to F5 and FB hex and
the state diagram of 6.15 has F5 for both; the tables are followed, since FB fills the PDU exactly. A wrong reference
type, file or record is exception 02, as the diagrams have it; an answer that would not fit a PDU is exception 03.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sealbus.protocol.codes import MAX_FILE_RECORD, MAX_PDU_BYTES, ExceptionCode, FunctionCode
from sealbus.protocol.limits import (
    IllegalRequestError,
    check_address,
    check_registers,
    check_size,
    check_whole,
)
from sealbus.protocol.packing import block_of_words

__all__ = ["FileRecord", "FileReference", "ReadFifoQueue", "ReadFileRecord", "WriteFileRecord"]

_GROUP: Final = struct.Struct(">BHHH")
_POINTER: Final = struct.Struct(">BH")
_REFERENCE_TYPE: Final = 6
_MAX_READ_BYTES: Final = 0xF5
_MAX_WRITE_BYTES: Final = 0xFB
_MAX_DATA_BYTES: Final = MAX_PDU_BYTES - 2


@dataclass(frozen=True, slots=True)
class FileReference:
    """`length` registers of file `file` (1 to 65535) from record `record` (0 to 9999) on."""

    file: int
    record: int
    length: int

    def __post_init__(self) -> None:
        _check_group(self.file, self.record, self.length)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Registers to write to file `file` (1 to 65535) from record `record` (0 to 9999) on."""

    file: int
    record: int
    words: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_group(self.file, self.record, len(self.words))
        check_registers(self.words)


@dataclass(frozen=True, slots=True)
class ReadFileRecord:
    """Read 1 to 35 groups of file records whose answer fits a PDU (6.14)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_FILE_RECORD
    references: tuple[FileReference, ...]

    def __post_init__(self) -> None:
        _check_byte_count(len(self.references) * _GROUP.size, _GROUP.size, _MAX_READ_BYTES)
        _check_answer([reference.length for reference in self.references])

    def encode(self) -> bytes:
        """The PDU, 2 bytes and 7 for each group."""
        groups = b"".join(
            _GROUP.pack(_REFERENCE_TYPE, reference.file, reference.record, reference.length)
            for reference in self.references
        )
        return bytes((self.function_code, len(groups))) + groups

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        data = _data(pdu)
        _check_byte_count(len(data), _GROUP.size, _MAX_READ_BYTES)
        if len(data) % _GROUP.size:
            raise IllegalRequestError(f"{len(data)} bytes are not a whole number of groups of {_GROUP.size}")
        groups = list(_GROUP.iter_unpack(data))
        _check_answer([length for _, _, _, length in groups])  # a quantity, hence before the files and records
        return cls(tuple(_reference(*group) for group in groups))


@dataclass(frozen=True, slots=True)
class WriteFileRecord:
    """Write groups of file records that fit a PDU (6.15)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.WRITE_FILE_RECORD
    records: tuple[FileRecord, ...]

    def __post_init__(self) -> None:
        byte_count = sum(_GROUP.size + 2 * len(record.words) for record in self.records)
        _check_byte_count(byte_count, _GROUP.size + 2, _MAX_WRITE_BYTES)

    def encode(self) -> bytes:
        """The PDU, 2 bytes and for each group 7 and its registers."""
        groups = b"".join(
            _GROUP.pack(_REFERENCE_TYPE, record.file, record.record, len(record.words))
            + block_of_words(len(record.words)).pack(*record.words)
            for record in self.records
        )
        return bytes((self.function_code, len(groups))) + groups

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        data = _data(pdu)
        _check_byte_count(len(data), _GROUP.size + 2, _MAX_WRITE_BYTES)
        groups: list[tuple[int, int, int, tuple[int, ...]]] = []
        while data:
            if len(data) < _GROUP.size or len(data) < _GROUP.size + 2 * _GROUP.unpack_from(data)[3]:
                raise IllegalRequestError("the last group is cut off")
            kind, file, record, length = _GROUP.unpack_from(data)
            groups.append((kind, file, record, block_of_words(length).unpack_from(data, _GROUP.size)))
            data = data[_GROUP.size + 2 * length :]
        return cls(tuple(_record(*group) for group in groups))


@dataclass(frozen=True, slots=True)
class ReadFifoQueue:
    """Read a queue of at most 31 registers, whose count stands at `address`, without emptying it (6.18)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_FIFO_QUEUE
    address: int

    def __post_init__(self) -> None:
        check_address(self.address)

    def encode(self) -> bytes:
        """The PDU, 3 bytes."""
        return _POINTER.pack(self.function_code, self.address)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, _POINTER.size)
        return cls(_POINTER.unpack(pdu)[1])


def _data(pdu: bytes) -> bytes:
    if len(pdu) < 2:
        raise IllegalRequestError("the byte count is missing")
    check_size(pdu, 2 + pdu[1])
    return pdu[2:]


def _reference(kind: int, file: int, record: int, length: int) -> FileReference:
    _check_reference_type(kind)
    return FileReference(file, record, length)


def _record(kind: int, file: int, record: int, words: tuple[int, ...]) -> FileRecord:
    _check_reference_type(kind)
    return FileRecord(file, record, words)


def _check_byte_count(byte_count: int, least: int, most: int) -> None:
    if not least <= byte_count <= most:
        raise IllegalRequestError(f"the byte count {byte_count} is not in {least} to {most}")


def _check_answer(lengths: list[int]) -> None:
    if sum(2 + 2 * length for length in lengths) > _MAX_DATA_BYTES:
        raise IllegalRequestError(f"the answer would not fit a PDU of {MAX_PDU_BYTES} bytes")


def _check_reference_type(kind: int) -> None:
    if kind != _REFERENCE_TYPE:
        raise _wrong_place(f"the reference type {kind} is not {_REFERENCE_TYPE}")


def _check_group(file: int, record: int, length: int) -> None:
    check_whole(file, "file")
    check_whole(record, "record")
    check_whole(length, "length")
    if not 1 <= file <= 0xFFFF:
        raise _wrong_place(f"the file number {file} is not in 1 to 65535")
    if length < 1 or record < 0 or record + length > MAX_FILE_RECORD + 1:
        raise _wrong_place(f"{length} records from record {record} on are not in 0 to {MAX_FILE_RECORD}")


def _wrong_place(message: str) -> IllegalRequestError:
    return IllegalRequestError(message, ExceptionCode.ILLEGAL_DATA_ADDRESS)
