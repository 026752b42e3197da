"""One connection of the plan: its channel, the polls of its devices, and its state.

It lives as long as the settings of its dialling stay the same; its devices and tags are added and removed without touching
its socket. Before it is dialled, its endpoint is located (see `locating`). The certificate of a server is checked before
anything is sent to it. Twice a second its expiry is checked, and every two seconds the files of the identity: when it has
expired, or they have changed, the connection is closed and dialled again. So it is an hour after a revocation list above it
ran out; new connections are refused at once.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sealbus.acquisition.locating import LocatingError
from sealbus.client import Channel, ChannelHooks, ChannelRules
from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.plant import ConnectionState, ConnectionStatus, PollState, Step, connection_problems, raise_first
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
    from sealbus.samples import Sample
    from sealbus.security import Peer

__all__ = ["DialContext", "PolledConnection", "PolledDevice", "build_rules"]

_log = logging.getLogger("sealbus.acquisition")
_QUEUE: Final = 4096
_LIST_GRACE: Final = timedelta(hours=1)
"""How long a connection stays open after a revocation list above it ran out."""


@dataclass(frozen=True, slots=True, eq=False)
class DialContext:
    """What all connections share."""

    locator: Locator
    identities: IdentityFolder
    clock: SampleClock


@dataclass(slots=True, eq=False)
class PolledDevice:
    """A device that is polled."""

    unit: PolledUnit
    polls: list[Poll]


@dataclass(slots=True)
class _Condition:
    since_us: int
    status: ConnectionStatus = ConnectionStatus.IDLE
    why: str = ""


@dataclass(slots=True)
class _Answers:
    count: int = 0
    last_us: int | None = None


def build_rules(plan: ConnectionPlan) -> ChannelRules:
    """The rules of the channel of this connection."""
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
        lenient_unit_id=plan.lenient_unit_id,
        local_echo=plan.local_echo,
    )


class PolledConnection:
    """Made from a plan. Raises ConfigError for a plan that cannot be used."""

    def __init__(self, plan: ConnectionPlan, dial_context: DialContext) -> None:
        self.plan = plan
        self.dial_context = dial_context
        self.devices: dict[int, PolledDevice] = {}
        """Its devices, by their ids."""
        raise_first(connection_problems(plan))
        self.endpoint = parse_endpoint(plan.url)
        hooks = ChannelHooks(
            locate=self._locate,
            connected=self._connected,
            answering=self._answering,
            lost=lambda reason: self._set_status(ConnectionStatus.DOWN, reason),
            unreachable=self._unreachable,
        )
        tls = self._tls if self.endpoint.scheme is Scheme.MBAPS else None
        self.channel = Channel(self.endpoint, build_rules(plan), tls=tls, hooks=hooks)
        self.located: Endpoint | None = None
        """The endpoint that was dialled last."""
        self.refusal: LocatingError | None = None
        """Why it was not dialled the last time."""
        self.peer: Peer | None = None
        """The server of an mbaps connection."""
        self.is_proven = False
        """Whether there was an answer on the newest connection."""
        self._credentials: Credentials | None = None
        self._recheck_at: datetime | None = None
        self._condition = _Condition(since_us=dial_context.clock.now_us())
        self._answers = _Answers()

    @property
    def id(self) -> int:
        return self.plan.id

    @property
    def max_outstanding(self) -> int:
        """How many requests its devices may have under way."""
        return 1 if self.endpoint.scheme.is_serial else self.plan.in_flight * self.plan.connections

    def update(self, plan: ConnectionPlan) -> None:
        """Take a plan with the same settings of the connection; its devices or its name may be others."""
        self.plan = plan

    def close(self) -> None:
        """Stop its polls and close its channel."""
        for device in self.devices.values():
            for poll in device.polls:
                poll.stop()
        self.devices.clear()
        self.channel.close()
        self.dial_context.locator.release(self.id)

    def reset(self, reason: str) -> None:
        """Close the connection; the next request opens it again. Requests that are lost by this fail no tag."""
        _log.info("%s: closing the connection to dial again: %s", self.endpoint, reason)
        units = [device.unit for device in self.devices.values()]
        for unit in units:
            unit.is_resetting = True
        self.channel.reset(reason)
        self.peer = None
        for unit in units:
            unit.is_resetting = False

    # -- maintenance

    def check(self, now: float, *, changed: set[str]) -> list[Sample]:
        """Check the certificates of both sides, and return the changes of tags that have grown stale."""
        if self.channel.counters.answered != self._answers.count:
            self._answers.count = self.channel.counters.answered
            self._answers.last_us = self.dial_context.clock.now_us()
        if self.plan.identity in changed:
            self.reset("the files of its identity have changed")
        elif (objection := self._server_objection(datetime.now(UTC))) is not None:
            self.reset(objection)
            self._set_status(ConnectionStatus.DOWN, objection)
        polls = (poll for device in self.devices.values() for poll in device.polls)
        return [change for poll in polls for change in poll.sweep(now)]

    def _server_objection(self, now: datetime) -> str | None:
        """Why the server is not entitled to its connection any more; any other reason needs a changed file."""
        if self.peer is None or self._credentials is None:
            return None
        if now > self.peer.not_after:
            return "the certificate of the server has expired"
        if self._recheck_at is None or now <= self._recheck_at:
            return None
        trust = self._credentials.trust
        self._recheck_at = trust.recheck_at(now, _LIST_GRACE)
        return trust.objection(self.peer, now, _LIST_GRACE)

    def recheck(self) -> None:
        """The allowed networks have changed."""
        objection = self.dial_context.locator.objection(self.located) if self.located is not None else None
        if objection is not None:
            self.located = None
            self.reset(objection)
            self._set_status(ConnectionStatus.REFUSED, objection)

    # -- state

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
            identity_problem=self.dial_context.identities.problem(self.plan.identity) if self.plan.identity else "",
            certificate_not_after_us=int(self.peer.not_after.timestamp()) * US_PER_S if self.peer else None,
            polls=polls,
        )

    def _set_status(self, status: ConnectionStatus, why: str = "") -> None:
        condition = self._condition
        if condition.status is not status:
            condition.since_us = self.dial_context.clock.now_us()
            level = logging.INFO if status is ConnectionStatus.UP else logging.WARNING
            _log.log(level, "%s is %s%s", self.endpoint, status, f": {why}" if why else "")
        condition.status, condition.why = status, why

    # -- hooks of the channel

    async def locate(self) -> Endpoint:
        """The endpoint that would be dialled now. Raises LocatingError."""
        return await self._locate(self.endpoint)

    async def _locate(self, endpoint: Endpoint) -> Endpoint:
        self.refusal = None
        try:
            self.located = await self.dial_context.locator.locate(endpoint, self.id)
        except LocatingError as error:
            self.refusal = error
            raise
        if self.located.forward is None:
            return self.located
        forward = self.dial_context.identities.forward(self.plan.identity, self.located.forward)
        return dataclasses.replace(self.located, forward=forward)

    def _tls(self) -> ssl.SSLContext:
        self._credentials = self.dial_context.identities.credentials(self.plan.identity)
        return self._credentials.context

    def _connected(self, transport: asyncio.BaseTransport) -> None:
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is not None and self._credentials is not None:
            now = datetime.now(UTC)
            self.peer = self._credentials.verifier.peer(ssl_object, now)
            self._recheck_at = self._credentials.trust.recheck_at(now, _LIST_GRACE)
        self.is_proven = False
        self._set_status(ConnectionStatus.UP)

    def _answering(self) -> None:
        self.is_proven = True

    def _unreachable(self, reason: str) -> None:
        is_refused = self.refusal is not None and self.refusal.step is Step.RULES
        self._set_status(ConnectionStatus.REFUSED if is_refused else ConnectionStatus.DOWN, reason)


def _poll_state(poll: Poll) -> PollState:
    counters = poll.counters
    return PollState(
        device_id=poll.unit.device_id,
        interval_s=poll.interval_s,
        tags=len(poll.polled_tags),
        requests_per_round=len(poll.blocks),
        rounds=counters.rounds,
        requests=counters.requests,
        failures=counters.failures,
        overruns=counters.overruns,
        lag_s=counters.lag_s,
        took_s=counters.took_s,
        refused=tuple(tag.plan.id for tag in poll.refused),
    )
