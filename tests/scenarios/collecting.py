"""A real polling engine over real sockets, with sinks that record their input.

async with open_collector(tmp_path) as site:
    site.apply(connection(1, device.url, *neighbours(30)))
    await site.wait_for_good(1007, 7)
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pki
from scenarios.plant import until
from sealbus.acquisition import EnginePorts, PollingEngine, SampleClock
from sealbus.plant import (
    CalculatedPlan,
    Command,
    CommandProgress,
    CommandResult,
    ConnectionPlan,
    DevicePlan,
    Plan,
    TagPlan,
)
from sealbus.samples import Quality, Reason, Sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

__all__ = ["LOOPBACK", "Site", "connection", "neighbours", "open_collector", "save_identity"]

LOOPBACK = "127.0.0.1 *"
_PATIENCE_S = 20.0
"""The deadline of a wait. A wait ends as soon as its condition holds."""


def neighbours(count: int, *, first: int = 0, **options: Any) -> tuple[TagPlan, ...]:
    """Tags at consecutive holding registers. The id of a tag is its register plus 1000."""
    options.setdefault("interval_s", 0.1)
    return tuple(
        TagPlan(id=1000 + address, place=f"holding:{address}", **options) for address in range(first, first + count)
    )


def connection(number: int, url: str, *tags: TagPlan, **options: Any) -> ConnectionPlan:
    """A connection with one device, both with this id. `devices` replaces the device."""
    devices = options.pop("devices", (DevicePlan(id=number, unit_id=options.pop("unit_id", 1), tags=tags),))
    return ConnectionPlan(id=number, url=url, devices=devices, **options)


def save_identity(folder: Path, root: pki.Credential, *, role: str | None = "Viewer", trusts: pki.Credential) -> None:
    """Write the three files of an identity."""
    folder.mkdir(parents=True, exist_ok=True)
    leaf = pki.make_leaf(root, role=role)
    (folder / "certificate.pem").write_bytes(leaf.pem)
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(pki.encode_key(leaf.key))
    pki.save_trust(folder / "trust.pem", trusts)


@dataclass
class Site:
    """A polling engine and its output."""

    identities: Path
    samples: list[Sample] = field(default_factory=list)
    stored: list[Sample] = field(default_factory=list)
    reports: list[CommandProgress | CommandResult] = field(default_factory=list)
    collector: PollingEngine = field(init=False)
    _commands: int = 0

    def put(self, samples: Sequence[Sample]) -> None:
        self.stored += samples

    def apply(
        self,
        *connections: ConnectionPlan,
        networks: Sequence[str] = (LOOPBACK,),
        calculated: Sequence[CalculatedPlan] = (),
    ) -> None:
        self.collector.apply(Plan(connections=connections, networks=tuple(networks), calculated=tuple(calculated)))

    def samples_of(self, tag_id: int) -> list[Sample]:
        """All published samples of a tag."""
        return [sample for sample in self.samples if sample.tag_id == tag_id]

    def last(self, tag_id: int) -> Sample | None:
        """The newest published sample of a tag."""
        return next((sample for sample in reversed(self.samples) if sample.tag_id == tag_id), None)

    async def wait_for(
        self, tag_id: int, condition: Callable[[Sample], bool], *, within_s: float = _PATIENCE_S
    ) -> Sample:
        """Wait until the newest sample of a tag meets the condition."""
        await until(lambda: (last := self.last(tag_id)) is not None and condition(last), within_s=within_s)
        found = self.last(tag_id)
        assert found is not None
        return found

    async def wait_for_good(self, tag_id: int, value: object = None) -> Sample:
        """Wait until a tag is good and, if a value is given, has it."""
        return await self.wait_for(tag_id, lambda it: it.quality is Quality.GOOD and value in (None, it.value))

    async def wait_for_bad(self, tag_id: int, reason: Reason) -> Sample:
        """Wait until a tag is bad for this reason."""
        return await self.wait_for(tag_id, lambda it: (it.quality, it.reason) == (Quality.BAD, reason))

    async def execute(self, command: Command, *, within_s: float = 2 * _PATIENCE_S) -> CommandResult:
        """Submit a command and wait for its one result."""
        known = len(self.reports)
        self.collector.submit(command)
        await until(lambda: bool(self.results(command.id, known)), within_s=within_s)
        (result,) = self.results(command.id, known)
        return result

    def results(self, command_id: int, known: int = 0) -> list[CommandResult]:
        """The results of a command among the reports from `known` on."""
        return [each for each in self.reports[known:] if isinstance(each, CommandResult) and each.id == command_id]


@contextlib.asynccontextmanager
async def open_collector(folder: Path, **ports: Any) -> AsyncIterator[Site]:
    """A running engine. `ports` replaces some of its ports."""
    site = Site(folder / "identities")
    ports.setdefault("clock", SampleClock())
    site.collector = PollingEngine(
        EnginePorts(
            store=site, publish=site.samples.extend, report=site.reports.append, identities=site.identities, **ports
        )
    )
    running = asyncio.create_task(site.collector.run())
    try:
        yield site
    finally:
        await site.collector.close()
        await running
