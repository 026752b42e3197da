"""All connections of the plan, with their devices and tags. A new plan touches nothing that is the same in the old one.

Values are compared, part by part. A connection whose own settings have changed is closed and made again. A connection of
which only devices have changed keeps its socket. A device that has changed gets new polls. A tag whose plan is the same
keeps its state when another poll reads it. A tag that is no longer read, because it was removed, is disabled or cannot be
used, becomes BAD, NOT_COLLECTED, once: a value that is not refreshed must not stay GOOD.

An error in a connection, a device or a tag affects that one alone, also where the error is a bug of Sealbus.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.polled_connection import PolledConnection, PolledDevice
from sealbus.acquisition.polls import Poll, PolledTag, PolledUnit
from sealbus.acquisition.tag_states import TagState, unread
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError, SealbusError
from sealbus.plant import DeviceLimits, Problem, build_conversion, compile_tag
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealbus.acquisition.polled_connection import DialContext
    from sealbus.acquisition.polls import PollContext
    from sealbus.plant import ConnectionPlan, DevicePlan, Tag, TagPlan
    from sealbus.samples import Sample

__all__ = ["PolledConnections"]

_log = logging.getLogger("sealbus.acquisition")


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    plan: TagPlan
    tag: Tag | None
    """None while it is not read."""
    state: TagState


class PolledConnections:
    """The connections of one engine, by their ids."""

    def __init__(self, dial_context: DialContext, poll_context: PollContext) -> None:
        self._dial_context = dial_context
        self._poll_context = poll_context
        self._plans: dict[int, ConnectionPlan] = {}
        self._known: dict[int, _Known] = {}
        self._in_use: set[int] = set()
        self._problems: dict[tuple[str, int], Problem] = {}
        self.by_id: dict[int, PolledConnection] = {}

    @property
    def states(self) -> dict[int, TagState]:
        """The states of all tags of the plan, by their ids."""
        return {tag_id: known.state for tag_id, known in self._known.items()}

    @property
    def problems(self) -> list[Problem]:
        """What of the plan cannot be used, and the unforeseen errors of tags."""
        with_bug = (known.state for known in self._known.values() if known.state.bug)
        return [
            *self._problems.values(),
            *(Problem(what="tag", id=state.tag_id, text=state.bug) for state in with_bug),
        ]

    def apply(self, connections: Sequence[ConnectionPlan]) -> list[Sample]:
        """Poll according to this plan. Returns the changes of tags that are no longer read."""
        wanted: dict[int, ConnectionPlan] = {}
        for plan in sorted(connections, key=lambda each: each.id):
            wanted.setdefault(plan.id, plan)
        for connection_id in self._plans.keys() - wanted.keys():
            self._remove(connection_id)
        for plan in wanted.values():
            if plan.enabled:
                self._reserve(plan)
        changed = [plan for connection_id, plan in wanted.items() if self._plans.get(connection_id) != plan]
        starting: list[tuple[PolledConnection, DevicePlan]] = []
        for plan in changed:
            with self._problem_of("connection", plan.id):
                starting += self._replace(plan)
        # Nothing is started before all that has changed is stopped: a tag may have moved from one device to another.
        for connection, device in starting:
            with self._problem_of("device", device.id):
                self._start(connection, device)
        return self._mark_unread(wanted.values())

    def recheck(self) -> None:
        """The allowed networks have changed. A connection that cannot be checked is closed."""
        checked: set[int] = set()
        for connection_id, connection in list(self.by_id.items()):
            with self._problem_of("connection", connection_id):
                connection.recheck()
                checked.add(connection_id)
        for connection_id in self.by_id.keys() - checked:
            self._close(connection_id)

    def check(self, *, changed: set[str]) -> list[Sample]:
        """Once in a while: check each connection, and return the changes of its tags.

        `changed` are the identities whose files have changed.
        """
        changes: list[Sample] = []
        now = self._poll_context.loop.time()
        for connection_id, connection in list(self.by_id.items()):
            with self._problem_of("connection", connection_id):
                changes += connection.check(now, changed=changed)
        return changes

    def close(self) -> None:
        """Close all connections."""
        for connection_id in list(self.by_id):
            self._close(connection_id)

    # -- connections

    def _reserve(self, plan: ConnectionPlan) -> None:
        """Reserve what the connection dials. Of two that dial the same, the first to reserve gets it: lower ids first."""
        with self._problem_of("connection", plan.id):
            try:
                self._dial_context.locator.reserve(parse_endpoint(plan.url), plan.id)
            except SealbusError:
                return  # reported when the connection is made, or when it is dialled

    def _remove(self, connection_id: int) -> None:
        self._drop_problems(self._plans.pop(connection_id))
        self._close(connection_id)

    def _close(self, connection_id: int) -> None:
        connection = self.by_id.pop(connection_id, None)
        if connection is not None:
            with self._problem_of("connection", connection_id):
                for device_id in list(connection.devices):
                    self._stop(connection, device_id)
                connection.close()
        self._dial_context.locator.release(
            connection_id
        )  # also where it was reserved and the connection was never made

    def _replace(self, plan: ConnectionPlan) -> list[tuple[PolledConnection, DevicePlan]]:
        """Apply this plan, but for the devices that have to be started; these are returned."""
        before = self._plans.get(plan.id)
        if before is not None:
            self._drop_problems(before)
        connection = self.by_id.get(plan.id)
        if connection is not None and (before is None or not plan.enabled or _settings(before) != _settings(plan)):
            self._close(plan.id)
            connection = None
        self._plans[plan.id] = plan
        if not plan.enabled:
            return []
        if connection is None:
            with self._problem_of("connection", plan.id):
                self.by_id[plan.id] = PolledConnection(plan, self._dial_context)
            connection = self.by_id.get(plan.id)
            if connection is None:
                self._dial_context.locator.release(plan.id)  # it dials nothing, so another connection may
                return []
            self._reserve(plan)  # again: `_close` released it
        connection.update(plan)
        return [(connection, device) for device in self._changed_devices(connection, before)]

    # -- devices

    def _changed_devices(self, connection: PolledConnection, before: ConnectionPlan | None) -> list[DevicePlan]:
        """Stop the devices that have changed; those that have to be started again are returned."""
        old = {device.id: device for device in before.devices} if before is not None else {}
        wanted = {device.id: device for device in connection.plan.devices if device.enabled}
        for device_id in connection.devices.keys() - wanted.keys():
            self._stop(connection, device_id)
        changed = [
            device for device in wanted.values() if device.id not in connection.devices or old.get(device.id) != device
        ]
        for device in changed:
            self._stop(connection, device.id)
        return changed

    def _stop(self, connection: PolledConnection, device_id: int) -> None:
        run = connection.devices.pop(device_id, None)
        if run is not None:
            for poll in run.polls:
                poll.stop()
                for polled_tag in poll.polled_tags:
                    self._in_use.discard(polled_tag.tag.plan.id)
            connection.channel.abandon(run.unit)

    def _start(self, connection: PolledConnection, device: DevicePlan) -> None:
        """Raises ConfigError for a device that cannot be polled."""
        limits = DeviceLimits.of(device)
        unit = PolledUnit(device.id, device.unit_id, limits, connection.channel, connection.max_outstanding)
        with contextlib.ExitStack() as undo:
            by_interval: dict[float, list[PolledTag]] = {}
            for plan in (tag for tag in device.tags if tag.enabled):
                with self._problem_of("tag", plan.id):
                    polled_tag = self._polled_tag(plan, limits)
                    by_interval.setdefault(plan.interval_s, []).append(polled_tag)
                    undo.callback(self._in_use.discard, plan.id)
            polls = [
                Poll(unit, tags, interval_s, self._poll_context) for interval_s, tags in sorted(by_interval.items())
            ]
            connection.devices[device.id] = PolledDevice(unit, polls)
            undo.callback(self._stop, connection, device.id)
            for poll in polls:
                poll.start()
            undo.pop_all()

    # -- tags

    def _polled_tag(self, plan: TagPlan, limits: DeviceLimits) -> PolledTag:
        """Raises ConfigError for a tag that cannot be read."""
        known = self._known.get(plan.id)
        if plan.id in self._in_use:
            raise ConfigError("a second tag with this id", key="id", hint="give each tag its own")
        tag = known.tag if known is not None and known.plan == plan else None
        if known is None or tag is None:
            tag = compile_tag(plan)
            known = _Known(plan, tag, TagState(plan, build_conversion(tag), before=known.state if known else None))
        objection = limits.objection(tag)
        if objection is not None:
            raise objection
        self._known[plan.id] = known
        self._in_use.add(plan.id)
        return PolledTag(tag, known.state)

    def _mark_unread(self, plans: Iterable[ConnectionPlan]) -> list[Sample]:
        """The changes of tags that are not read: those of the plan before, and those of this plan that cannot be read."""
        changes: list[Sample] = []
        planned = {tag.id: tag for plan in plans for device in plan.devices for tag in device.tags}
        for tag_id in (self._known.keys() | planned.keys()) - self._in_use:
            with self._problem_of("tag", tag_id):
                change = self._mark_tag_unread(tag_id, planned.get(tag_id))
                changes += [] if change is None else [change]
        return changes

    def _mark_tag_unread(self, tag_id: int, plan: TagPlan | None) -> Sample | None:
        """`plan` is None for a tag that was removed from the plan."""
        known = self._known.get(tag_id)
        if known is None and plan is not None:
            known = self._known[tag_id] = _Known(plan, None, TagState(plan, unread))
        if plan is None:
            self._known.pop(tag_id, None)
        if known is None:
            return None
        return known.state.fail(Reason.NOT_COLLECTED, self._poll_context.clock.now_us(), self._poll_context.loop.time())

    # -- problems

    @contextlib.contextmanager
    def _problem_of(self, what: str, number: int) -> Iterator[None]:
        """An error in the block becomes a problem of this connection, device or tag."""
        try:
            yield
        except ConfigError as error:
            self._problems[what, number] = Problem(what=what, id=number, text=str(error))
        except Exception as error:  # noqa: BLE001 - a row that the rules accepted: it must not stop the others
            problem = Problem(what=what, id=number, text=describe_bug(error))
            if self._problems.get((what, number)) != problem:
                _log.error("%s %d: %s", what, number, problem.text, exc_info=error)
            self._problems[what, number] = problem

    def _drop_problems(self, plan: ConnectionPlan) -> None:
        self._problems.pop(("connection", plan.id), None)
        for device in plan.devices:
            self._problems.pop(("device", device.id), None)
            for tag in device.tags:
                self._problems.pop(("tag", tag.id), None)


def _settings(plan: ConnectionPlan) -> ConnectionPlan:
    """The settings that make it another connection: not its name, not its devices."""
    return msgspec.structs.replace(plan, name="", devices=())
