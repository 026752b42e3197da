"""The lease that makes one process the collector of this id: wait for it, renew it, release it.

It is a row of the database, renewed on the database's clock, which all machines share. A renewal that fails because the
database is down changes nothing: no other process can take the lease then.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from typing import TYPE_CHECKING

from sealbus.errors import SealbusError
from sealbus.plant import COLLECTOR_LEASE, with_collector_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.collector.store import CollectorStore
    from sealbus.collector.store_thread import StoreThread

__all__ = ["Lease", "LeaseLost", "holder_name"]


class LeaseLost(Exception):
    """Another process holds the lease now; `holder` names it."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def holder_name(collector_id: str) -> str:
    """A new name for this process. It begins with the collector's id, by which the claims of an earlier one are found.

    The random number must stay: a copy of a machine has its host name, its machine id and its folders too.
    """
    return f"{collector_id}@{socket.gethostname()[:48]}-{secrets.token_hex(8)}"


class Lease:
    """The lease of one collector id, for one `holder`."""

    def __init__(self, store: CollectorStore, thread: StoreThread, collector_id: str, holder: str) -> None:
        self._store = store
        self._thread = thread
        self._name = with_collector_id(COLLECTOR_LEASE, collector_id)
        self.holder = holder

    async def acquire(self, stopped: asyncio.Event, retry_s: float, report: Callable[[str], None]) -> bool:
        """Wait for the lease. Each new reason to wait is a line for `report`. False: stopped before."""
        reported = ""
        while not stopped.is_set():
            try:
                holder = await self._thread.call(self._store.hold_lease, self._name, self.holder)
                reason = "" if holder == self.holder else f"{holder} holds the lease"
            except SealbusError as error:
                reason = str(error)
            if not reason:
                return True
            if reason != reported:
                reported = reason
                report(f"waiting until this is the collector of the site: {reason}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(retry_s):
                    await stopped.wait()
        return False

    async def keep(self, renew_s: float) -> None:
        """Renew the lease until cancelled. Raises LeaseLost when another process has it."""
        while True:
            holder = await self._thread.attempt(self._store.hold_lease, self._name, self.holder)
            if holder is not None and holder != self.holder:
                raise LeaseLost(holder)
            await asyncio.sleep(renew_s)

    async def release(self) -> None:
        """Release it at once, instead of leaving it to expire."""
        await self._thread.attempt(self._store.release_lease, self._name, self.holder)
