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
    from sealbus.protocol import AnswerShape
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
    __slots__ = ("adu", "journal", "patience_s", "record")

    source: Session
    adu: bytes
    patience_s: float
    record: int
    journal: WriteJournal

    @property
    def client(self) -> object:
        peer = self.source.peer
        return self.source if peer is None else peer.fingerprint

    def has_to_wait(self, now: float) -> None:
        self.send_by = now + self.patience_s

    def settle(self, answer: bytes) -> None:
        if self.record:
            self.journal.answered(self.record, answer)
        self.source.answer(self.adu, answer)

    def fail(self, failure: Failure, detail: str = "") -> None:
        if self.record:
            self.journal.failed(self.record, failure, detail)
        if failure is Failure.BROADCAST:
            self.source.let_go()
        else:
            self.source.refuse(self.adu, failure.exception_code)


class Forwarder:
    """The backend of one listener: unit ids to routes."""

    def __init__(self, routes: Mapping[int, Route], journal: WriteJournal) -> None:
        self._routes = routes
        self._journal = journal
        self._channels = {route.channel for route in routes.values()}

    def submit(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        route = self._routes.get(adu[6])
        if route is None:
            session.refuse(adu, ExceptionCode.GATEWAY_PATH_UNAVAILABLE)
            return
        record = 0
        if ruling.may_change_state:
            recorded = self._journal.requested(session, adu, ruling, route.name)
            if recorded is None:
                session.refuse(adu, ExceptionCode.SERVER_DEVICE_BUSY)
                return
            record = recorded
        shape: AnswerShape = ruling.shape  # type: ignore[assignment]  # an allowed request is well formed and has one
        forwarded = _Forwarded(session, ruling.tail, shape, ruling.may_change_state, 0.0)
        forwarded.head = ruling.head
        forwarded.patience_s = route.patience_s
        forwarded.adu = adu
        forwarded.record = record
        forwarded.journal = self._journal
        route.channel.submit(forwarded)

    def gone(self, session: Session) -> None:
        for channel in self._channels:
            channel.abandon(session)
