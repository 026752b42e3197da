"""Forwards an allowed request from a session of one listener to the channel of a device, and records writes.

The bytes of request and answer are not changed except for the transaction id, which belongs to each connection. A
request that may change state is recorded before it can be sent. If it cannot be recorded it is refused as busy: nothing
was done, and the client may send the request again. Its outcome is recorded before the client gets the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sealbus.client import Failure, Transaction
from sealbus.protocol import UNIT_AT, ExceptionCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.client import Channel
    from sealbus.protocol import WireRequest
    from sealbus.server import Ruling, Session

__all__ = ["WITHOUT_RECORD", "Forwarder", "Route", "WriteRecorder"]


WITHOUT_RECORD: Final = 0
"""Instead of the number of a record: the write goes on without one, because there is no space for a record and the operator
has set `unsafe_write_without_record`."""


class WriteRecorder(Protocol):
    """Records writes. The number of a record is above 0."""

    def requested(self, session: Session, adu: bytes, ruling: Ruling, device: str) -> int | None:
        """Record that this write is about to be sent.

        Returns the number of the record, or WITHOUT_RECORD. None: it cannot be recorded, so it must not be sent.
        """

    def answered(self, record: int, answer: bytes) -> None: ...
    def failed(self, record: int, failure: Failure, detail: str) -> None: ...


class Route:
    """The channel of one device, and how long its requests may wait to be sent."""

    __slots__ = ("channel", "max_wait_s", "name")

    def __init__(self, channel: Channel, max_wait_s: float) -> None:
        self.channel = channel
        self.name = str(channel.endpoint)
        self.max_wait_s = max_wait_s


class _Forwarded(Transaction):
    """A forwarded request.

    One is created per request, so it does not call `Transaction.__init__`: that call would set fields which only a queued
    request needs (see `Transaction`).
    """

    __slots__ = ("adu", "max_wait_s")

    source: Session

    def __init__(self, source: Session, request: WireRequest, adu: bytes, max_wait_s: float) -> None:
        self.source = source
        self.request = request
        self.adu = adu
        self.max_wait_s = max_wait_s

    @property
    def payer(self) -> object:
        peer = self.source.peer
        return self.source if peer is None else peer.fingerprint

    def on_queued(self, now: float) -> None:
        self.client = self.payer
        self.send_by = now + self.max_wait_s

    def finish(self, answer: bytes) -> None:
        self.source.answer(self.adu, answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        if failure is Failure.BROADCAST:
            self.source.finish_silently()
        else:
            self.source.answer_exception(self.adu, failure.exception_code)


class _WriteRecord:
    """The record of one write; does nothing for a write WITHOUT_RECORD."""

    __slots__ = ("_number", "_recorder")

    def __init__(self, recorder: WriteRecorder, number: int) -> None:
        self._recorder = recorder
        self._number = number

    def answered(self, answer: bytes) -> None:
        if self._number != WITHOUT_RECORD:
            self._recorder.answered(self._number, answer)

    def failed(self, failure: Failure, detail: str) -> None:
        if self._number != WITHOUT_RECORD:
            self._recorder.failed(self._number, failure, detail)


class _ForwardedWrite(_Forwarded):
    """A forwarded request that may change state, and its record."""

    __slots__ = ("_record",)

    def __init__(
        self, source: Session, request: WireRequest, adu: bytes, max_wait_s: float, record_of_write: _WriteRecord
    ) -> None:
        super().__init__(source, request, adu, max_wait_s)
        self._record = record_of_write

    def finish(self, answer: bytes) -> None:
        self._record.answered(answer)
        super().finish(answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        self._record.failed(failure, detail)
        super().fail(failure, detail)


class Forwarder:
    """The backend of one listener: maps unit ids to routes."""

    def __init__(self, routes: Mapping[int, Route], recorder: WriteRecorder) -> None:
        self._routes = routes
        self._recorder = recorder
        self._channels = {route.channel for route in routes.values()}

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        route = self._routes.get(adu[UNIT_AT])
        request: WireRequest = ruling.wire_request  # type: ignore[assignment]  # an allowed request is well formed
        if route is None:
            session.answer_exception(adu, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
        elif request.may_change_state:
            self._submit_recorded(session, adu, ruling, route)
        else:
            route.channel.submit(_Forwarded(session, request, adu, route.max_wait_s))

    def _submit_recorded(self, session: Session, adu: bytes, ruling: Ruling, route: Route) -> None:
        # Recorded before it is submitted: a write must be in the record before it can be on the wire.
        number = self._recorder.requested(session, adu, ruling, route.name)
        if number is None:
            session.answer_exception(adu, ExceptionCode.SERVER_DEVICE_BUSY)
            return
        request: WireRequest = ruling.wire_request  # type: ignore[assignment]  # as above
        record_of_write = _WriteRecord(self._recorder, number)
        route.channel.submit(_ForwardedWrite(session, request, adu, route.max_wait_s, record_of_write))

    def abandon(self, session: Session, *, only_writes: bool = False) -> None:
        for channel in self._channels:
            channel.abandon(session, only_writes=only_writes)
