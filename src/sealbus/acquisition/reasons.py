"""Why a tag has no value: a table from failures of the client, and one from exceptions of the device, to `Reason`.

Some failures say nothing about the device: the request was never sent, because there was no time or no room for it. They
change nothing; if they last, the tag becomes stale.
"""

from __future__ import annotations

from typing import Final

from sealbus.client import Failure
from sealbus.protocol import ExceptionCode
from sealbus.samples import Reason

__all__ = ["HALVING_EXCEPTIONS", "reason_of_exception", "reason_of_failure"]

HALVING_EXCEPTIONS: Final = frozenset(
    (ExceptionCode.ILLEGAL_FUNCTION, ExceptionCode.ILLEGAL_DATA_ADDRESS, ExceptionCode.ILLEGAL_DATA_VALUE)
)
"""Exceptions that may be about one place of several: 02 by the text, 01 from a gateway that allows some of them, 03 from a
device that returns fewer places in one request than configured."""

_OF_EXCEPTIONS: Final[dict[int, Reason]] = {
    ExceptionCode.ILLEGAL_FUNCTION: Reason.NOT_ALLOWED,
    ExceptionCode.ILLEGAL_DATA_ADDRESS: Reason.NO_SUCH_PLACE,
    ExceptionCode.GATEWAY_PATH_UNAVAILABLE: Reason.UNREACHABLE,
    ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND: Reason.TIMEOUT,
}
_OF_FAILURES: Final[dict[Failure, Reason]] = {
    Failure.UNREACHABLE: Reason.UNREACHABLE,
    Failure.CONNECTION_LOST: Reason.UNREACHABLE,
    Failure.UNIT_SILENT: Reason.TIMEOUT,
    Failure.NO_ANSWER: Reason.TIMEOUT,
    Failure.WRONG_ANSWER: Reason.WRONG_ANSWER,
    Failure.BROADCAST_READ: Reason.NOT_COLLECTED,
    Failure.BROADCAST: Reason.NOT_COLLECTED,
}


def reason_of_exception(code: int) -> Reason:
    """The reason for a Modbus exception."""
    return _OF_EXCEPTIONS.get(code, Reason.DEVICE_EXCEPTION)


def reason_of_failure(failure: Failure) -> Reason | None:
    """The reason for a request without an answer; None where nothing is known by it."""
    return _OF_FAILURES.get(failure)
