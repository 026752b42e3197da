"""The metrics of the gateway, for Prometheus. They are read when scraped; the byte path does not export anything.

Metrics are served without encryption and authentication, so only on loopback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector, CollectorRegistry

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.core import Metric

    from sealbus.client import Channel
    from sealbus.server import Service

__all__ = ["GatewayCounters", "GatewayMetrics", "GatewayMetricsServer"]


@dataclass(slots=True)
class GatewayCounters:
    """Counted by the gateway itself. The requests of a session are added when it ends."""

    requests: int = 0
    denials: int = 0
    writes: int = 0
    writes_not_recorded: int = 0
    connections: int = 0
    handshake_failures: int = 0
    refused_connections: int = 0
    accept_pauses: int = 0
    reloads: int = 0
    reload_failures: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class GatewayMetrics(Collector):
    """The sources: counters, services by URL, channels by URL, and functions that are called when scraped."""

    counters: GatewayCounters
    services: Mapping[str, Service]
    channels: Mapping[str, Channel]
    days_left: Callable[[], Mapping[str, float]]
    records_state: Callable[[], str]
    alarms: Mapping[str, str] = field(default_factory=dict)

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield from self._services()
        yield from self._channels()
        left = GaugeMetricFamily(
            "sealbus_certificate_days_left",
            "Days until the first certificate or list of the file expires",
            labels=["file"],
        )
        for file, days in self.days_left().items():
            left.add_metric([file], days)
        yield left
        state = GaugeMetricFamily("sealbus_records_state", "1 for the current state of the record", labels=["state"])
        state.add_metric([self.records_state()], 1)
        yield state
        alarms = GaugeMetricFamily("sealbus_alarm", "1 while the alarm is active", labels=["alarm"])
        for name in list(self.alarms):
            alarms.add_metric([name], 1)
        yield alarms

    def _counters(self) -> Iterator[Metric]:
        live = sum(session.requests for service in self.services.values() for session in list(service.sessions))
        for name, text, value in (
            ("requests", "Requests received", self.counters.requests + live),
            ("denials", "Requests denied by policy", self.counters.denials),
            ("writes", "Writes allowed and recorded", self.counters.writes),
            (
                "writes_not_recorded",
                "Writes refused because they could not be recorded",
                self.counters.writes_not_recorded,
            ),
            ("connections", "Connections accepted", self.counters.connections),
            ("handshake_failures", "TLS handshakes that failed", self.counters.handshake_failures),
            ("refused_connections", "Connections refused by a limit", self.counters.refused_connections),
            ("accept_pauses", "Times that no connection could be accepted", self.counters.accept_pauses),
            ("reloads", "Reloads of certificates, revocation lists and policies", self.counters.reloads),
            ("reload_failures", "Reloads that failed and kept the old state", self.counters.reload_failures),
        ):
            yield CounterMetricFamily(f"sealbus_{name}", text, value=value)

    def _services(self) -> Iterator[Metric]:
        sessions = GaugeMetricFamily("sealbus_sessions", "Sessions open now", labels=["listener"])
        for url, service in self.services.items():
            sessions.add_metric([url], len(service.sessions))
        yield sessions

    def _channels(self) -> Iterator[Metric]:
        gauges = {
            "waiting": GaugeMetricFamily("sealbus_device_waiting", "Requests waiting", labels=["device"]),
            "open_lines": GaugeMetricFamily("sealbus_device_connections", "Open connections", labels=["device"]),
        }
        counters = {
            name: CounterMetricFamily(f"sealbus_device_{name}", text, labels=["device"])
            for name, text in (
                ("sent", "Requests sent"),
                ("answered", "Answers forwarded"),
                ("silent", "Requests that were not answered in time"),
                ("dropped_answers", "Answers dropped: late, duplicate, or without a request"),
                ("connects", "Connections made"),
                ("connect_failures", "Connections that could not be made"),
                ("refused", "Requests failed without being sent"),
            )
        }
        silent_units = GaugeMetricFamily(
            "sealbus_device_silent_units", "Units that the breaker holds back", labels=["device"]
        )
        for url, channel in self.channels.items():
            for name, gauge in gauges.items():
                gauge.add_metric([url], getattr(channel, name))
            for name, counter in counters.items():
                counter.add_metric([url], getattr(channel.counters, name))
            silent_units.add_metric([url], len(channel.silent_units))
        yield from (*gauges.values(), *counters.values(), silent_units)


class GatewayMetricsServer:
    """Serves the metrics at http://HOST:PORT/metrics from its own thread."""

    def __init__(self, address: str, metrics: GatewayMetrics) -> None:
        host, _, port = address.rpartition(":")
        registry = CollectorRegistry()
        registry.register(metrics)
        try:
            served: tuple[WSGIServer, Thread] = start_http_server(int(port), addr=host.strip("[]"), registry=registry)
        except OSError as error:
            raise ConfigError(
                f"{address} cannot be listened on: {error.strerror}",
                key="gateway.metrics",
                hint="choose a free port, or leave metrics out",
            ) from None
        self._server, self._thread = served

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=1.0)
