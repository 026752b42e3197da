"""One request on its way to a device and back.

A transaction ends exactly once: with the answer of the device, or with a `Failure` that states whether it was sent. What was
not sent may be requested again by the caller; what was sent and not answered has an unknown outcome. Nothing in Sealbus
ever sends a write a second time. A read that was lost with its connection is sent once more (see `AskedAgain`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Final

from sealbus.protocol import ExceptionCode

if TYPE_CHECKING:
    from sealbus.protocol import WireRequest

__all__ = ["AskedAgain", "Failure", "Transaction", "ask_again"]


class Failure(Enum):
    """Why a transaction has no answer: text, whether it was sent, and the exception a gateway answers for it.

    The codes follow the MODBUS Application Protocol V1.1b3, section 7: 0A no path to the target, 0B the target did not
    respond, 06 busy.
    """

    NOT_SENT_IN_TIME = (
        "its time ran out before it could be sent",
        False,
        ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND,
    )
    UNREACHABLE = ("the device cannot be reached", False, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
    BUSY = ("too many requests are waiting for the device", False, ExceptionCode.SERVER_DEVICE_BUSY)
    UNIT_SILENT = (
        "requests like this one have not been answered for a while",
        False,
        ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND,
    )
    ABANDONED = ("the client has disconnected", False, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)
    """Its source has abandoned it, or the channel was closed, before it was sent."""
    NO_ANSWER = ("the device did not answer in time", True, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)
    CONNECTION_LOST = (
        "the connection to the device was lost",
        True,
        ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND,
    )
    BROADCAST = ("a broadcast is never answered", True, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)
    BROADCAST_READ = ("nothing can be read by a broadcast", False, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
    WRONG_ANSWER = ("the device's answer does not fit", True, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND)

    def __init__(self, text: str, was_sent: bool, exception_code: ExceptionCode) -> None:
        self.text = text
        self.was_sent = was_sent
        self.exception_code = exception_code


class Transaction:
    """A request for one device. Callers subclass it: `finish` and `fail` are its two ends.

    * `request`: what is sent.
    * `source`: the object that submitted it (a session of a gateway, a polled unit, a client). `Channel.abandon` takes it.
    * `client`: the queue gives turns to clients; several sources may belong to one. By default the source.
    * `send_by`: the last moment to send it, on the loop's clock.
    * `answer_due`: when its answer is late, on the loop's clock. The line sets it when it sends.

    Only the queue reads `client` and `send_by`. A subclass that sets them in `on_queued` saves their cost for each request
    that is sent at once.
    """

    __slots__ = ("answer_due", "client", "request", "send_by", "source")

    is_urgent: ClassVar[bool] = False
    """Whether it goes before all that are not: for commands of a person on a line that is polled."""

    skips_breaker: ClassVar[bool] = False
    """Whether it is sent although the breaker holds such requests back: what a person asked for must be asked."""

    client: object

    def __init__(self, source: object, request: WireRequest, send_by: float) -> None:
        self.source = self.client = source
        self.request = request
        self.send_by = send_by
        self.answer_due = 0.0

    @property
    def payer(self) -> object:
        """Whose requests are held back when this one and others like it are not answered (see `breaker`)."""
        return self.client

    def on_queued(self, now: float) -> None:
        """Called when it cannot be sent at once, before `client` and `send_by` are read."""

    def finish(self, answer: bytes) -> None:
        """The device answered: `answer` is its MBAP ADU without the two bytes of the transaction id."""
        raise NotImplementedError

    def fail(self, failure: Failure, detail: str = "") -> None:
        """There is no answer, and why."""
        raise NotImplementedError


class AskedAgain(Transaction):
    """A transaction that goes to the device a second time, on a new connection: it was not sent, or it only reads.

    Devices close connections after each answer, or when idle. A request that was just sent is lost with such a connection.
    """

    __slots__ = ("_first",)

    def __init__(self, first: Transaction) -> None:
        self.source, self.client, self.request = first.source, first.client, first.request
        self.answer_due = 0.0
        self._first: Final = first

    @property
    def send_by(self) -> float:  # type: ignore[override]
        return self._first.send_by

    def finish(self, answer: bytes) -> None:
        self._first.finish(answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        if not failure.was_sent and not self.request.may_change_state:
            failure = Failure.CONNECTION_LOST  # it was sent, the first time
        self._first.fail(failure, detail)


class _UrgentAskedAgain(AskedAgain):
    __slots__ = ()

    is_urgent = True


def ask_again(first: Transaction, sent_at: float) -> AskedAgain:
    """Once more, with the deadline that it had. `sent_at` is when it went to a line, on the loop's clock."""
    if getattr(first, "send_by", None) is None:
        first.on_queued(sent_at)  # it never waited: now it does
    return (_UrgentAskedAgain if first.is_urgent else AskedAgain)(first)
