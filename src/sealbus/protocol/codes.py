"""The numbers of the Modbus texts, each named once.

Sections are those of the MODBUS Application Protocol V1.1b3. Quantities are those that a request may ask for; they
follow from the largest PDU, 253 bytes, and are written down rather than computed, as the text does.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final

__all__ = [
    "ADDRESS_SPACE",
    "EXCEPTION_BIT",
    "MAX_COUNT_READ_BITS",
    "MAX_COUNT_READ_REGISTERS",
    "MAX_COUNT_READ_WRITE_READ",
    "MAX_COUNT_READ_WRITE_WRITE",
    "MAX_COUNT_WRITE_COILS",
    "MAX_COUNT_WRITE_REGISTERS",
    "MAX_FIFO_COUNT",
    "MAX_FILE_RECORD",
    "MAX_PDU_BYTES",
    "READ_TABLES",
    "ExceptionCode",
    "FunctionCode",
    "MeiType",
    "Table",
]

MAX_PDU_BYTES: Final = 253
"""4.1: from the 256 bytes of an RS485 frame, less the unit id and the CRC."""
ADDRESS_SPACE: Final = 65536
"""4.4: addresses of a table run from 0 to 65535 in the PDU."""
EXCEPTION_BIT: Final = 0x80
"""7: an exception answer carries the function code with this bit set."""
MAX_COUNT_READ_BITS: Final = 2000
"""6.1, 6.2."""
MAX_COUNT_READ_REGISTERS: Final = 125
"""6.3, 6.4."""
MAX_COUNT_WRITE_COILS: Final = 1968
"""6.11."""
MAX_COUNT_WRITE_REGISTERS: Final = 123
"""6.12."""
MAX_COUNT_READ_WRITE_READ: Final = 125
"""6.17."""
MAX_COUNT_READ_WRITE_WRITE: Final = 121
"""6.17."""
MAX_FILE_RECORD: Final = 9999
"""6.14, 6.15: records of a file are numbered 0 to 270F hex."""
MAX_FIFO_COUNT: Final = 31
"""6.18."""


class FunctionCode(IntEnum):
    """The public function codes, 5.1. Any other code from 1 to 127 is user-defined or reserved."""

    READ_COILS = 1
    READ_DISCRETE_INPUTS = 2
    READ_HOLDING_REGISTERS = 3
    READ_INPUT_REGISTERS = 4
    WRITE_SINGLE_COIL = 5
    WRITE_SINGLE_REGISTER = 6
    READ_EXCEPTION_STATUS = 7
    DIAGNOSTICS = 8
    GET_COMM_EVENT_COUNTER = 11
    GET_COMM_EVENT_LOG = 12
    WRITE_MULTIPLE_COILS = 15
    WRITE_MULTIPLE_REGISTERS = 16
    REPORT_SERVER_ID = 17
    READ_FILE_RECORD = 20
    WRITE_FILE_RECORD = 21
    MASK_WRITE_REGISTER = 22
    READ_WRITE_MULTIPLE_REGISTERS = 23
    READ_FIFO_QUEUE = 24
    ENCAPSULATED_INTERFACE = 43


class MeiType(IntEnum):
    """What function 43 encapsulates, 6.19."""

    CANOPEN_GENERAL_REFERENCE = 13
    READ_DEVICE_IDENTIFICATION = 14


class ExceptionCode(IntEnum):
    """The exception codes of section 7. A device may send others; they are passed on as they are."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_DATA_ADDRESS = 2
    ILLEGAL_DATA_VALUE = 3
    SERVER_DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    SERVER_DEVICE_BUSY = 6
    MEMORY_PARITY_ERROR = 8
    GATEWAY_PATH_UNAVAILABLE = 10
    GATEWAY_TARGET_FAILED_TO_RESPOND = 11


class Table(StrEnum):
    """The four tables of the data model, 4.3: two of bits, two of 16 bit registers."""

    COILS = "coils"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"


READ_TABLES: Final = {
    FunctionCode.READ_COILS.value: Table.COILS,
    FunctionCode.READ_DISCRETE_INPUTS.value: Table.DISCRETE,
    FunctionCode.READ_HOLDING_REGISTERS.value: Table.HOLDING,
    FunctionCode.READ_INPUT_REGISTERS.value: Table.INPUT,
}
"""The tables that functions 1 to 4 read, 6.1 to 6.4."""
