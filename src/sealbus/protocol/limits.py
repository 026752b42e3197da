"""The limits of a request, checked once, in its constructor.

A request object that exists is legal. Wrong numbers raise IllegalRequestError, a LocalError; where the numbers came from a
peer, `parse_request` turns it into a RequestError with the same exception code.

The order follows the state diagram of each function in the MODBUS Application Protocol V1.1b3, section 6: structure and
quantity (exception 03) before addresses (exception 02). The general diagram, figure 9, has them the other way round.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Final

from sealbus.errors import LocalError
from sealbus.protocol.codes import ADDRESS_SPACE, ExceptionCode
from sealbus.protocol.packing import is_bit, pack_words

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "IllegalRequestError",
    "check_address",
    "check_bits",
    "check_block",
    "check_bytes",
    "check_register",
    "check_registers",
    "check_size",
    "check_whole",
]

_TYPES_OF_BITS: Final = {bool, int}
_BITS: Final = {0, 1}


class IllegalRequestError(LocalError):
    """A request that no server may accept. `exception_code` is what a server answers to it."""

    code = "illegal-request"

    def __init__(self, message: str, exception_code: ExceptionCode = ExceptionCode.ILLEGAL_DATA_VALUE) -> None:
        super().__init__(message)
        self.exception_code = exception_code


def check_whole(value: object, name: str) -> None:
    """LocalError that names the argument unless `value` is a whole number. True is none: it is a slip for a value."""
    if type(value) is int:
        return
    try:
        if not isinstance(value, bool):
            index(value)  # type: ignore[arg-type]  # an integer of another library
            return
    except TypeError:
        pass
    raise IllegalRequestError(f"{name} {value!r} is not a whole number")


def check_bytes(value: object, name: str) -> None:
    """LocalError that names the argument unless `value` is bytes."""
    if not isinstance(value, bytes):
        raise IllegalRequestError(f"{name} {value!r} is not bytes: write b'...'")


def check_bits(values: Sequence[object]) -> None:
    """LocalError unless each value is True, False, 0 or 1: `bool` of any other, of the text "off" too, would be on."""
    if set(map(type, values)) <= _TYPES_OF_BITS and set(values) <= _BITS:
        return
    for value in values:
        if not is_bit(value):
            raise IllegalRequestError(f"{value!r} is not a value for a coil: use True, False, 0 or 1")


def check_block(address: int, count: int, limit: int) -> None:
    """Exception 03 unless 1 <= count <= limit, then exception 02 unless the block ends at or before address 65535."""
    if type(address) is not int or type(count) is not int:
        check_whole(count, "count")
        check_whole(address, "address")
    if not 1 <= count <= limit:
        raise IllegalRequestError(f"the quantity {count} is not in 1 to {limit}")
    if not 0 <= address <= ADDRESS_SPACE - count:
        raise IllegalRequestError(
            f"the addresses {address} to {address + count - 1} are not all in 0 to 65535",
            ExceptionCode.ILLEGAL_DATA_ADDRESS,
        )


def check_address(address: int) -> None:
    """Exception 02 unless the address is one."""
    check_whole(address, "address")
    if not 0 <= address < ADDRESS_SPACE:
        raise IllegalRequestError(f"the address {address} is not in 0 to 65535", ExceptionCode.ILLEGAL_DATA_ADDRESS)


def check_register(value: int) -> None:
    """Exception 03 unless the value fits 16 bits."""
    check_registers((value,))


def check_registers(values: tuple[int, ...]) -> None:
    """Exception 03 unless every value fits 16 bits. A truth is refused: it is a slip for a coil or another value."""
    if bool in map(type, values):
        truth = next(value for value in values if isinstance(value, bool))
        raise IllegalRequestError(f"{truth!r} is not valid in a register: use a whole number from 0 to 65535")
    try:
        pack_words(values)
    except LocalError as misfit:
        raise IllegalRequestError(str(misfit)) from None


def check_size(pdu: bytes, size: int) -> None:
    """Exception 03 unless the PDU has exactly this many bytes."""
    if len(pdu) != size:
        raise IllegalRequestError(f"{len(pdu)} bytes where the request has {size}")
