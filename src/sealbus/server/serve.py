"""A device in ten lines: `async with sealbus.serve(url, device, ...)`.

Secure by default: mbaps needs identity, trust and a policy; a plain endpoint listens on loopback only. To allow every
request the caller writes `unsafe_no_policy=True`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.policy import Policy, parse_policy, unsafe_allow_everything
from sealbus.protocol import FUNCTION_AT, UNIT_AT
from sealbus.security import Identity, TlsOptions, Trust
from sealbus.server.device import Device, DeviceBackend
from sealbus.server.rulings import PolicyRulings
from sealbus.server.service import ServerSecurity, Service, ServiceLimits
from sealbus.text_files import refuse_content

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from sealbus.endpoints import Endpoint
    from sealbus.server.rulings import Ruling
    from sealbus.server.session import Session

__all__ = ["Server", "serve"]

_log = logging.getLogger("sealbus.server")
_EVERY_UNIT = range(256)


class Server:
    """A device, or several by unit id, listening on one endpoint. Made by `serve`; use it with `async with`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def port(self) -> int:
        """The port that is listened on, also where the URL has port 0."""
        return self._service.port

    async def start(self) -> None:
        """Listen. Raises ConfigError where that is not possible."""
        await self._service.start()

    async def stop(self) -> None:
        """Stop listening and end all sessions."""
        await self._service.stop()

    async def serve_forever(self) -> None:
        """Serve until cancelled."""
        async with self:
            await asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def serve(
    url: str,
    device: Device | Mapping[int, Device],
    *,
    policy: Policy | str | Path | None = None,
    identity: Identity | None = None,
    trust: Trust | str | Path | Sequence[str | Path] | None = None,
    crl: str | Path | Sequence[str | Path] = (),
    tls_options: TlsOptions | None = None,
    limits: ServiceLimits | None = None,
    unsafe_no_policy: bool = False,
    unsafe_plain: bool = False,
) -> Server:
    """A server at `url` that answers from `device` (any unit id) or from a mapping of unit ids to devices.

    `policy` is a policy file or a `Policy`; what it does not allow is denied. mbaps needs `identity` and `trust` too.
    `unsafe_no_policy` allows everything to every client that connects, `unsafe_plain` lets plain Modbus listen off loopback.
    Raises ConfigError for invalid arguments. Call it within a running event loop.
    """
    endpoint = parse_endpoint(url, listening=True)
    if endpoint.scheme not in (Scheme.TCP, Scheme.MBAPS):
        raise ConfigError(f"a server does not listen on {endpoint.scheme}", key="url", hint="use mbaps:// or tcp://")
    security = _security(endpoint, identity, trust, crl, tls_options)
    return Server(
        Service(
            endpoint,
            PolicyRulings(_policy(policy, unsafe_no_policy=unsafe_no_policy)),
            DeviceBackend(_by_unit(device)),
            observer=_LogObserver(),
            security=security,
            limits=_allowing_plain(limits or ServiceLimits()) if unsafe_plain else limits,
        )
    )


def _security(
    endpoint: Endpoint,
    identity: Identity | None,
    trust: Trust | str | Path | Sequence[str | Path] | None,
    crl: str | Path | Sequence[str | Path],
    tls_options: TlsOptions | None,
) -> ServerSecurity | None:
    if endpoint.scheme is not Scheme.MBAPS:
        # Refused, not ignored: otherwise a plain listener could be taken for one with TLS.
        arguments = {"identity": identity, "trust": trust, "crl": crl or None, "tls_options": tls_options}
        given = [name for name, value in arguments.items() if value is not None]
        if given:
            problem = f"{endpoint} is not mbaps, so {' and '.join(given)} mean nothing"
            raise ConfigError(problem, key="url", hint="use mbaps://, or leave them out")
        return None
    if identity is None or trust is None:
        missing = "identity" if identity is None else "trust"
        raise ConfigError(f"{endpoint} needs {missing}", key=missing, hint="mbaps is mutual: give identity and trust")
    if not isinstance(trust, Trust):
        trust = Trust.load(_as_list(trust), _as_list(crl))
    elif crl:  # ignored, a revoked client would be admitted
        raise ConfigError("a Trust holds its revocation lists already", key="crl", hint="give them to Trust.load")
    return ServerSecurity(identity, trust, tls_options or TlsOptions())


def _by_unit(device: Device | Mapping[int, Device]) -> Mapping[int, Device]:
    if isinstance(device, Device):
        return dict.fromkeys(_EVERY_UNIT, device)
    if not isinstance(device, Mapping):
        raise ConfigError(f"{device!r} is no Device", key="device", hint="give Device({'holding': [0]})")
    for unit_id, each in device.items():
        if type(unit_id) is not int or unit_id not in _EVERY_UNIT:
            raise ConfigError(f"{unit_id!r} is not a unit id", key="device", hint="use whole numbers from 0 to 255")
        if not isinstance(each, Device):
            raise ConfigError(f"{each!r} of unit {unit_id} is no Device", key="device", hint="give Device(...)")
    return device


def _policy(policy: Policy | str | Path | None, *, unsafe_no_policy: bool) -> Policy:
    if unsafe_no_policy:
        return unsafe_allow_everything()
    if policy is None:
        raise ConfigError(
            "no policy",
            key="policy",
            hint="give policy='policy.toml', or unsafe_no_policy=True to allow every request",
        )
    if isinstance(policy, Policy):
        return policy
    refuse_content(policy, key="policy")
    try:
        return parse_policy(Path(policy).read_text(encoding="utf-8"), file=str(policy))
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", file=str(policy), hint="name a readable policy"
        ) from None


def _allowing_plain(limits: ServiceLimits) -> ServiceLimits:
    return replace(limits, listener=replace(limits.listener, unsafe_plain=True))


def _as_list(paths: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)


class _LogObserver:
    """Writes the events of a server to the log."""

    def opened(self, session: Session) -> None:
        _log.info("%s connected as %s", session.address, session.peer.subject if session.peer else "nobody")

    def closed(self, session: Session) -> None:
        _log.info("%s disconnected: %s", session.address, session.end_reason)

    def denied(self, session: Session, adu: bytes, ruling: Ruling) -> None:
        function_code, unit_id = adu[FUNCTION_AT], adu[UNIT_AT]
        _log.warning(
            "%s denied function %d on unit %d: %s", session.address, function_code, unit_id, ruling.decision.reason
        )

    def handshake_failed(self, listener: str, address: str, reason: str) -> None:
        _log.warning("%s: handshake with %s failed: %s", listener, address, reason)

    def refused(self, listener: str, address: str, reason: str) -> None:
        _log.warning("%s: %s refused: %s", listener, address, reason)

    def cannot_accept(self, listener: str, reason: str) -> None:
        _log.error("%s: cannot accept connections: %s", listener, reason)

    def accepts_again(self, listener: str) -> None:
        _log.info("%s: accepts connections again", listener)

    def lost_entitlement(self, session: Session, reason: str) -> None:
        _log.warning("%s: the session ends: %s", session.address, reason)
