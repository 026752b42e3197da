"""Intake of gateways' records into the audit of the site, and the regular work on that audit."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - msgspec evaluates the annotations
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.collector.store import CollectorStore
    from sealbus.collector.store_thread import StoreThread

__all__ = ["RecordSource", "RecordsIntake"]


class RecordSource(msgspec.Struct, frozen=True):
    """The record folder of a gateway, and the name that its records get in the audit."""

    name: str
    folder: Path


class RecordsIntake:
    """Both tasks use one thread of their own, because the intake of many records takes its time."""

    def __init__(self, store: CollectorStore, thread: StoreThread, sources: Sequence[RecordSource]) -> None:
        self._store = store
        self._thread = thread
        self._sources = sources

    async def take(self, every_s: float) -> None:
        """Take new records of all sources, until cancelled."""
        while True:
            await self._thread.attempt(self._take_all)
            await asyncio.sleep(every_s)

    async def maintain_audit(self, every_s: float) -> None:
        """Let the store maintain its audit, until cancelled."""
        while True:
            await self._thread.attempt(self._store.maintain_audit)
            await asyncio.sleep(every_s)

    def _take_all(self) -> None:
        for source in self._sources:
            self._store.take_records(source.name, source.folder)
