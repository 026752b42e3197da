"""The client of Sealbus without `await`: the same calls, the same errors, for scripts and threads.

    with sealbus.sync.connect("tcp://127.0.0.1:5020") as modbus:
        print(modbus.read("holding:20", type="float32", order="CDAB"))

Each connection runs the asynchronous client on an event loop of its own, only while a call is under way: there is no
thread, and nothing happens between calls. Calls from several threads take turns.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from sealbus.client import connect as _connect
from sealbus.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path
    from types import TracebackType

    from sealbus.client import ChannelRules, Value
    from sealbus.client import Connection as AsyncConnection
    from sealbus.endpoints import Endpoint
    from sealbus.protocol import DeviceIdentification, Request
    from sealbus.security import Identity, TlsOptions, Trust

__all__ = ["Connection", "connect"]

_Result = TypeVar("_Result")
_TURNS = 8  # from the socket through TLS to the line


class Connection:
    """A connection to one endpoint, made by `connect`; use it with `with`. The calls are those of the asynchronous one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._loop = (
            asyncio.new_event_loop()
        )  # not uvloop: it is slow to start and stop, and this does so for each call
        self._turn = threading.Lock()

    @property
    def endpoint(self) -> Endpoint:
        """What it is connected to."""
        return self._connection.endpoint

    def open(self) -> None:
        """Connect now, rather than with the first request. Raises Unreachable."""
        self._run(self._connection.open())

    def close(self) -> None:
        """Close the connection for good."""
        if not self._loop.is_closed():
            self._run(self._connection.close())
            self._loop.close()

    def __enter__(self) -> Connection:
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

    def __del__(self) -> None:
        if not self._loop.is_closed():
            self._loop.close()

    def read_coils(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 01: 1 to 2000 coils from `address`."""
        return self._run(self._connection.read_coils(address, count, unit=unit))

    def read_discrete_inputs(self, address: int, count: int, *, unit: int = 1) -> list[bool]:
        """Function 02: 1 to 2000 discrete inputs from `address`."""
        return self._run(self._connection.read_discrete_inputs(address, count, unit=unit))

    def read_holding_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 03: 1 to 125 holding registers from `address`, unsigned 16 bit each."""
        return self._run(self._connection.read_holding_registers(address, count, unit=unit))

    def read_input_registers(self, address: int, count: int, *, unit: int = 1) -> list[int]:
        """Function 04: 1 to 125 input registers from `address`, unsigned 16 bit each."""
        return self._run(self._connection.read_input_registers(address, count, unit=unit))

    def write_coil(self, address: int, value: bool, *, unit: int = 1) -> None:
        """Function 05: set or clear one coil."""
        self._run(self._connection.write_coil(address, value, unit=unit))

    def write_register(self, address: int, value: int, *, unit: int = 1) -> None:
        """Function 06: write one holding register, unsigned 16 bit."""
        self._run(self._connection.write_register(address, value, unit=unit))

    def write_coils(self, address: int, values: Sequence[bool], *, unit: int = 1) -> None:
        """Function 15: write 1 to 1968 coils from `address`."""
        self._run(self._connection.write_coils(address, values, unit=unit))

    def write_registers(self, address: int, values: Sequence[int], *, unit: int = 1) -> None:
        """Function 16: write 1 to 123 holding registers from `address`, unsigned 16 bit each."""
        self._run(self._connection.write_registers(address, values, unit=unit))

    def mask_write_register(self, address: int, and_mask: int, or_mask: int, *, unit: int = 1) -> None:
        """Function 22: register = (register AND and_mask) OR (or_mask AND NOT and_mask)."""
        self._run(self._connection.mask_write_register(address, and_mask, or_mask, unit=unit))

    def read_write_registers(
        self, read: tuple[int, int], write: tuple[int, Sequence[int]], *, unit: int = 1
    ) -> list[int]:
        """Function 23: write `(address, values)`, then read `(address, count)`, in one request."""
        return self._run(self._connection.read_write_registers(read, write, unit=unit))

    def read_fifo_queue(self, address: int, *, unit: int = 1) -> list[int]:
        """Function 24: the up to 31 registers of the queue at `address`."""
        return self._run(self._connection.read_fifo_queue(address, unit=unit))

    def read_device_identification(self, access: int = 1, object_id: int = 0, *, unit: int = 1) -> DeviceIdentification:
        """Function 43/14: vendor, product, revision (access 1), more with 2 and 3, one object with 4."""
        return self._run(self._connection.read_device_identification(access, object_id, unit=unit))

    def execute(self, request: Request, *, unit: int = 1) -> Any:
        """Send any request of `sealbus.protocol` and return its decoded answer; None for a write or a broadcast."""
        return self._run(self._connection.execute(request, unit=unit))

    def read(self, place: str, *, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> Any:
        """Read a place such as "holding:20", "input:0-9" or "coils:3", decoded as `type` in word order `order`."""
        return self._run(self._connection.read(place, type=type, order=order, unit=unit))

    def write(self, place: str, *values: Value, type: str = "uint16", order: str = "ABCD", unit: int = 1) -> None:
        """Write values to "holding:100" or "coils:3" and on, encoded as `type` in word order `order`."""
        self._run(self._connection.write(place, *values, type=type, order=order, unit=unit))

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        with self._turn:
            try:
                if self._connection._has_news():
                    self._loop.run_until_complete(_take_up_news())
                return self._loop.run_until_complete(work)
            except RuntimeError as error:
                work.close()
                if self._loop.is_closed():
                    raise LocalError("the connection is closed: make a new one with connect()") from error
                if _is_in_a_loop():
                    raise LocalError(
                        "sealbus.sync was called inside an event loop: await sealbus.connect there"
                    ) from error
                raise
            except KeyboardInterrupt:
                self._loop.run_until_complete(_give_up())
                raise


def connect(
    url: str,
    *,
    identity: Identity | None = None,
    trust: Trust | str | Path | Sequence[str | Path] | None = None,
    crl: str | Path | Sequence[str | Path] = (),
    timeout: float = 1.0,
    rules: ChannelRules | None = None,
    tls_options: TlsOptions | None = None,
) -> Connection:
    """A connection to the endpoint `url`, to be opened with `with` or at the first request; see `sealbus.connect`."""
    return Connection(
        _connect(url, identity=identity, trust=trust, crl=crl, timeout=timeout, rules=rules, tls_options=tls_options)
    )


async def _give_up() -> None:
    """End the call that was interrupted: left alone, it would go on with the next one, and a write be sent by then."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _take_up_news() -> None:
    """Let the loop see what came in since it last ran, such as the end of a connection that was idle for long."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
