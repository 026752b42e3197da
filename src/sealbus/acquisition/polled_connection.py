"""One connection of the plan: its channel, the polls of its devices, and how it is.

A link lives as long as what it dials and how stays the same; devices and tags of it come and go without touching its
socket. What its channel dials is located first (see `locating`), what answers with a certificate is looked at before
anything is sent to it, and again once a second: when it is no longer entitled, or our own files have changed, the
connection is made anew.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.locating import LocatingError
from sealbus.client import Channel, ChannelHooks, ChannelRules
from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.plant import ConnectionState, LinkStatus, PollState, Step, connection_problems, raise_first
from sealbus.samples import US_PER_S

if TYPE_CHECKING:
    import asyncio
    import ssl

    from sealbus.acquisition.clock import SampleClock
    from sealbus.acquisition.identities import Credentials, IdentityFolder
    from sealbus.acquisition.locating import Locator
    from sealbus.acquisition.polls import Poll, PolledUnit
    from sealbus.endpoints import Endpoint
    from sealbus.plant import ConnectionPlan
    from sealbus.security import Peer

__all__ = ["DeviceRun", "DialContext", "PolledConnection", "build_rules"]

_log = logging.getLogger("sealbus.acquisition")
_QUEUE: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class DialContext:
    """What all links share."""

    locator: Locator
    identities: IdentityFolder
    clock: SampleClock


@dataclass(slots=True, eq=False)
class DeviceRun:
    """A device that is polled."""

    unit: PolledUnit
    polls: list[Poll]


@dataclass(slots=True)
class _Condition:
    status: LinkStatus = LinkStatus.IDLE
    why: str = ""
    since_us: int = 0


@dataclass(slots=True)
class _Answers:
    count: int = 0
    last_us: int | None = None


def build_rules(plan: ConnectionPlan) -> ChannelRules:
    """The rules of its channel."""
    return ChannelRules(
        connections=plan.connections,
        in_flight=plan.in_flight,
        timeout_s=plan.timeout_s,
        gap_s=plan.gap_s,
        connect_delay_s=plan.connect_delay_s,
        connect_timeout_s=plan.connect_timeout_s,
        turnaround_s=plan.turnaround_s,
        queue=_QUEUE,
        lenient_transaction_id=plan.lenient_transaction_id,
    )


@dataclass(slots=True, eq=False)
class PolledConnection:
    """Made from a plan; ConfigError where that cannot be used."""

    plan: ConnectionPlan
    reach: DialContext
    devices: dict[int, DeviceRun] = field(default_factory=dict)
    """Its devices, by their ids."""
    endpoint: Endpoint = field(init=False)
    channel: Channel = field(init=False)
    located: Endpoint | None = None
    """What was dialled last."""
    refusal: LocatingError | None = None
    """Why it was not, the last time."""
    peer: Peer | None = None
    """The server of an mbaps connection."""
    is_proven: bool = False
    """Whether anything was answered on the newest connection."""
    _credentials: Credentials | None = None
    _condition: _Condition = field(default_factory=_Condition)
    _answers: _Answers = field(default_factory=_Answers)

    def __post_init__(self) -> None:
        raise_first(connection_problems(self.plan))
        self.endpoint = parse_endpoint(self.plan.url)
        scheme = self.endpoint.scheme
        hooks = ChannelHooks(
            locate=self._locate,
            connected=self._connected,
            answering=self._answering,
            lost=lambda reason: self._is(LinkStatus.DOWN, reason),
            unreachable=self._unreachable,
        )
        self.channel = Channel(
            self.endpoint, build_rules(self.plan), tls=self._tls if scheme is Scheme.MBAPS else None, hooks=hooks
        )
        self._condition.since_us = self.reach.clock.now_us()

    @property
    def id(self) -> int:
        return self.plan.id

    @property
    def window(self) -> int:
        """How many requests its devices may have under way."""
        return 1 if self.endpoint.scheme.is_serial else self.plan.in_flight * self.plan.connections

    def close(self) -> None:
        """Stop everything on it."""
        for device in self.devices.values():
            for poll in device.polls:
                poll.stop()
        self.devices.clear()
        self.channel.close()
        self.reach.locator.release(self.id)

    def reset(self, reason: str) -> None:
        """Close the connection and let the next request open it anew. What is under way is nobody's fault."""
        _log.info("%s: connected anew: %s", self.endpoint, reason)
        units = [device.unit for device in self.devices.values()]
        for unit in units:
            unit.is_resetting = True
        self.channel.reset(reason)
        self.peer = None
        for unit in units:
            unit.is_resetting = False

    # -- looked after once in a while

    def tend(self, loop: asyncio.AbstractEventLoop, *, changed: set[str]) -> None:
        """Is whoever answers still entitled, and are we still who we were? Then let the polls look for what is stale."""
        if self.channel.counters.answered != self._answers.count:
            self._answers.count = self.channel.counters.answered
            self._answers.last_us = self.reach.clock.now_us()
        if self.plan.identity in changed:
            self.reset("the files of its identity have changed")
        elif self.peer is not None and datetime.now(UTC) > self.peer.not_after:  # all else needs a changed file
            self.reset("the certificate of the server has expired")
            self._is(LinkStatus.DOWN, "the certificate of the server has expired")
        now = loop.time()
        for device in self.devices.values():
            for poll in device.polls:
                poll.sweep(now)

    def recheck(self) -> None:
        """The allowed networks have changed."""
        objection = self.reach.locator.objection(self.located) if self.located is not None else None
        if objection is not None:
            self.located = None
            self.reset(objection)
            self._is(LinkStatus.REFUSED, objection)

    # -- how it is

    def state(self) -> ConnectionState:
        """For health and metrics."""
        counters, condition = self.channel.counters, self._condition
        polls = tuple(_poll_state(poll) for device in self.devices.values() for poll in device.polls)
        return ConnectionState(
            id=self.id,
            name=self.plan.name,
            url=str(self.endpoint),
            status=condition.status,
            why=condition.why,
            since_us=condition.since_us,
            last_answer_us=self._answers.last_us,
            address=self.located.address if self.located else "",
            sent=counters.sent,
            answered=counters.answered,
            silent=counters.silent,
            connects=counters.connects,
            connect_failures=counters.connect_failures,
            waiting=self.channel.waiting,
            silent_units=tuple(self.channel.silent_units),
            overruns=sum(poll.overruns for poll in polls),
            identity_problem=self.reach.identities.problem(self.plan.identity) if self.plan.identity else "",
            certificate_not_after_us=int(self.peer.not_after.timestamp()) * US_PER_S if self.peer else None,
            polls=polls,
        )

    def _is(self, status: LinkStatus, why: str = "") -> None:
        condition = self._condition
        if condition.status is not status:
            condition.since_us = self.reach.clock.now_us()
            _log.log(
                logging.INFO if status is LinkStatus.UP else logging.WARNING, "%s is %s%s", self.endpoint, status,
                f": {why}" if why else "",
            )  # fmt: skip
        condition.status, condition.why = status, why

    # -- for the channel

    async def locate(self) -> Endpoint:
        """What would be dialled now. Raises LocatingError."""
        return await self._locate(self.endpoint)

    async def _locate(self, endpoint: Endpoint) -> Endpoint:
        self.refusal = None
        try:
            self.located = await self.reach.locator.locate(endpoint, self.id)
        except LocatingError as error:
            self.refusal = error
            raise
        if self.located.forward is None:
            return self.located
        forward = self.reach.identities.forward(self.plan.identity, self.located.forward)
        return dataclasses.replace(self.located, forward=forward)

    def _tls(self) -> ssl.SSLContext:
        self._credentials = self.reach.identities.credentials(self.plan.identity)
        return self._credentials.context

    def _connected(self, transport: asyncio.BaseTransport) -> None:
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is not None and self._credentials is not None:
            self.peer = self._credentials.verifier.peer(ssl_object, datetime.now(UTC))
        self.is_proven = False
        self._is(LinkStatus.UP)

    def _answering(self) -> None:
        self.is_proven = True

    def _unreachable(self, reason: str) -> None:
        is_refused = self.refusal is not None and self.refusal.step is Step.RULES
        self._is(LinkStatus.REFUSED if is_refused else LinkStatus.DOWN, reason)


def _poll_state(poll: Poll) -> PollState:
    counters = poll.counters
    return PollState(
        device_id=poll.unit.device_id,
        interval_s=poll.interval_s,
        tags=len(poll.members),
        requests_per_round=len(poll.blocks),
        rounds=counters.rounds,
        requests=counters.requests,
        failures=counters.failures,
        overruns=counters.overruns,
        lag_s=counters.lag_s,
        took_s=counters.took_s,
        refused=tuple(tag.plan.id for tag in poll.refused),
    )
