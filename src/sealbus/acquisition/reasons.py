"""Why a tag has no value: a table from failures of the client, and one from exceptions of the device, to `Reason`.

Some failures say nothing about the tag: the request was never sent, because there was no time or no room for it, or
because the breaker held it back. They change nothing; if they last, the tag becomes stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealbus.client import Failure
from sealbus.protocol import ExceptionCode
from sealbus.samples import Reason

__all__ = ["Miss", "miss_of_exception", "miss_of_failure"]

_REFUSALS: Final = frozenset(
    (ExceptionCode.ILLEGAL_FUNCTION, ExceptionCode.ILLEGAL_DATA_ADDRESS, ExceptionCode.ILLEGAL_DATA_VALUE)
)
_OF_A_PATH: Final = frozenset((ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND))
_OF_A_PART: Final = frozenset((Failure.NO_ANSWER, Failure.WRONG_ANSWER, Failure.CONNECTION_LOST))


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that was sent, or could not be sent, and brought no data: why.

    `is_refusal`: an exception that names the request as wrong: 02 by the text, 01 from a gateway that allows some places, 03
    from a device that returns fewer places in one request than configured. `may_be_of_a_part`: another place, or a shorter
    request, may be answered. `is_slow`: it may have cost a time-out or a connection.
    """

    reason: Reason
    is_refusal: bool = False
    may_be_of_a_part: bool = False
    is_slow: bool = False
    is_lost_connection: bool = False


_OF_EXCEPTIONS: Final[dict[int, Reason]] = {
    ExceptionCode.ILLEGAL_FUNCTION: Reason.NOT_ALLOWED,
    ExceptionCode.ILLEGAL_DATA_ADDRESS: Reason.NO_SUCH_PLACE,
    ExceptionCode.GATEWAY_PATH_UNAVAILABLE: Reason.UNREACHABLE,
    ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND: Reason.TIMEOUT,
}
_OF_FAILURES: Final[dict[Failure, Reason]] = {
    Failure.UNREACHABLE: Reason.UNREACHABLE,
    Failure.CONNECTION_LOST: Reason.UNREACHABLE,
    Failure.NO_ANSWER: Reason.TIMEOUT,
    Failure.WRONG_ANSWER: Reason.WRONG_ANSWER,
    Failure.BROADCAST_READ: Reason.NOT_COLLECTED,
    Failure.BROADCAST: Reason.NOT_COLLECTED,
}


def miss_of_exception(code: int) -> Miss:
    """What a Modbus exception means."""
    reason = _OF_EXCEPTIONS.get(code, Reason.DEVICE_EXCEPTION)
    return Miss(reason, is_refusal=code in _REFUSALS, may_be_of_a_part=True, is_slow=code in _OF_A_PATH)


def miss_of_failure(failure: Failure) -> Miss | None:
    """What a request without an answer means; None where nothing is known by it."""
    reason = _OF_FAILURES.get(failure)
    is_of_a_part = failure in _OF_A_PART
    if reason is None:
        return None
    is_lost = failure is Failure.CONNECTION_LOST
    return Miss(reason, may_be_of_a_part=is_of_a_part, is_slow=is_of_a_part, is_lost_connection=is_lost)
