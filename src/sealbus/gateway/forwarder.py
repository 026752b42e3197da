"""Where does an allowed request go, and what is said of it? From a session of one listener to the channel of a device.

The bytes of the request and of the answer are never changed but for the transaction id, which belongs to each side's own
connection. A request that may change something is in the record before it can be on the wire; when it cannot be
recorded it is refused as busy, for nothing was done and the same request may be sent again later. Its end is recorded
before the client hears of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sealbus.client import Failure, Transaction
from sealbus.protocol import ExceptionCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.client import Channel
    from sealbus.protocol import RawRequest
    from sealbus.server import Ruling, Session

__all__ = ["Forwarder", "Route", "WriteJournal"]


class WriteJournal(Protocol):
    """Who records writes. A record is a number above 0; 0 says that a write may go on without one."""

    def requested(self, session: Session, adu: bytes, ruling: Ruling, device: str) -> int | None:
        """Record that this is about to be sent. None: it cannot be recorded and must not be sent."""

    def answered(self, record: int, answer: bytes) -> None: ...
    def failed(self, record: int, failure: Failure, detail: str) -> None: ...


class Route:
    """The channel of one device and how long its requests may wait to be sent."""

    __slots__ = ("channel", "name", "patience_s")

    def __init__(self, channel: Channel, patience_s: float) -> None:
        self.channel = channel
        self.name = str(channel.endpoint)
        self.patience_s = patience_s


class _Forwarded(Transaction):
    """A request that changes nothing. There is one for each that comes, so it has its fields set once and in one place."""

    __slots__ = ("adu", "patience_s")

    source: Session

    def __init__(self, source: Session, request: RawRequest, adu: bytes, patience_s: float) -> None:
        self.source = source
        self.request = request
        self.adu = adu
        self.patience_s = patience_s

    def on_queued(self, now: float) -> None:
        peer = self.source.peer
        self.client = self.source if peer is None else peer.fingerprint
        self.send_by = now + self.patience_s

    def finish(self, answer: bytes) -> None:
        self.source.answer(self.adu, answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        if failure is Failure.BROADCAST:
            self.source.finish_silently()
        else:
            self.source.refuse(self.adu, failure.exception_code)


class _Recorded(_Forwarded):
    """A request that may change something, in the record."""

    __slots__ = ("journal", "record")

    journal: WriteJournal
    record: int

    def finish(self, answer: bytes) -> None:
        if self.record:
            self.journal.answered(self.record, answer)
        super().finish(answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        if self.record:
            self.journal.failed(self.record, failure, detail)
        super().fail(failure, detail)


class Forwarder:
    """The backend of one listener: unit ids to routes."""

    def __init__(self, routes: Mapping[int, Route], journal: WriteJournal) -> None:
        self._routes = routes
        self._journal = journal
        self._channels = {route.channel for route in routes.values()}

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        route = self._routes.get(adu[6])
        request: RawRequest = ruling.raw  # type: ignore[assignment]  # an allowed request is well formed
        if route is None:
            session.refuse(adu, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
        elif request.may_change_state:
            self._submit_recorded(session, adu, ruling, route)
        else:
            route.channel.submit(_Forwarded(session, request, adu, route.patience_s))

    def _submit_recorded(self, session: Session, adu: bytes, ruling: Ruling, route: Route) -> None:
        record = self._journal.requested(session, adu, ruling, route.name)
        if record is None:
            session.refuse(adu, ExceptionCode.SERVER_DEVICE_BUSY)
            return
        request: RawRequest = ruling.raw  # type: ignore[assignment]  # as above
        recorded = _Recorded(session, request, adu, route.patience_s)
        recorded.journal, recorded.record = self._journal, record
        route.channel.submit(recorded)

    def abandon(self, session: Session) -> None:
        for channel in self._channels:
            channel.abandon(session)
