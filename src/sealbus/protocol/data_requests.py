"""Requests that read and write bits and registers: functions 1 to 6, 15, 16, 22 and 23.

Each class is one request: its fields are the numbers of the PDU (addresses 0 to 65535, as on the wire), its constructor
checks the limits, `encode` returns the PDU and `decode` parses one. Sources: MODBUS Application Protocol V1.1b3,
6.1 to 6.6, 6.11, 6.12, 6.16, 6.17.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sealbus.protocol.codes import (
    MAX_COUNT_READ_BITS,
    MAX_COUNT_READ_REGISTERS,
    MAX_COUNT_READ_WRITE_READ,
    MAX_COUNT_READ_WRITE_WRITE,
    MAX_COUNT_WRITE_COILS,
    MAX_COUNT_WRITE_REGISTERS,
    FunctionCode,
)
from sealbus.protocol.limits import (
    IllegalRequestError,
    check_address,
    check_bits,
    check_block,
    check_register,
    check_registers,
    check_size,
    check_whole,
)
from sealbus.protocol.packing import block_of_words, pack_bits, unpack_bits

__all__ = [
    "MaskWriteRegister",
    "ReadCoils",
    "ReadDiscreteInputs",
    "ReadHoldingRegisters",
    "ReadInputRegisters",
    "ReadWriteMultipleRegisters",
    "WriteMultipleCoils",
    "WriteMultipleRegisters",
    "WriteSingleCoil",
    "WriteSingleRegister",
]

_TWO_WORDS: Final = struct.Struct(">BHH")
_THREE_WORDS: Final = struct.Struct(">BHHH")
_MULTIPLE: Final = struct.Struct(">BHHB")
_READ_WRITE: Final = struct.Struct(">BHHHHB")
_COIL_ON: Final = 0xFF00
_COIL_OFF: Final = 0x0000


@dataclass(frozen=True, slots=True)
class _ReadBlock:
    function_code: ClassVar[FunctionCode]
    max_count: ClassVar[int]
    address: int
    count: int

    def __post_init__(self) -> None:
        check_block(self.address, self.count, self.max_count)

    def encode(self) -> bytes:
        """The PDU, 5 bytes."""
        return _TWO_WORDS.pack(self.function_code, self.address, self.count)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, _TWO_WORDS.size)
        _, address, count = _TWO_WORDS.unpack(pdu)
        return cls(address, count)


@dataclass(frozen=True, slots=True)
class ReadCoils(_ReadBlock):
    """Read 1 to 2000 coils from `address` on (6.1)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_COILS
    max_count: ClassVar[int] = MAX_COUNT_READ_BITS


@dataclass(frozen=True, slots=True)
class ReadDiscreteInputs(_ReadBlock):
    """Read 1 to 2000 discrete inputs from `address` on (6.2)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_DISCRETE_INPUTS
    max_count: ClassVar[int] = MAX_COUNT_READ_BITS


@dataclass(frozen=True, slots=True)
class ReadHoldingRegisters(_ReadBlock):
    """Read 1 to 125 holding registers from `address` on (6.3)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_HOLDING_REGISTERS
    max_count: ClassVar[int] = MAX_COUNT_READ_REGISTERS


@dataclass(frozen=True, slots=True)
class ReadInputRegisters(_ReadBlock):
    """Read 1 to 125 input registers from `address` on (6.4)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_INPUT_REGISTERS
    max_count: ClassVar[int] = MAX_COUNT_READ_REGISTERS


@dataclass(frozen=True, slots=True)
class WriteSingleCoil:
    """Switch one coil on or off (6.5). On the wire the value is FF00 or 0000; anything else is exception 03.

    `value` is True, False, 0 or 1; anything else is a LocalError.
    """

    function_code: ClassVar[FunctionCode] = FunctionCode.WRITE_SINGLE_COIL
    address: int
    value: bool

    def __post_init__(self) -> None:
        check_bits((self.value,))
        check_address(self.address)

    def encode(self) -> bytes:
        """The PDU, 5 bytes."""
        return _TWO_WORDS.pack(self.function_code, self.address, _COIL_ON if self.value else _COIL_OFF)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, _TWO_WORDS.size)
        _, address, value = _TWO_WORDS.unpack(pdu)
        if value not in (_COIL_ON, _COIL_OFF):
            raise IllegalRequestError(f"the coil value {value:04X} is neither FF00 nor 0000")
        return cls(address, value == _COIL_ON)


@dataclass(frozen=True, slots=True)
class WriteSingleRegister:
    """Write one holding register, 0 to 65535 (6.6)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.WRITE_SINGLE_REGISTER
    address: int
    value: int

    def __post_init__(self) -> None:
        check_register(self.value)
        check_address(self.address)

    def encode(self) -> bytes:
        """The PDU, 5 bytes."""
        return _TWO_WORDS.pack(self.function_code, self.address, self.value)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, _TWO_WORDS.size)
        _, address, value = _TWO_WORDS.unpack(pdu)
        return cls(address, value)


@dataclass(frozen=True, slots=True)
class WriteMultipleCoils:
    """Write 1 to 1968 coils from `address` on (6.11)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.WRITE_MULTIPLE_COILS
    address: int
    values: tuple[bool, ...]

    def __post_init__(self) -> None:
        check_block(self.address, len(self.values), MAX_COUNT_WRITE_COILS)
        check_bits(self.values)

    def encode(self) -> bytes:
        """The PDU, 6 bytes and one for each 8 coils."""
        data = pack_bits(self.values)
        return _MULTIPLE.pack(self.function_code, self.address, len(self.values), len(data)) + data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one; surplus bits of the last byte are ignored."""
        address, count, data = _counted(pdu, MAX_COUNT_WRITE_COILS)
        _check_byte_count(pdu[5], (count + 7) // 8)
        return cls(address, tuple(unpack_bits(data, count)))


@dataclass(frozen=True, slots=True)
class WriteMultipleRegisters:
    """Write 1 to 123 holding registers, 0 to 65535 each, from `address` on (6.12)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.WRITE_MULTIPLE_REGISTERS
    address: int
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        check_block(self.address, len(self.values), MAX_COUNT_WRITE_REGISTERS)
        check_registers(self.values)

    def encode(self) -> bytes:
        """The PDU, 6 bytes and two for each register."""
        count = len(self.values)
        head = _MULTIPLE.pack(self.function_code, self.address, count, 2 * count)
        return head + block_of_words(count).pack(*self.values)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        address, count, data = _counted(pdu, MAX_COUNT_WRITE_REGISTERS)
        _check_byte_count(pdu[5], 2 * count)
        return cls(address, block_of_words(count).unpack(data))


@dataclass(frozen=True, slots=True)
class MaskWriteRegister:
    """Set one holding register to (its value AND and_mask) OR (or_mask AND NOT and_mask) (6.16)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.MASK_WRITE_REGISTER
    address: int
    and_mask: int
    or_mask: int

    def __post_init__(self) -> None:
        check_address(self.address)  # 6.16 has the address (02) before the masks (03)
        check_register(self.and_mask)
        check_register(self.or_mask)

    def encode(self) -> bytes:
        """The PDU, 7 bytes."""
        return _THREE_WORDS.pack(self.function_code, self.address, self.and_mask, self.or_mask)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        check_size(pdu, _THREE_WORDS.size)
        _, address, and_mask, or_mask = _THREE_WORDS.unpack(pdu)
        return cls(address, and_mask, or_mask)


@dataclass(frozen=True, slots=True)
class ReadWriteMultipleRegisters:
    """Write 1 to 121 holding registers, and then read 1 to 125, in one transaction (6.17)."""

    function_code: ClassVar[FunctionCode] = FunctionCode.READ_WRITE_MULTIPLE_REGISTERS
    read_address: int
    read_count: int
    write_address: int
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.values)
        check_whole(self.read_count, "read count")
        check_whole(self.read_address, "read address")
        check_whole(self.write_address, "write address")
        if not 1 <= self.read_count <= MAX_COUNT_READ_WRITE_READ:  # both quantities come before both addresses
            raise IllegalRequestError(
                f"the quantity to read {self.read_count} is not in 1 to {MAX_COUNT_READ_WRITE_READ}"
            )
        if not 1 <= count <= MAX_COUNT_READ_WRITE_WRITE:
            raise IllegalRequestError(f"the quantity to write {count} is not in 1 to {MAX_COUNT_READ_WRITE_WRITE}")
        check_block(self.read_address, self.read_count, MAX_COUNT_READ_WRITE_READ)
        check_block(self.write_address, count, MAX_COUNT_READ_WRITE_WRITE)
        check_registers(self.values)

    def encode(self) -> bytes:
        """The PDU, 10 bytes and two for each register to write."""
        count = len(self.values)
        head = _READ_WRITE.pack(
            self.function_code, self.read_address, self.read_count, self.write_address, count, 2 * count
        )
        return head + block_of_words(count).pack(*self.values)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """From the PDU. IllegalRequestError for a malformed one."""
        if len(pdu) < _READ_WRITE.size:
            raise IllegalRequestError(f"{len(pdu)} bytes where the request has at least {_READ_WRITE.size}")
        _, read_address, read_count, write_address, count, byte_count = _READ_WRITE.unpack_from(pdu)
        check_size(pdu, _READ_WRITE.size + byte_count)
        _check_byte_count(byte_count, 2 * count)
        values = block_of_words(count).unpack_from(pdu, _READ_WRITE.size)
        return cls(read_address, read_count, write_address, values)


def _counted(pdu: bytes, limit: int) -> tuple[int, int, bytes]:
    """Address, quantity and data of function 15 or 16; the quantity is checked before anything is unpacked by it."""
    if len(pdu) < _MULTIPLE.size:
        raise IllegalRequestError(f"{len(pdu)} bytes where the request has at least {_MULTIPLE.size}")
    _, address, count, byte_count = _MULTIPLE.unpack_from(pdu)
    if not 1 <= count <= limit:
        raise IllegalRequestError(f"the quantity {count} is not in 1 to {limit}")
    check_size(pdu, _MULTIPLE.size + byte_count)
    return address, count, pdu[_MULTIPLE.size :]


def _check_byte_count(byte_count: int, expected: int) -> None:
    if byte_count != expected:
        raise IllegalRequestError(f"the byte count is {byte_count} where the quantity makes it {expected}")
