"""The client API without `await`: the calls and errors of `Connection`, for scripts and threads.

`calls` defines what is sent and what an answer means; this module, how a call waits. tcp and mbaps endpoints get a plain
socket (`BlockingChannel`), because starting and stopping an event loop for each call costs more than the call. Serial
lines and SSH have no blocking transport: they get the asynchronous client on an event loop that runs during a call.
There is no thread, and nothing happens between calls.
"""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sealbus.client.blocking_calls import BlockingCalls
from sealbus.client.blocking_channel import BlockingChannel
from sealbus.client.calls import RequestCache, check_unit, error_of, unit_range
from sealbus.client.connection import Connection
from sealbus.client.procedures import build_probe, is_no_unit
from sealbus.client.target import resolve_target
from sealbus.client.transaction import Failure
from sealbus.errors import LocalError, SealbusError
from sealbus.transport import is_blocking_supported

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path
    from types import TracebackType

    from sealbus.client.channel import ChannelRules
    from sealbus.client.observing import ConnectionEvent, WireBytes
    from sealbus.client.target import ConnectionTarget
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import WireRequest
    from sealbus.security import Identity, TlsOptions, Trust

__all__ = ["BlockingConnection", "BlockingUnit", "connect_blocking"]

_Result = TypeVar("_Result")
_TURNS = 8  # from the socket through TLS to the line
_CLOSED = "the connection is closed: make a new one with connect()"
_IN_A_CALL = "this connection is within a call already: the handler of a signal must not use it"
_IN_A_LOOP = "sealbus.sync was called inside an event loop: await sealbus.connect there"


class _Exchanger(Protocol):
    """One request at a time to one endpoint. Not thread-safe."""

    def open(self) -> None: ...
    def exchange(self, request: WireRequest, waited_s: float) -> bytes: ...
    def close(self) -> None: ...


class BlockingConnection(BlockingCalls):
    """A connection to one endpoint, made by `sealbus.sync.connect`; use it with `with`. The calls are those of
    `sealbus.Connection`. Calls from several threads take turns.
    """

    def __init__(self, target: ConnectionTarget) -> None:
        self._target = target
        self._cache = RequestCache()
        self._unit_id = 1
        self._turn = threading.RLock()  # a plain lock would wait for ever in the handler of a signal
        self._is_busy = False
        self._is_closed = False
        self._exchanger: _Exchanger = (
            BlockingChannel(target) if is_blocking_supported(target.endpoint) else _LoopExchanger(Connection(target))
        )

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""
        return self._target.endpoint

    def unit(self, unit_id: int) -> BlockingUnit:
        """The calls of this connection to one unit. It opens and closes with the connection."""
        return BlockingUnit(self, unit_id)

    def open(self) -> None:
        """Connect now, rather than with the first request. Raises Unreachable."""
        _refuse_in_a_loop()
        with self._turn:
            self._refuse_unusable()
            self._is_busy = True
            try:
                self._exchanger.open()
            finally:
                self._is_busy = False

    def close(self) -> None:
        """Close the connection permanently."""
        with self._turn:
            if self._is_busy:
                raise LocalError(_IN_A_CALL)
            if not self._is_closed:
                self._exchanger.close()
                self._is_closed = True

    def __enter__(self) -> BlockingConnection:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def scan_units(self, first: int = 1, last: int = 247, *, place: str = "holding:0") -> list[int]:
        """The unit ids from `first` to `last` that answer a read of `place`; any exception but 0A and 0B is an answer.

        Each unit that is not there costs a time-out. Raises Unreachable when the connection is lost.
        """
        probe, found = build_probe(place), []
        for unit in unit_range(first, last):
            try:
                self.execute(probe, unit=unit)
            except SealbusError as error:
                if is_no_unit(error):
                    continue
            found.append(unit)
        return found

    def _allowed(self, unit: int) -> int:
        return unit

    def _exchange(self, request: WireRequest) -> bytes:
        _refuse_in_a_loop()
        try:
            waited_s = 0.0 if self._turn.acquire(blocking=False) else self._wait_for_turn(request)
            self._refuse_unusable()
            self._is_busy = True
            try:
                return self._exchanger.exchange(request, waited_s)
            finally:
                self._is_busy = False
        finally:
            # Within the `try` that acquires: the handler of a signal may raise between the two, and would leave it locked.
            try:  # noqa: SIM105 - `suppress` costs more than the lock, for each call
                self._turn.release()
            except RuntimeError:  # it was not acquired
                pass

    def _wait_for_turn(self, request: WireRequest) -> float:
        """Wait while other threads have calls under way, as long as this one may wait to be sent. The seconds waited."""
        began = time.monotonic()
        if not self._turn.acquire(timeout=self._target.rules.send_timeout_s):
            raise error_of(Failure.NOT_SENT_IN_TIME, "", self.endpoint, request)
        return time.monotonic() - began

    def _refuse_unusable(self) -> None:
        if self._is_busy:  # by this thread: it has the lock
            raise LocalError(_IN_A_CALL)
        if self._is_closed:
            raise LocalError(_CLOSED)

    def __del__(self) -> None:
        if not self._is_closed:
            self._exchanger.close()


class BlockingUnit(BlockingCalls):
    """The calls to one unit of a connection. Made by `BlockingConnection.unit`."""

    def __init__(self, connection: BlockingConnection, unit_id: int) -> None:
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

    def _exchange(self, request: WireRequest) -> bytes:
        return self._connection._exchange(request)


class _LoopExchanger:
    """The asynchronous client on an event loop that runs only while a call is under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.new_event_loop()  # not uvloop: it is slow to start and stop, which each call does

    def open(self) -> None:
        self._run(self._connection.open())

    def exchange(self, request: WireRequest, waited_s: float) -> bytes:
        return self._run(self._ask(request, waited_s))

    def close(self) -> None:
        if not self._loop.is_closed():
            try:
                self._run(self._connection.close())
            finally:
                self._loop.close()

    async def _ask(self, request: WireRequest, waited_s: float) -> bytes:
        return await self._connection._submit(request, waited_s)

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        try:
            if self._connection._has_news():
                self._loop.run_until_complete(_take_up_news())
            return self._loop.run_until_complete(work)
        except SealbusError:
            raise
        except BaseException:  # the handler of a signal may raise anything
            self._loop.run_until_complete(_cancel_calls())
            raise
        finally:
            work.close()  # it never began where the loop could not run


def connect_blocking(
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
) -> BlockingConnection:
    """A connection to the endpoint `url`, to be opened with `with` or at the first request; see `sealbus.connect`."""
    return BlockingConnection(
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


def _refuse_in_a_loop() -> None:
    if _get_running_loop() is not None:  # get_running_loop raises where there is none, which costs more than the rest
        raise LocalError(_IN_A_LOOP)


async def _cancel_calls() -> None:
    """End the call that was interrupted: otherwise it would continue in the next one, and send its write then."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _take_up_news() -> None:
    """Run the loop for events since it last ran, such as the end of a connection that was idle for long."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
