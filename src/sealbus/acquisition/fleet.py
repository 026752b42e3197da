"""All links, their devices and tags, made to agree with a plan by touching nothing that is the same in both.

Compared are values, part by part. A connection whose own settings changed is closed and made anew; one of which only
devices changed keeps its socket; a device that changed has its polls made anew; a tag whose plan is the same keeps its
memory wherever it is polled from. What can no longer be read, because it was taken out, switched off or cannot be
used, is told to be BAD, NOT_COLLECTED, once: a value that nobody refreshes must not stay good for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealbus.acquisition.conversion import build_conversion
from sealbus.acquisition.link import DeviceRun, Link
from sealbus.acquisition.planner import DeviceLimits
from sealbus.acquisition.points import Point, unread
from sealbus.acquisition.polls import Member, Poll, PolledUnit
from sealbus.acquisition.state import Problem
from sealbus.acquisition.tags import compile_tag
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealbus.acquisition.link import Reach
    from sealbus.acquisition.plan import ConnectionPlan, DevicePlan, TagPlan
    from sealbus.acquisition.polls import Surroundings
    from sealbus.acquisition.tags import Tag

__all__ = ["Fleet"]

_UNIT_IDS = range(256)


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    plan: TagPlan
    tag: Tag | None
    """None while nobody reads it."""
    point: Point


class Fleet:
    """The links of one collector, by the id of the connection."""

    def __init__(self, reach: Reach, surroundings: Surroundings) -> None:
        self._reach = reach
        self._in = surroundings
        self._plans: dict[int, ConnectionPlan] = {}
        self._known: dict[int, _Known] = {}
        self._in_use: set[int] = set()
        self._problems: dict[tuple[str, int], Problem] = {}
        self.links: dict[int, Link] = {}

    @property
    def points(self) -> dict[int, Point]:
        """The memories of all tags of the plan, by their ids."""
        return {tag_id: known.point for tag_id, known in self._known.items()}

    @property
    def problems(self) -> list[Problem]:
        """What of the plan cannot be used."""
        return list(self._problems.values())

    def apply(self, connections: Sequence[ConnectionPlan]) -> None:
        """Agree with this plan."""
        wanted: dict[int, ConnectionPlan] = {}
        for plan in sorted(connections, key=lambda each: each.id):
            wanted.setdefault(plan.id, plan)
        for connection_id in self._plans.keys() - wanted.keys():
            self._remove(connection_id)
        for plan in wanted.values():
            if plan.enabled:
                self._reserve(plan)
        changed = [plan for connection_id, plan in wanted.items() if self._plans.get(connection_id) != plan]
        starting = [(link, device) for plan in changed for link, device in self._replace(plan)]
        for link, device in starting:  # when all that change have stopped: a tag may have moved from one to another
            self._start(link, device)
        self._give_up(wanted.values())

    def close(self) -> None:
        """Close all links."""
        for link in self.links.values():
            link.close()
        self.links.clear()

    # -- connections

    def _reserve(self, plan: ConnectionPlan) -> None:
        """The lower id is first where two dial the same."""
        try:
            self._reach.locator.reserve(parse_endpoint(plan.url), plan.id)
        except ConfigError:
            return  # said when the link is made

    def _remove(self, connection_id: int) -> None:
        self._forget_problems(self._plans.pop(connection_id))
        self._close(connection_id)

    def _close(self, connection_id: int) -> None:
        link = self.links.pop(connection_id, None)
        if link is not None:
            for device_id in list(link.devices):
                self._stop(link, device_id)
            link.close()

    def _replace(self, plan: ConnectionPlan) -> list[tuple[Link, DevicePlan]]:
        """Agree on all but what has to begin; that is returned."""
        before = self._plans.get(plan.id)
        if before is not None:
            self._forget_problems(before)
        link = self.links.get(plan.id)
        if link is not None and (before is None or not plan.enabled or _settings(before) != _settings(plan)):
            self._close(plan.id)
            link = None
        self._plans[plan.id] = plan
        if not plan.enabled:
            return []
        if link is None:
            try:
                link = Link(plan, self._reach)
            except ConfigError as error:
                self._has_problem("connection", plan.id, error)
                return []
            self.links[plan.id] = link
            self._reserve(plan)
        link.plan = plan
        return [(link, device) for device in self._changed_devices(link, before)]

    # -- devices

    def _changed_devices(self, link: Link, before: ConnectionPlan | None) -> list[DevicePlan]:
        """Stop what is not as it was; what of it has to begin again is returned."""
        old = {device.id: device for device in before.devices} if before is not None else {}
        wanted = {device.id: device for device in link.plan.devices if device.enabled}
        for device_id in link.devices.keys() - wanted.keys():
            self._stop(link, device_id)
        changed = [
            device for device in wanted.values() if device.id not in link.devices or old.get(device.id) != device
        ]
        for device in changed:
            self._stop(link, device.id)
        return changed

    def _stop(self, link: Link, device_id: int) -> None:
        run = link.devices.pop(device_id, None)
        if run is not None:
            for poll in run.polls:
                poll.stop()
                for member in poll.members:
                    self._in_use.discard(member.tag.plan.id)
            link.channel.abandon(run.unit)

    def _start(self, link: Link, device: DevicePlan) -> None:
        try:
            if device.unit_id not in _UNIT_IDS:
                raise ConfigError(f"{device.unit_id} is no unit id", key="unit_id", mend="give 0 to 255")
            limits = DeviceLimits.of(device)
        except ConfigError as error:
            self._has_problem("device", device.id, error)
            return
        unit = PolledUnit(device.id, device.unit_id, limits, link.channel, link.window)
        classes: dict[float, list[Member]] = {}
        for plan in device.tags:
            if plan.enabled and (member := self._member(plan, limits)) is not None:
                classes.setdefault(plan.interval_s, []).append(member)
        polls = [Poll(unit, members, interval_s, self._in) for interval_s, members in sorted(classes.items())]
        link.devices[device.id] = DeviceRun(unit, polls)
        for poll in polls:
            poll.start()

    # -- tags

    def _member(self, plan: TagPlan, limits: DeviceLimits) -> Member | None:
        known = self._known.get(plan.id)
        try:
            if plan.id in self._in_use:
                raise ConfigError("a second tag with this id", key="id", mend="give each tag its own")
            tag = known.tag if known is not None and known.plan == plan else None
            if known is None or tag is None:
                tag = compile_tag(plan)
                known = _Known(plan, tag, Point(plan, build_conversion(tag), before=known.point if known else None))
            objection = limits.objection(tag)
            if objection is not None:
                raise objection
        except ConfigError as error:
            self._has_problem("tag", plan.id, error)
            return None
        self._known[plan.id] = known
        self._in_use.add(plan.id)
        return Member(tag, known.point)

    def _give_up(self, plans: Iterable[ConnectionPlan]) -> None:
        """Tell of the tags that nobody reads: those that were there before, and those of this plan that cannot be read."""
        asked = {tag.id: tag for plan in plans for device in plan.devices for tag in device.tags}
        now, time_us, told = self._in.loop.time(), self._in.clock.now_us(), self._in.told()
        for tag_id in (self._known.keys() | asked.keys()) - self._in_use:
            known = self._known.get(tag_id)
            if known is None:
                known = self._known[tag_id] = _Known(asked[tag_id], None, Point(asked[tag_id], unread))
            sample = known.point.fail(Reason.NOT_COLLECTED, time_us, now)
            if sample is not None:
                told.append(sample)
            if tag_id not in asked:
                del self._known[tag_id]

    # -- problems

    def _has_problem(self, what: str, number: int, error: ConfigError) -> None:
        self._problems[what, number] = Problem(what=what, id=number, text=str(error))

    def _forget_problems(self, plan: ConnectionPlan) -> None:
        self._problems.pop(("connection", plan.id), None)
        for device in plan.devices:
            self._problems.pop(("device", device.id), None)
            for tag in device.tags:
                self._problems.pop(("tag", tag.id), None)


def _settings(plan: ConnectionPlan) -> ConnectionPlan:
    """All that makes another connection of it: not its name, not its devices."""
    return msgspec.structs.replace(plan, name="", devices=())
