"""The web process: listens, serves until it gets the signal to stop, and stops in order.

It is uvicorn on uvloop, httptools and websockets. What differs: TLS comes from `site_certificate`, connections are admitted
and bounded (`admission`, `http_protocol`), and a TLS handshake has a deadline. At the stop no new connection is accepted,
open requests get a few seconds, sockets are closed with code 1012 (try again), and all other connections are cut.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import uvicorn

from sealbus.errors import ConfigError
from sealbus.web.config.admission import Admission
from sealbus.web.config.asgi import build_application
from sealbus.web.config.exposure import Exposure, exposure_of
from sealbus.web.config.headers import default_headers
from sealbus.web.config.http_protocol import GuardedHttp
from sealbus.web.config.metrics import MetricsServer
from sealbus.web.config.site_certificate import SiteCertificate

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealbus.web.config.environment import Environment
    from sealbus.web.config.limits import ServerLimits

__all__ = ["run_server"]

_BACKLOG = 1024
_LONGEST_SOCKET_MESSAGE = 64 * 1024


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
    application = build_application(limits.live)
    config = uvicorn.Config(
        application,
        host=environment.listen_host,
        port=environment.listen_port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=GuardedHttp,
        ws="websockets-sansio",  # as `GuardedSocket`, which `GuardedHttp` makes
        ws_max_size=_LONGEST_SOCKET_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=limits.idle_s,
        timeout_graceful_shutdown=limits.stop_s,
    )
    metrics = MetricsServer(environment.metrics, application) if environment.metrics else None
    server = _Server(config, certificate, limits, ready=lambda: ready(f"listening on {environment.public_url}"))
    server.site_headers = default_headers(is_https=environment.is_https)
    server.run()
    if metrics is not None:
        metrics.close()
    if server.problem is not None:
        raise server.problem


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        certificate: SiteCertificate | None,
        limits: ServerLimits,
        *,
        ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._limits = limits
        self.site_headers: tuple[tuple[bytes, bytes], ...] = ()
        self.problem: ConfigError | None = None
        self._certificate = certificate
        self._ready = ready
        self._admission = Admission()
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with the guarded protocol and a deadline for TLS handshakes."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self.problem = ConfigError("a part of the web process could not start", hint="the log has the reason")
            self.should_exit = True
            return
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {}
        if self._certificate is not None:
            options["ssl_handshake_timeout"] = self._limits.tls_handshake_s
            options["ssl_shutdown_timeout"] = self._limits.tls_close_s
            options["ssl"] = self._certificate.context
            self._watch = loop.create_task(self._certificate.watch(self._limits.certificate_check_s))
        try:
            server = await loop.create_server(
                self._protocol, self.config.host, self.config.port, backlog=_BACKLOG, **options
            )
        except OSError as error:
            self.problem = _cannot_listen(error, f"{self.config.host}:{self.config.port}")
            self.should_exit = True
            await self.lifespan.shutdown()
            return
        self.servers = [server]
        self.started = True
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; connections that are still open afterwards are cut."""
        if self._watch is not None:
            self._watch.cancel()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        self._captured_signals.clear()  # they are handled; uvicorn would raise them again

    def _protocol(self) -> asyncio.Protocol:
        return GuardedHttp(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            admission=self._admission,
            site_headers=self.site_headers,
            limits=self._limits,
        )


def _cannot_listen(error: OSError, where: str) -> ConfigError:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return ConfigError(
        f"cannot listen on {where}: {reason[:1].lower()}{reason[1:]}",
        key="SEALBUS_LISTEN",
        hint="stop the program that uses the port, or choose another with --listen HOST:PORT",
    )
