"""The web process: listens, serves until it gets the signal to stop, and stops in order.

It is uvicorn on uvloop, httptools and websockets, each as published. The listener is ours: `connection` bounds each
connection and its TLS handshake, `admission` their number, and TLS comes from `site_certificate`. At the stop no new
connection is accepted, open requests get a few seconds, sockets are closed with code 1012 (try again), and all other
connections are cut. Why this server and not another: docs/decisions/0011-http-server.md.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from sealbus.errors import ConfigError
from sealbus.web.config.admission import Admission
from sealbus.web.config.asgi import build_application
from sealbus.web.config.connection import Door
from sealbus.web.config.exposure import Exposure, exposure_of
from sealbus.web.config.headers import default_headers
from sealbus.web.config.listener import Listener, open_sockets
from sealbus.web.config.metrics import MetricsServer
from sealbus.web.config.site_certificate import SiteCertificate

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from sealbus.web.config.environment import Environment
    from sealbus.web.config.limits import ServerLimits

__all__ = ["run_server"]

_MAX_SOCKET_MESSAGE = 64 * 1024


def run_server(environment: Environment, ready: Callable[[str], None], limits: ServerLimits) -> None:
    """Serve until SIGTERM or SIGINT. `ready` gets each line for the operator; the last one begins with "listening on ".
    Raises ConfigError if it cannot listen.
    """
    exposure = exposure_of(environment)
    certificate = None
    if exposure in (Exposure.OWN_CERTIFICATE, Exposure.GIVEN_CERTIFICATE):
        certificate = SiteCertificate(environment)
        if certificate.own is not None:
            ready(f"the certificate is issued by this site's own authority: trust {certificate.own.anchor}")
            ready(f"SHA-256 fingerprint of that authority: {certificate.own.fingerprint}")
    application = build_application(limits)
    config = uvicorn.Config(
        application,
        host=environment.listen_host,
        port=environment.listen_port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=_MAX_SOCKET_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.idle_s,
        timeout_graceful_shutdown=limits.stop_s,
    )
    metrics = MetricsServer(environment.metrics, application) if environment.metrics else None
    headers = default_headers(is_https=environment.is_https)
    server = _Server(config, certificate, limits, headers, lambda: ready(f"listening on {environment.public_url}"))
    server.run()
    if metrics is not None:
        metrics.close()
    problem = application.start_problem or server.problem  # the first is why the second is
    if problem is not None:
        raise problem


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        certificate: SiteCertificate | None,
        limits: ServerLimits,
        headers: Sequence[tuple[bytes, bytes]],
        ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._limits = limits
        self._headers = headers
        self.problem: ConfigError | None = None
        self._certificate = certificate
        self._ready = ready
        self._admission = Admission()
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with a listener of guarded connections."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self.problem = ConfigError("a part of the web process could not start", hint="the log has the reason")
            self.should_exit = True
            return
        loop = asyncio.get_running_loop()
        context = None if self._certificate is None else self._certificate.context
        door = Door(self._make_protocol, self._admission, self._limits, self._headers, context)
        if self._certificate is not None:
            self._watch = loop.create_task(self._certificate.watch(self._limits.certificate_check_s))
        try:
            listener = Listener(door, await open_sockets(self.config.host, self.config.port))
        except OSError as error:
            self.problem = _cannot_listen(error, f"{self.config.host}:{self.config.port}")
            self.should_exit = True
            await self.lifespan.shutdown()
            return
        self.servers = [cast("asyncio.Server", listener)]
        listener.start()
        self.started = True
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; connections that are still open afterwards are cut."""
        if self._watch is not None:
            self._watch.cancel()
        await super().shutdown(sockets)
        self._admission.close_all()
        self._captured_signals.clear()  # they are handled; uvicorn would raise them again

    def _make_protocol(self, state: dict[str, Any]) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state | state
        )
        return made


def _cannot_listen(error: OSError, where: str) -> ConfigError:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return ConfigError(
        f"cannot listen on {where}: {reason[:1].lower()}{reason[1:]}",
        key="SEALBUS_LISTEN",
        hint="stop the program that uses the port, or choose another with --listen HOST:PORT",
    )
