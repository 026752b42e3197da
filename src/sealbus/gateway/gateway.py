"""The gateway as a whole: builds listeners, policies, devices and records from a checked gateway.toml, and reloads
them.

Each device URL has one channel, whichever listeners lead to it, so a serial line, or a PLC that accepts one connection,
has one owner. Each listener has its own policy. `reload` reads what may change at run time: certificates, keys,
anchors, revocation lists and policies. Each of these is replaced separately, completely or not at all: a broken policy
does not delay a revocation list. If one is broken, its last good state stays in force, and the failure is recorded and
raises an alarm.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sealbus.client import Channel, ChannelHooks
from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.gateway.forwarder import Forwarder, Route
from sealbus.gateway.policy_file import PolicyFile
from sealbus.gateway.security import GatewaySecurity
from sealbus.gateway.serial_ports import serial_warnings
from sealbus.policy import parse_units, unsafe_allow_everything
from sealbus.security import PeerVerifier, near_expiry
from sealbus.server import PolicyRulings, Service, ServiceLimits, SessionLimits
from sealbus.transport import ListenerLimits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    from sealbus.endpoints import Endpoint
    from sealbus.gateway.config import DeviceTable, GatewayFile, ListenerTable
    from sealbus.gateway.events import GatewayEvents
    from sealbus.security import Peer

__all__ = ["Gateway", "GatewayPace"]

_log = logging.getLogger("sealbus.gateway")
_DRAIN_S = 10.0
_DAY = timedelta(days=1)
_KEEPING_ALARM = "revocation lists seen"


@dataclass(frozen=True, slots=True)
class GatewayPace:
    """The intervals of the periodic work of a gateway, in seconds."""

    watch_s: float = 0.4
    """Between two checks whether files on disk have changed."""
    settle_s: float = 0.2
    """Between two looks at a policy that has changed: it is taken up when they agree."""
    sweep_s: float = 1.0
    """Between two checks of deadlines and of certificates that expire."""
    retry_s: float = 5.0
    """Before a reload that failed is tried again. Not shorter: an encrypted key takes a tenth of a second to open."""


class Gateway:
    """Builds everything from `file` and runs it. Create and use it within a running event loop.

    Raises ConfigError when a file that it names cannot be used.
    """

    def __init__(self, file: GatewayFile, events: GatewayEvents, *, pace: GatewayPace | None = None) -> None:
        self._file = file
        self._pace = pace or GatewayPace()
        self._events = events
        self._security = GatewaySecurity(file.identity, file) if file.identity is not None else None
        self._warn()
        for warning in serial_warnings(file):
            _log.warning("%s", warning)
        self._device_peers: dict[str, Peer] = {}
        self._expiring: set[str] = set()
        self._list_alarms: set[str] = set()
        self._recheck_devices_at: datetime | None = None
        self.channels: dict[str, Channel] = {}
        self.services: dict[str, Service] = {}
        self._policies = {
            each.policy: PolicyFile(each.policy, settle_s=self._pace.settle_s) for each in file.listener if each.policy
        }
        for listener in file.listener:
            service = self._build_service(listener)
            self.services[str(service.endpoint)] = service

    # -- life

    async def start(self) -> None:
        """Listen on all listeners or on none: if one cannot listen, the others are closed. Raises ConfigError."""
        try:
            for service in self.services.values():
                await service.start()
        except BaseException:
            await self.stop(drain_s=0.0)
            raise

    async def stop(self, *, drain_s: float = _DRAIN_S) -> None:
        """Stop accepting, let running requests finish within `drain_s` seconds, then close everything."""
        await asyncio.gather(*(service.stop(drain_s=drain_s) for service in self.services.values()))
        for channel in self.channels.values():
            channel.close()

    def maintain(self) -> None:
        """Call once a second: what only time changes about certificates and revocation lists."""
        self._reset_unentitled_devices(only_expired=True)
        self._check_lists()

    def _check_lists(self) -> None:
        """Keep which lists were seen; raise alarms for lists that ran out, and clear those that no longer apply."""
        if self._security is None:
            return
        try:
            self._security.keep_seen_lists()
        except OSError as error:
            self._events.raise_alarm(_KEEPING_ALARM, f"cannot be written: {error.strerror or error}")
        else:
            self._events.clear_alarm(_KEEPING_ALARM)
        problems = self._security.list_problems()
        for name in self._list_alarms - problems.keys():
            self._events.clear_alarm(name)
        for name, text in problems.items():
            self._events.raise_alarm(name, text)
        self._list_alarms = set(problems)

    def check_expiry(self) -> None:
        """Raise alarms for certificates and lists that expire soon, and clear those that no longer apply."""
        now = datetime.now(UTC)
        near = near_expiry(self._security.expiries, now) if self._security else ()
        alarms = {f"{each.file}: {each.kind} of {each.subject}": each.sentence(now) for each in near}
        for name in self._expiring - alarms.keys():  # the certificate is gone or renewed
            self._events.clear_alarm(name)
        for name, text in alarms.items():
            self._events.raise_alarm(name, text)
        self._expiring = set(alarms)

    def days_left(self) -> Mapping[str, float]:
        """Days until the first certificate or list of each file expires."""
        now = datetime.now(UTC)
        left: dict[str, float] = {}
        for expiry in self._security.expiries if self._security else ():
            left[expiry.file] = min(left.get(expiry.file, float("inf")), (expiry.not_after - now) / _DAY)
        return left

    # -- change

    @property
    def watched(self) -> list[str]:
        """The files that are reloaded when they change."""
        return [*(self._security.files if self._security else []), *self._policies]

    @property
    def public_files(self) -> list[str]:
        """The files in force that hold no secrets: certificates, anchors, revocation lists, policies."""
        return [*(self._security.public_files if self._security else []), *self._policies]

    @property
    def is_settling(self) -> bool:
        """Whether a policy has changed that is taken up if the next `reload`, `settle_s` later, finds the same."""
        return any(each.is_settling for each in self._policies.values())

    def reload(self) -> None:
        """Load every change of certificates, anchors, revocation lists and policies that can be loaded."""
        if self._security is not None:
            trust = self._security
            self._reload_half("trust", trust.reload_trust, trust.trust_files)
            self._reload_half("identity", trust.reload_identity, trust.certificate_files)
        for policy in self._policies.values():
            self._reload_policy(policy)

    def _reload_half(self, what: str, reload: Callable[[], bool], files: list[str]) -> None:
        try:
            has_changed = reload()
        except ConfigError as error:
            self._events.reload_failed(what, str(error))
            return
        if not has_changed:
            self._events.mark_in_force(what)
            return
        self._apply_trust()
        self._events.reloaded(what, files)

    def _apply_trust(self) -> None:
        if self._security is None:
            return
        for service in self.services.values():
            if service.security is not None:
                service.replace_security(self._security.server_security)
        self._reset_unentitled_devices()
        self._warn()

    def _reload_policy(self, policy: PolicyFile) -> None:
        try:
            change = policy.look(time.monotonic())
        except ConfigError as error:
            self._events.reload_failed(policy.file, str(error))
            return
        if change is None:
            if not policy.is_settling:
                self._events.mark_in_force(policy.file)
            return
        for listener in self._file.listener:
            if listener.policy == policy.file:
                service = self.services[str(parse_endpoint(listener.url, listening=True))]
                service.replace_policy(PolicyRulings(change.policy))
        self._events.policy_reloaded(policy.file, change.fingerprint, change.grown)

    def _warn(self) -> None:
        for warning in self._security.warnings if self._security else ():
            _log.warning("%s", warning)

    # -- building

    def _build_service(self, listener: ListenerTable) -> Service:
        endpoint = parse_endpoint(listener.url, listening=True)
        policy = self._policies[listener.policy].policy if listener.policy else unsafe_allow_everything()
        return Service(
            endpoint,
            PolicyRulings(policy),
            Forwarder(self._routes(listener.device), self._events),
            observer=self._events,
            security=self._security.server_security if self._security and endpoint.scheme is Scheme.MBAPS else None,
            limits=_service_limits(self._file, self._pace, unsafe_plain=listener.unsafe_plain),
        )

    def _routes(self, devices: Iterable[DeviceTable]) -> dict[int, Route]:
        routes: dict[int, Route] = {}
        for device in devices:
            endpoint = parse_endpoint(device.url)
            route = Route(self._channel(endpoint, device), device.max_wait_s)
            routes.update((unit, route) for unit in parse_units(device.units))
        return routes

    def _channel(self, endpoint: Endpoint, device: DeviceTable) -> Channel:
        url = str(endpoint)
        if url not in self.channels:
            hooks = ChannelHooks(
                connected=lambda transport: self._device_connected(url, transport),
                answering=lambda: self._events.clear_alarm(f"{url} unreachable"),
                lost=lambda reason: _log.info("%s: %s", url, reason),
                unreachable=lambda reason: self._events.raise_alarm(f"{url} unreachable", reason),
                silent=lambda unit_id: _log.warning("%s: unit %d does not answer", url, unit_id),
            )
            tls = self._client_context if endpoint.scheme is Scheme.MBAPS else None
            self.channels[url] = Channel(endpoint, device.rules, tls=tls, hooks=hooks)
        return self.channels[url]

    def _client_context(self) -> ssl.SSLContext:
        if self._security is None:
            raise ConfigError("mbaps needs an [identity]", hint="add [identity] with certificate, key and trust")
        return self._security.client_context

    # -- devices

    def _device_connected(self, url: str, transport: asyncio.BaseTransport) -> None:
        """Check the server certificate of a device. Raises PeerError; then nothing is sent to it."""
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is None or self._security is None:
            return
        self._device_peers[url] = PeerVerifier(self._security.server_security.trust).peer(ssl_object, datetime.now(UTC))

    def _reset_unentitled_devices(self, *, only_expired: bool = False) -> None:
        if self._security is None:
            return
        now = datetime.now(UTC)
        grace = self._security.list_grace
        if self._recheck_devices_at is not None and now > self._recheck_devices_at:
            only_expired = False  # a list ran out, and its grace
        self._recheck_devices_at = self._security.server_security.trust.recheck_at(now, grace)
        for url, peer in list(self._device_peers.items()):
            if only_expired and now <= peer.not_after:
                continue
            if (objection := self._security.server_security.trust.objection(peer, now, grace)) is not None:
                del self._device_peers[url]
                self.channels[url].reset(objection)


def _service_limits(file: GatewayFile, pace: GatewayPace, *, unsafe_plain: bool) -> ServiceLimits:
    limits = file.limits
    return ServiceLimits(
        session=SessionLimits(
            in_flight=limits.in_flight,
            first_request_s=limits.first_request,
            idle_s=limits.idle,
            frame_s=limits.frame,
            stalled_s=limits.stalled,
        ),
        listener=ListenerLimits(
            connections=limits.connections,
            pending=limits.pending,
            pending_per_address=limits.pending_per_address,
            handshake_timeout_s=limits.handshake,
            unsafe_plain=unsafe_plain,
        ),
        sessions_per_identity=limits.connections_per_identity,
        list_grace_s=file.identity.crl_grace if file.identity else 0.0,
        sweep_s=pace.sweep_s,
    )
