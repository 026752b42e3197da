"""The limits of a request, checked once, in its constructor.

A request object that exists is legal. Wrong numbers raise IllegalRequestError, a LocalError; where the numbers came from a
peer, `parse_request` turns it into a RequestError with the same exception code.

The order follows the state diagram of each function in the MODBUS Application Protocol V1.1b3, section 6: structure and
quantity (exception 03) before addresses (exception 02). The general diagram, figure 9, has them the other way round.
"""

from __future__ import annotations

from sealbus.errors import LocalError
from sealbus.protocol.codes import ADDRESS_SPACE, ExceptionCode
from sealbus.protocol.packing import pack_words

__all__ = ["IllegalRequestError", "check_address", "check_block", "check_register", "check_registers", "check_size"]


class IllegalRequestError(LocalError):
    """A request that no server may accept. `exception_code` is what a server answers to it."""

    code = "illegal-request"

    def __init__(self, message: str, exception_code: ExceptionCode = ExceptionCode.ILLEGAL_DATA_VALUE) -> None:
        super().__init__(message)
        self.exception_code = exception_code


def check_block(address: int, count: int, limit: int) -> None:
    """Exception 03 unless 1 <= count <= limit, then exception 02 unless the block ends at or before address 65535."""
    if not 1 <= count <= limit:
        raise IllegalRequestError(f"the quantity {count} is not in 1 to {limit}")
    if not 0 <= address <= ADDRESS_SPACE - count:
        raise IllegalRequestError(
            f"the addresses {address} to {address + count - 1} are not all in 0 to 65535",
            ExceptionCode.ILLEGAL_DATA_ADDRESS,
        )


def check_address(address: int) -> None:
    """Exception 02 unless the address is one."""
    if not 0 <= address < ADDRESS_SPACE:
        raise IllegalRequestError(f"the address {address} is not in 0 to 65535", ExceptionCode.ILLEGAL_DATA_ADDRESS)


def check_register(value: int) -> None:
    """Exception 03 unless the value fits 16 bits."""
    check_registers((value,))


def check_registers(values: tuple[int, ...]) -> None:
    """Exception 03 unless every value fits 16 bits."""
    try:
        pack_words(values)
    except LocalError as misfit:
        raise IllegalRequestError(str(misfit)) from None


def check_size(pdu: bytes, size: int) -> None:
    """Exception 03 unless the PDU has exactly this many bytes."""
    if len(pdu) != size:
        raise IllegalRequestError(f"{len(pdu)} bytes where the request has {size}")
