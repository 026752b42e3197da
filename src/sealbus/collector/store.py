"""What the collector needs of the site. The web package implements it; `cli` brings the two together.

Each method is one short, blocking call for a thread of the collector. SealbusError: it failed, and the call may be made
again; a database that is down is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence
    from pathlib import Path

    from sealbus.history import HistoryRules
    from sealbus.plant import Command, CommandProgress, CommandResult, Plan, SiteVersions

__all__ = ["CollectorStore"]


class CollectorStore(Protocol):
    """The site. `holder` names the process that calls, and is unique among all machines."""

    @property
    def hint_topics(self) -> tuple[str, ...]:
        """The topics on which a message means that one of the `versions` has changed."""
        ...

    def set_hint_publisher(self, publish: Callable[[str, bytes], None] | None) -> None:
        """Publish the hints of changes that this process makes with this function; None: do not publish them."""

    def versions(self) -> SiteVersions:
        """The numbers now."""
        ...

    def plan(self) -> Plan:
        """The plan. Raises ConfigError for one that cannot be read."""
        ...

    def history_rules(self) -> HistoryRules:
        """Time zone and retention. Raises ConfigError for rules that contradict each other."""
        ...

    def hold_lease(self, name: str, holder: str) -> str:
        """Take the lease, or renew it. Returns the holder after this call: another one where the lease is taken."""
        ...

    def release_lease(self, name: str, holder: str) -> None:
        """Release the lease so that a waiting collector can take it at once."""

    def recover_commands(self, collector_id: str, running: Collection[int]) -> int:
        """End the commands that are claimed for this collector and not among `running`. Returns how many there were."""
        ...

    def claim_commands(self, holder: str, limit: int) -> Sequence[Command]:
        """Claim up to `limit` commands, oldest first. Fewer than `limit`: no more can be claimed now."""
        ...

    def withdrawn_commands(self, holder: str) -> Sequence[int]:
        """The ids of commands that this process has claimed and that were withdrawn since."""
        ...

    def record_sent(self, holder: str, command_id: int) -> bool:
        """Record a claimed write as sent, before it goes on the wire. False: it may not be sent any more."""
        ...

    def note_progress(self, holder: str, progress: CommandProgress) -> None:
        """Store the progress of a command."""

    def finish_command(self, holder: str, result: CommandResult) -> None:
        """Store the result of a command."""

    def take_records(self, name: str, folder: Path) -> int:
        """Take the records that a gateway has written since the last call. Returns how many."""
        ...

    def maintain_audit(self) -> None:
        """Add counted refusals to the audit, and note outside the database where the audit ends."""

    def forwarding(self) -> Coroutine[None, None, None] | None:
        """The endless task that sends the audit to a syslog server; None where no server is configured."""
        ...
