"""The plan of the site, given to the engine, and its retention, given to history.

A plan that cannot be read changes nothing: the last one stays in force.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sealbus.collector.store import CollectorStore
    from sealbus.collector.store_thread import StoreThread
    from sealbus.history import HistoryRules
    from sealbus.plant import Plan

__all__ = ["HasRules", "PlanSync", "TakesPlan"]

_log = logging.getLogger("sealbus.collect")


class TakesPlan(Protocol):
    """The engine, as far as it is needed here."""

    def apply(self, plan: Plan) -> None:
        """Poll according to this plan."""


class HasRules(Protocol):
    """The history store, as far as it is needed here."""

    def set_rules(self, rules: HistoryRules) -> None:
        """Use this time zone and this retention from now on."""


class PlanSync:
    """From the store to the engine and history."""

    def __init__(self, store: CollectorStore, thread: StoreThread, *, engine: TakesPlan, history: HasRules) -> None:
        self._store = store
        self._thread = thread
        self._engine = engine
        self._history = history

    async def load(self) -> bool:
        """Read the plan and put it in force. Returns whether it is in force now; otherwise the last one stays in force."""
        plan = await self._thread.attempt(self._store.plan)
        rules = await self._thread.attempt(self._store.history_rules)
        if plan is None or rules is None:
            return False
        self._history.set_rules(rules)
        try:
            self._engine.apply(plan)
        except Exception:  # noqa: BLE001 - a row of the plan must not stop the other rows
            _log.exception("a fault of Sealbus: a part of the plan could not be applied; the rest continues")
        return True
