"""All links, their devices and tags, made to agree with a plan by touching nothing that is the same in both.

Compared are values, part by part. A connection whose own settings changed is closed and made anew; one of which only
devices changed keeps its socket; a device that changed has its polls made anew; a tag whose plan is the same keeps its
memory wherever it is polled from. What can no longer be read, because it was taken out, switched off or cannot be
used, is told to be BAD, NOT_COLLECTED, once: a value that nobody refreshes must not stay good for ever.

Whatever is wrong with a connection, a device or a tag costs that one alone, also where the error is ours.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sealbus.acquisition.bugs import describe_bug
from sealbus.acquisition.planner import DeviceLimits
from sealbus.acquisition.polled_connection import DeviceRun, PolledConnection
from sealbus.acquisition.polls import Poll, PolledTag, PolledUnit
from sealbus.acquisition.tag_states import TagState, unread
from sealbus.endpoints import parse_endpoint
from sealbus.errors import ConfigError, SealbusError
from sealbus.plant import Problem, build_conversion, compile_tag
from sealbus.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealbus.acquisition.polled_connection import DialContext
    from sealbus.acquisition.polls import PollContext
    from sealbus.plant import ConnectionPlan, DevicePlan, Tag, TagPlan

__all__ = ["PolledConnections"]

_log = logging.getLogger("sealbus.acquisition")


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    plan: TagPlan
    tag: Tag | None
    """None while nobody reads it."""
    point: TagState


class PolledConnections:
    """The links of one collector, by the id of the connection."""

    def __init__(self, reach: DialContext, surroundings: PollContext) -> None:
        self._reach = reach
        self._in = surroundings
        self._plans: dict[int, ConnectionPlan] = {}
        self._known: dict[int, _Known] = {}
        self._in_use: set[int] = set()
        self._problems: dict[tuple[str, int], Problem] = {}
        self.links: dict[int, PolledConnection] = {}

    @property
    def points(self) -> dict[int, TagState]:
        """The memories of all tags of the plan, by their ids."""
        return {tag_id: known.point for tag_id, known in self._known.items()}

    @property
    def problems(self) -> list[Problem]:
        """What of the plan cannot be used, and what went wrong with a tag that can."""
        troubled = (known.point for known in self._known.values() if known.point.trouble)
        return [
            *self._problems.values(),
            *(Problem(what="tag", id=point.tag_id, text=point.trouble) for point in troubled),
        ]

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
        starting: list[tuple[PolledConnection, DevicePlan]] = []
        for plan in changed:
            with self._costs("connection", plan.id):
                starting += self._replace(plan)
        for link, device in starting:  # when all that change have stopped: a tag may have moved from one to another
            with self._costs("device", device.id):
                self._start(link, device)
        self._give_up(wanted.values())

    def recheck(self) -> None:
        """The allowed networks have changed. What cannot be judged is not dialled."""
        judged: set[int] = set()
        for connection_id, link in list(self.links.items()):
            with self._costs("connection", connection_id):
                link.recheck()
                judged.add(connection_id)
        for connection_id in self.links.keys() - judged:
            self._close(connection_id)

    def tend(self, *, changed: set[str]) -> None:
        """Once in a while: look after each link. `changed` are the identities whose files have."""
        for connection_id, link in list(self.links.items()):
            with self._costs("connection", connection_id):
                link.tend(self._in.loop, changed=changed)

    def close(self) -> None:
        """Close all links."""
        for connection_id in list(self.links):
            self._close(connection_id)

    # -- connections

    def _reserve(self, plan: ConnectionPlan) -> None:
        """The lower id is first where two dial the same."""
        with self._costs("connection", plan.id):
            try:
                self._reach.locator.reserve(parse_endpoint(plan.url), plan.id)
            except SealbusError:
                return  # said when the link is made, or when it is dialled

    def _remove(self, connection_id: int) -> None:
        self._forget_problems(self._plans.pop(connection_id))
        self._close(connection_id)

    def _close(self, connection_id: int) -> None:
        link = self.links.pop(connection_id, None)
        if link is not None:
            with self._costs("connection", connection_id):
                for device_id in list(link.devices):
                    self._stop(link, device_id)
                link.close()
        self._reach.locator.release(connection_id)  # also of what was reserved and never became a link

    def _replace(self, plan: ConnectionPlan) -> list[tuple[PolledConnection, DevicePlan]]:
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
            with self._costs("connection", plan.id):
                self.links[plan.id] = PolledConnection(plan, self._reach)
            link = self.links.get(plan.id)
            if link is None:
                self._reach.locator.release(plan.id)  # it dials nothing, so another may
                return []
            self._reserve(plan)
        link.plan = plan
        return [(link, device) for device in self._changed_devices(link, before)]

    # -- devices

    def _changed_devices(self, link: PolledConnection, before: ConnectionPlan | None) -> list[DevicePlan]:
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

    def _stop(self, link: PolledConnection, device_id: int) -> None:
        run = link.devices.pop(device_id, None)
        if run is not None:
            for poll in run.polls:
                poll.stop()
                for member in poll.members:
                    self._in_use.discard(member.tag.plan.id)
            link.channel.abandon(run.unit)

    def _start(self, link: PolledConnection, device: DevicePlan) -> None:
        """Raises ConfigError for a device that cannot be asked."""
        limits = DeviceLimits.of(device)
        unit = PolledUnit(device.id, device.unit_id, limits, link.channel, link.window)
        with contextlib.ExitStack() as undo:
            classes: dict[float, list[PolledTag]] = {}
            for plan in (tag for tag in device.tags if tag.enabled):
                with self._costs("tag", plan.id):
                    member = self._member(plan, limits)
                    classes.setdefault(plan.interval_s, []).append(member)
                    undo.callback(self._in_use.discard, plan.id)
            polls = [Poll(unit, members, interval_s, self._in) for interval_s, members in sorted(classes.items())]
            link.devices[device.id] = DeviceRun(unit, polls)
            undo.callback(self._stop, link, device.id)
            for poll in polls:
                poll.start()
            undo.pop_all()

    # -- tags

    def _member(self, plan: TagPlan, limits: DeviceLimits) -> PolledTag:
        """Raises ConfigError for a tag that cannot be read."""
        known = self._known.get(plan.id)
        if plan.id in self._in_use:
            raise ConfigError("a second tag with this id", key="id", hint="give each tag its own")
        tag = known.tag if known is not None and known.plan == plan else None
        if known is None or tag is None:
            tag = compile_tag(plan)
            known = _Known(plan, tag, TagState(plan, build_conversion(tag), before=known.point if known else None))
        objection = limits.objection(tag)
        if objection is not None:
            raise objection
        self._known[plan.id] = known
        self._in_use.add(plan.id)
        return PolledTag(tag, known.point)

    def _give_up(self, plans: Iterable[ConnectionPlan]) -> None:
        """Tell of the tags that nobody reads: those that were there before, and those of this plan that cannot be read."""
        asked = {tag.id: tag for plan in plans for device in plan.devices for tag in device.tags}
        for tag_id in (self._known.keys() | asked.keys()) - self._in_use:
            with self._costs("tag", tag_id):
                self._tell_unread(tag_id, asked.get(tag_id))

    def _tell_unread(self, tag_id: int, plan: TagPlan | None) -> None:
        """`plan` is None for one that is in no plan any more."""
        known = self._known.get(tag_id)
        if known is None and plan is not None:
            known = self._known[tag_id] = _Known(plan, None, TagState(plan, unread))
        if plan is None:
            self._known.pop(tag_id, None)
        if known is not None:
            sample = known.point.fail(Reason.NOT_COLLECTED, self._in.clock.now_us(), self._in.loop.time())
            if sample is not None:
                self._in.told().append(sample)

    # -- problems

    @contextlib.contextmanager
    def _costs(self, what: str, number: int) -> Iterator[None]:
        """Whatever goes wrong in here is a problem of this one thing of the plan."""
        try:
            yield
        except ConfigError as error:
            self._problems[what, number] = Problem(what=what, id=number, text=str(error))
        except Exception as error:  # noqa: BLE001 - a row that was judged valid: it must not keep all others from being read
            problem = Problem(what=what, id=number, text=describe_bug(error))
            if self._problems.get((what, number)) != problem:
                _log.error("%s %d: %s", what, number, problem.text, exc_info=error)
            self._problems[what, number] = problem

    def _forget_problems(self, plan: ConnectionPlan) -> None:
        self._problems.pop(("connection", plan.id), None)
        for device in plan.devices:
            self._problems.pop(("device", device.id), None)
            for tag in device.tags:
                self._problems.pop(("tag", tag.id), None)


def _settings(plan: ConnectionPlan) -> ConnectionPlan:
    """All that makes another connection of it: not its name, not its devices."""
    return msgspec.structs.replace(plan, name="", devices=())
