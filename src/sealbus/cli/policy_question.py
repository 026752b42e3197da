"""A request that is never sent: built from the options of `sealbus policy explain`, for a policy to decide.

Fields that no policy examines (the masks of function 22, the data of diagnostics, the words of a file record) are filled
in. Fields that a policy may examine must be given, values to write above all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealbus.errors import LocalError
from sealbus.policy import parse_function
from sealbus.protocol import (
    FLOAT_TYPES,
    CanopenReference,
    Diagnostics,
    FileRecord,
    FileReference,
    FunctionCode,
    GetCommEventCounter,
    GetCommEventLog,
    MaskWriteRegister,
    MeiType,
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
    ValueType,
    WordOrder,
    WriteFileRecord,
    WriteMultipleCoils,
    WriteMultipleRegisters,
    WriteSingleCoil,
    WriteSingleRegister,
    encode_registers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.protocol import Request

__all__ = ["Function", "Question", "Values", "parse_function_option"]

_CODES: Final = {code.name.lower().replace("_", "-"): int(code) for code in FunctionCode}
_NAMES: Final = {code: name for name, code in _CODES.items()}
_PART_NOUNS: Final = {8: "sub-function", 20: "file", 21: "file", 43: "MEI type"}
_COILS: Final = {"1": True, "on": True, "true": True, "0": False, "off": False, "false": False}


@dataclass(frozen=True, slots=True)
class Function:
    """A function code, and its sub-function, file or MEI type where one was given."""

    code: int
    part: int | None

    def __str__(self) -> str:
        name = f" ({_NAMES[self.code]})" if self.code in _NAMES else ""
        part = "" if self.part is None else f", {_PART_NOUNS.get(self.code, 'part')} {self.part}"
        return f"function {self.code}{name}{part}"


@dataclass(frozen=True, slots=True)
class Values:
    """Values to write, as typed, and how registers hold them."""

    texts: tuple[str, ...] = ()
    type: ValueType = ValueType.UINT16
    order: WordOrder = WordOrder.ABCD

    def coils(self, count: int) -> tuple[bool, ...]:
        """On or off for each coil. May be left out, because no policy examines it."""
        for text in self.texts:
            if text.lower() not in _COILS:
                raise LocalError(f"{text!r} is not a value for a coil; use on or off")
        return tuple(_COILS[text.lower()] for text in self.texts) or (False,) * count

    def words(self) -> tuple[int, ...]:
        """The registers. Required, because a policy may limit their values."""
        if not self.texts:
            raise LocalError("the decision depends on the written values; add --value, once for each value")
        return tuple(encode_registers([self._parse(text) for text in self.texts], self.type, self.order))

    def _parse(self, text: str) -> int | float | str:
        if self.type is ValueType.STRING:
            return text
        try:
            return float(text) if self.type in FLOAT_TYPES else int(text, 0)
        except ValueError:
            raise LocalError(f"{text!r} is not a value of type {self.type}; correct --value or --type") from None


@dataclass(frozen=True, slots=True)
class Question:
    """The options of the command line."""

    function: Function
    address: int | None = None
    count: int | None = None
    values: Values = Values()
    write_address: int | None = None

    def request(self) -> Request:
        """The request. Raises LocalError if an option is missing or no device could accept the request."""
        build = _BUILD.get(self.function.code)
        request = build(self) if build else OpaqueRequest(self.function.code, b"")
        written = getattr(request, "values", (None,) * (self.count or 1))
        if self.function.code in (15, 16) and self.count not in (None, len(written)):
            raise LocalError(f"--count {self.count} does not match {len(written)} values; leave --count out")
        return request

    def first(self) -> int:
        """The first address."""
        if self.address is None:
            raise LocalError(f"function {self.function.code} needs an address; add --address, counted from 0")
        return self.address

    def part(self) -> int:
        """The sub-function, file or MEI type."""
        if self.function.part is None:
            code = self.function.code
            raise LocalError(f"function {code} needs a {_PART_NOUNS[code]}; write --function {_NAMES[code]}:NUMBER")
        return self.function.part

    def word(self) -> int:
        """The one register that function 6 writes."""
        words = self.values.words()
        if len(words) != 1:
            raise LocalError(f"function 6 writes one register, the values need {len(words)}; use --function 16")
        return words[0]


def parse_function_option(text: str) -> Function:
    """`3`, `write-single-register`, `diagnostics:4`, `8:4`, `canopen`, ... Raises LocalError for an unknown function."""
    name, colon, part = text.partition(":")
    code = int(name) if name.isascii() and name.isdigit() and len(name) < 4 else _CODES.get(name, 0)
    if not colon and 1 <= code <= 127:
        return Function(code, None)
    if colon and code in _PART_NOUNS and part.isascii() and part.isdigit() and len(part) < 6:
        return Function(code, int(part))
    grant = parse_function(text)
    return Function(grant.function_code, grant.first)


def _single_coil(asked: Question) -> Request:
    return WriteSingleCoil(asked.first(), asked.values.coils(1)[0])


def _read_write(asked: Question) -> Request:
    if asked.write_address is None:
        raise LocalError("function 23 also writes; add --write-address")
    return ReadWriteMultipleRegisters(asked.first(), asked.count or 1, asked.write_address, asked.values.words())


def _write_file(asked: Question) -> Request:
    return WriteFileRecord((FileRecord(asked.part(), asked.address or 0, (0,) * (asked.count or 1)),))


def _encapsulated(asked: Question) -> Request:
    match asked.part():
        case MeiType.READ_DEVICE_IDENTIFICATION:
            return ReadDeviceIdentification(1, 0)
        case MeiType.CANOPEN_GENERAL_REFERENCE:
            return CanopenReference(b"")
    if asked.part() > 255:
        raise LocalError(f"{asked.part()} is not a MEI type; give 0 to 255")
    return OpaqueRequest(FunctionCode.ENCAPSULATED_INTERFACE, bytes((asked.part(),)))


_BUILD: Final[dict[int, Callable[[Question], Request]]] = {
    1: lambda asked: ReadCoils(asked.first(), asked.count or 1),
    2: lambda asked: ReadDiscreteInputs(asked.first(), asked.count or 1),
    3: lambda asked: ReadHoldingRegisters(asked.first(), asked.count or 1),
    4: lambda asked: ReadInputRegisters(asked.first(), asked.count or 1),
    5: _single_coil,
    6: lambda asked: WriteSingleRegister(asked.first(), asked.word()),
    7: lambda _: ReadExceptionStatus(),
    8: lambda asked: Diagnostics(asked.part(), b"\x00\x00"),
    11: lambda _: GetCommEventCounter(),
    12: lambda _: GetCommEventLog(),
    15: lambda asked: WriteMultipleCoils(asked.first(), asked.values.coils(asked.count or 1)),
    16: lambda asked: WriteMultipleRegisters(asked.first(), asked.values.words()),
    17: lambda _: ReportServerId(),
    20: lambda asked: ReadFileRecord((FileReference(asked.part(), asked.address or 0, asked.count or 1),)),
    21: _write_file,
    22: lambda asked: MaskWriteRegister(asked.first(), 0xFFFF, 0),
    23: _read_write,
    24: lambda asked: ReadFifoQueue(asked.first() if asked.function.part is None else asked.function.part),
    43: _encapsulated,
}
