"""The metrics of the site for Prometheus, on a separate port on loopback (SEALBUS_METRICS), like the gateway's.

Nothing here waits for the database: the state of the parts is the last result of `/health/ready`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sealbus.errors import ConfigError
from sealbus.web.trends.health import last_health

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.metrics_core import Metric

    from sealbus.web.config.edge_app import EdgeApp

__all__ = ["MetricsServer"]


class MetricsServer:
    """Serves http://HOST:PORT/metrics from a separate thread."""

    def __init__(self, address: str, application: EdgeApp) -> None:
        host, _, port = address.rpartition(":")
        registry = CollectorRegistry()
        registry.register(_Site(application))
        try:
            served: tuple[WSGIServer, Thread] = start_http_server(int(port), addr=host.strip("[]"), registry=registry)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address}: {error.strerror}",
                key="SEALBUS_METRICS",
                hint="choose a free port, or leave the variable out",
            ) from None
        self._server, self._thread = served

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=1.0)


class _Site(Collector):
    def __init__(self, application: EdgeApp) -> None:
        self._application = application

    def collect(self) -> Iterator[Metric]:
        answers = CounterMetricFamily("sealbus_site_answers", "HTTP answers", labels=["status"])
        for status, count in sorted(self._application.answered.items()):
            answers.add_metric([str(status)], count)
        yield answers
        yield GaugeMetricFamily(
            "sealbus_site_busy_lanes", "Requests being worked on", value=self._application.busy_lanes
        )
        parts = GaugeMetricFamily(
            "sealbus_site_part_ok", "1 if the part works, by the last health check", labels=["part"]
        )
        for part in last_health().parts:
            parts.add_metric([part.name], float(not part.problem))
        yield parts
