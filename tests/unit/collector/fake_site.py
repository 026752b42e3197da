"""A site in memory: the store that the collector is tested with, and the thread that calls it."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from sealbus.collector.store_thread import StoreThread
from sealbus.errors import SealbusError
from sealbus.history import HistoryRules
from sealbus.plant import Command, CommandProgress, CommandResult, Plan, SiteVersions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence
    from pathlib import Path

__all__ = ["FakeStore", "store_thread"]


class _InLoop(Executor):
    """Runs each call at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


def store_thread() -> StoreThread:
    """A thread for the store that is none."""
    return StoreThread(_InLoop())


class FakeStore:
    """A `CollectorStore`. `is_away` is a database that is away; `calls` lists what was called."""

    hint_topics = ("plan", "commands")

    def __init__(self) -> None:
        self.is_away = False
        self.calls: list[str] = []
        self.numbers = SiteVersions(plan=0, commands=0)
        self.plans: Plan | Exception = Plan()
        self.leases: dict[str, str] = {}
        self.waiting: list[Command] = []
        self.withdrawn: list[int] = []
        self.progress: list[CommandProgress] = []
        self.results: list[CommandResult] = []
        self.unstorable: set[int] = set()
        self.is_losing_claims = False
        self.recovered: list[set[int]] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.is_away:
            raise SealbusError("the database: away")

    def set_hint_publisher(self, publish: Callable[[str, bytes], None] | None) -> None:
        self.calls.append("hints on" if publish else "hints off")

    def versions(self) -> SiteVersions:
        self._call("versions")
        return self.numbers

    def plan(self) -> Plan:
        self._call("plan")
        if isinstance(self.plans, Exception):
            raise self.plans
        return self.plans

    def history_rules(self) -> HistoryRules:
        self._call("rules")
        return HistoryRules(zone="UTC")

    def hold_lease(self, name: str, holder: str) -> str:
        self._call("hold")
        return self.leases.setdefault(name, holder)

    def release_lease(self, name: str, holder: str) -> None:
        self._call("release")
        if self.leases.get(name) == holder:
            del self.leases[name]

    def recover_commands(self, collector_id: str, running: Collection[int]) -> int:
        self._call(f"recover {collector_id}")
        self.recovered.append(set(running))
        return 0

    def claim_commands(self, holder: str, limit: int) -> Sequence[Command]:
        self._call("claim")
        if self.is_losing_claims:
            raise SealbusError("the database: lost after the claim")
        claimed, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return claimed

    def withdrawn_commands(self, holder: str) -> Sequence[int]:
        self._call("withdrawn")
        return self.withdrawn

    def record_sent(self, holder: str, command_id: int) -> bool:
        self._call(f"sent {command_id}")
        return command_id not in self.withdrawn

    def note_progress(self, holder: str, progress: CommandProgress) -> None:
        self._call("progress")
        self.progress.append(progress)

    def finish_command(self, holder: str, result: CommandResult) -> None:
        self._call("finish")
        if result.id in self.unstorable:
            raise ValueError("a NUL in a text")
        self.results.append(result)

    def take_records(self, name: str, folder: Path) -> int:
        self._call(f"records {name}")
        return 0

    def maintain_audit(self) -> None:
        self._call("audit")

    def forwarding(self) -> Coroutine[None, None, None] | None:
        return None
