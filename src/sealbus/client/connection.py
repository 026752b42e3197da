"""The Modbus client of the Python API: every function code, typed reads and writes, secure by default.

A connection talks to one endpoint. It opens with `open` or with the first request, reconnects after a loss (with
jittered back-off), and sends one request at a time unless `in_flight` is higher. It never repeats a write: when one
is not answered, the error states that its outcome is unknown, and the caller decides what to do.
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import replace
from typing import TYPE_CHECKING

from sealbus.client.awaited_calls import AwaitedCalls
from sealbus.client.calls import RequestCache, check_unit, error_of, exception_of, unit_range
from sealbus.client.channel import Channel, ChannelHooks
from sealbus.client.procedures import build_probe, is_no_unit
from sealbus.client.target import resolve_target
from sealbus.client.transaction import Failure, Transaction
from sealbus.errors import LocalError, SealbusError
from sealbus.protocol import ANSWER_FUNCTION_AT, EXCEPTION_BIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from sealbus.client.channel import ChannelRules
    from sealbus.client.observing import ConnectionEvent, WireBytes
    from sealbus.client.target import ConnectionTarget
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import WireRequest
    from sealbus.security import Identity, TlsOptions, Trust

__all__ = ["Connection", "Unit", "connect"]

_MAX_WAITING = 16_384
"""Calls that may wait for their turn. Each belongs to a task of the program and ends with its deadline, so `queue` of the
rules, made for the clients of a gateway, would only turn a wait within the deadline into an error."""


class _AwaitedCall(Transaction):
    """A transaction whose future a caller awaits."""

    __slots__ = ("endpoint", "future")

    endpoint: Endpoint
    future: asyncio.Future[bytes]

    def finish(self, answer: bytes) -> None:
        if self.future.done():
            return
        if answer[ANSWER_FUNCTION_AT] & EXCEPTION_BIT:
            self.future.set_exception(exception_of(answer, self.endpoint, self.request))
        else:
            self.future.set_result(answer)

    def on_cancelled(self, future: asyncio.Future[bytes]) -> None:
        """The caller was cancelled: the request must not be sent any more."""
        if future.cancelled():
            self.send_by = 0.0

    def fail(self, failure: Failure, detail: str = "") -> None:
        if self.future.done():
            return
        if failure is Failure.BROADCAST:
            self.future.set_result(b"")
            return
        self.future.set_exception(error_of(failure, detail, self.endpoint, self.request))


class Connection(AwaitedCalls):
    """A connection to one endpoint. Made by `connect`; use it with `async with`.

    A call that names no unit goes to unit 1; `unit` gives the calls of another one.
    """

    def __init__(self, target: ConnectionTarget) -> None:
        self._target = target
        self._send_timeout_s = target.rules.send_timeout_s
        self._channel: Channel | None = None
        self._cache = RequestCache()
        self._unit_id = 1

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return self._target.endpoint

    def unit(self, unit_id: int) -> Unit:
        """The calls of this connection to one unit. It opens and closes with the connection."""
        return Unit(self, unit_id)

    async def open(self) -> None:
        """Connect now, rather than with the first request. Raises Unreachable."""
        await self._opened_channel().open()

    async def close(self) -> None:
        """Close the connection. Calls in progress fail."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            await asyncio.sleep(0)  # the transport closes in the next turn of the loop

    async def __aenter__(self) -> Connection:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def scan_units(self, first: int = 1, last: int = 247, *, place: str = "holding:0") -> list[int]:
        """The unit ids from `first` to `last` that answer a read of `place`; any exception but 0A and 0B is an answer.

        Each unit that is not there costs a time-out. Raises Unreachable when the connection is lost.
        """
        probe, found = build_probe(place), []
        for unit in unit_range(first, last):
            try:
                await self.execute(probe, unit=unit)
            except SealbusError as error:
                if is_no_unit(error):
                    continue
            found.append(unit)
        return found

    # -- machinery

    def _has_news(self) -> bool:
        """Whether a socket has bytes or an end to read, for a loop that does not run all the time."""
        lines = self._channel._lines if self._channel else ()
        transports = [line.transport for line in lines if line.transport is not None]
        sockets = [sock for each in transports if (sock := each.get_extra_info("socket")) is not None]
        return bool(sockets) and bool(select.select(sockets, (), (), 0)[0])

    def _opened_channel(self) -> Channel:
        if self._channel is None:
            tls = self._target.tls
            rules = replace(self._target.rules, queue=max(self._target.rules.queue, _MAX_WAITING))
            observer = self._target.observer
            hooks = ChannelHooks(
                connected=lambda transport: observer.connected(),
                lost=observer.lost,
                unreachable=observer.unreachable,
                tapped=observer.tapped,
            )
            self._channel = Channel(self._target.endpoint, rules, tls=None if tls is None else lambda: tls, hooks=hooks)
        return self._channel

    def _allowed(self, unit: int) -> int:
        return unit

    def _submit(self, asked: WireRequest, waited_s: float = 0.0) -> asyncio.Future[bytes]:
        """`waited_s`: the part of its time that the caller has waited already."""
        channel = self._channel or self._opened_channel()
        loop = channel.loop
        call = _AwaitedCall(None, asked, loop.time() + self._send_timeout_s - waited_s)
        call.endpoint = self._target.endpoint
        future = call.future = loop.create_future()
        channel.submit(call)
        if not call.answer_due and not future.done():  # it is queued
            future.add_done_callback(call.on_cancelled)
        return future


class Unit(AwaitedCalls):
    """The calls to one unit of a connection. Made by `Connection.unit`."""

    def __init__(self, connection: Connection, unit_id: int) -> None:
        self._connection = connection
        self._cache = connection._cache
        self._unit_id = check_unit(unit_id)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return self._connection.endpoint

    @property
    def unit_id(self) -> int:
        """The unit id."""
        return self._unit_id

    def _allowed(self, unit: int) -> int:
        if unit != self._unit_id:
            raise LocalError(f"unit {unit!r}: these are the calls of unit {self._unit_id}; leave unit out")
        return unit

    def _submit(self, asked: WireRequest) -> asyncio.Future[bytes]:
        return self._connection._submit(asked)


def connect(
    url: str,
    *,
    identity: Identity | None = None,
    trust: Trust | str | Path | Sequence[str | Path] | None = None,
    crl: str | Path | Sequence[str | Path] = (),
    timeout: float | None = None,
    rules: ChannelRules | None = None,
    tls_options: TlsOptions | None = None,
    on_event: Callable[[ConnectionEvent], object] | None = None,
    on_bytes: Callable[[WireBytes], object] | None = None,
) -> Connection:
    """A connection to the endpoint `url`, to be opened with `async with` or at the first request.

    mbaps needs `identity` (this client's certificate and key) and `trust` (the certificates of trusted authorities);
    `crl` names their revocation lists. `timeout` is the seconds to wait for an answer, 1 where it is left out. `rules`,
    in its place, sets more: requests in flight, gaps, delays. `on_event` is called when a connection is made, lost or cannot
    be made, `on_bytes` with what is sent and received. Raises ConfigError for invalid arguments.
    """
    return Connection(
        resolve_target(
            url,
            identity=identity,
            trust=trust,
            crl=crl,
            timeout=timeout,
            rules=rules,
            tls_options=tls_options,
            on_event=on_event,
            on_bytes=on_bytes,
        )
    )
