"""The rows of gateway, latency, memory and API, and the list of all rows."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.collector import measure_collector, measure_commands
from benchmarks.door import measure_door
from benchmarks.history import measure_history
from benchmarks.live import measure_live
from benchmarks.machine import (
    PROJECT,
    NotMeasuredError,
    free_port,
    process_tree,
    proportional_set_bytes,
    running,
    wait_for_port,
)
from benchmarks.pages import measure_pages
from benchmarks.peers import HAPROXY, NGINX, SEALBUS, STUNNEL
from benchmarks.table import Bound, Figure, Measurement, Table, TargetCheck, compare, fill, fill_side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.bench import Bench, Load, RunningDevice
    from benchmarks.peers import Peer

__all__ = ["ROWS"]

_CLIENTS = 50
_PLAIN_CLIENTS = 10
_IN_FLIGHT = 16
_WINDOWS = 10
_LOOPS = ("uvloop", "asyncio")
_LIBRARIES = ("sealbus", "pymodbus")
_SHARED = "Sealbus, one device connection with 16 in flight"
_SEPARATE = f"Sealbus, {_CLIENTS} device connections with 1 in flight"


def measure_gateway(bench: Bench) -> Table:
    """CPU per transaction with 50 clients in mutual TLS."""
    table = Table(f"Gateway: {_CLIENTS} clients in mutual TLS, read 10 registers", "µs CPU per transaction")
    with bench.device() as device:

        def subject(
            peer: Peer, connections: int = 1, in_flight: int = 1
        ) -> Callable[[], contextlib.AbstractContextManager[Callable[[], Measurement]]]:
            return lambda: _through(bench, peer, device, connections, in_flight)

        subjects = {
            _SHARED: subject(SEALBUS, 1, 16),
            NGINX.name: subject(NGINX),
            _SEPARATE: subject(SEALBUS, _CLIENTS, 1),
            HAPROXY.name: subject(HAPROXY),
            STUNNEL.name: subject(STUNNEL),
        }
        fill_side_by_side(table, subjects, bench.rounds, _WINDOWS)
    compare(table, _SHARED, NGINX.name, Bound.BELOW, 1.0)
    for peer, target in ((NGINX, 1.3), (HAPROXY, 1.2), (STUNNEL, 0.65)):
        compare(table, _SEPARATE, peer.name, Bound.BELOW, target)
    return table


@contextlib.contextmanager
def _through(
    bench: Bench, peer: Peer, device: RunningDevice, connections: int, in_flight: int
) -> Iterator[Callable[[], Measurement]]:
    window = _window(bench)
    with bench.peer(peer, device, connections=connections, in_flight=in_flight) as (port, process_id):
        tested = process_tree(process_id)
        yield lambda: _sample(window.load(port, _CLIENTS, sealed=True, watch=[*tested, device.process_id]))


def _window(bench: Bench) -> Bench:
    return replace(bench, seconds=bench.seconds / 5, warmup_s=bench.warmup_s / 5)


def _sample(load: Load) -> Measurement:
    used, device_used = sum(load.cpu_s[:-1]), load.cpu_s[-1]
    beside = {
        "transactions/s": load.transactions / load.seconds,
        "busy, tested": used / load.seconds,
        "busy, load": load.own_cpu_s / load.seconds,
        "busy, device": device_used / load.seconds,
        "p50 µs": load.p50_us,
        "p99 µs": load.p99_us,
    }
    return Measurement(used / load.transactions * 1e6, beside)


def measure_latency(bench: Bench) -> Table:
    """Latency that a proxy between one client and the device adds."""
    table = Table("Latency: one client, one request outstanding", "µs median")
    direct = "direct to the device, plain"
    with bench.device() as device:

        def through(peer: Peer) -> Callable[[], contextlib.AbstractContextManager[Callable[[], Measurement]]]:
            return lambda: _waiting_for(bench, peer, device)

        subjects = {direct: lambda: _waiting_for_device(bench)}
        subjects |= {peer.name: through(peer) for peer in (SEALBUS, STUNNEL, NGINX, HAPROXY)}
        fill_side_by_side(table, subjects, bench.rounds, _WINDOWS)
    added = Table("", "")
    if direct in table.figures:
        base = table.figures[direct]
        for name, figure in table.figures.items():
            if name != direct:
                values = tuple(value - least for value, least in zip(figure.values, base.values, strict=True))
                added.figures[name] = Figure(name, values, {})
    compare(added, SEALBUS.name, STUNNEL.name, Bound.AT_MOST, 1.2)
    table.verdicts = [
        TargetCheck(f"added latency, {it.what}", it.value, it.lowest, it.highest, it.bound, it.target)
        for it in added.verdicts
    ]
    return table


@contextlib.contextmanager
def _waiting_for(bench: Bench, peer: Peer, device: RunningDevice) -> Iterator[Callable[[], Measurement]]:
    with bench.peer(peer, device, connections=1, in_flight=1) as (port, _):
        yield lambda: _latency(bench, port, sealed=True)


@contextlib.contextmanager
def _waiting_for_device(bench: Bench) -> Iterator[Callable[[], Measurement]]:
    """The device runs on the core of the proxies, so that requests cross cores once here too."""
    with bench.device(core=bench.cores.tested) as device:
        yield lambda: _latency(bench, device.port, sealed=False)


def _latency(bench: Bench, port: int, *, sealed: bool) -> Measurement:
    load = _window(bench).load(port, 1, sealed=sealed)
    return Measurement(load.p50_us, {"p99 µs": load.p99_us, "transactions/s": load.transactions / load.seconds})


def measure_client(bench: Bench) -> Table:
    """Requests per CPU second of the client API.

    The target is for the best that each library offers: sixteen callers share one connection, Sealbus with that many
    requests in flight, pymodbus with one, since it supports no more. With one request in flight per connection, most of
    the CPU time is the kernel's for every client; the C client shows how much. Those figures have
    no target, except that of the synchronous client, which must not cost more than that of pymodbus.
    """
    title = "Client API: plain tcp, read 10 registers"
    table = Table(title, "requests per CPU second")
    with bench.device() as device:

        def subject(library: str, style: str, connections: int, callers: int = 1) -> Callable[[], Measurement]:
            return lambda: _client(bench, library, style, (connections, callers), device.port)

        subjects = {
            f"{library} client, {style}": subject(library, style, 1, _IN_FLIGHT)
            for style in _LOOPS
            for library in _LIBRARIES
        }
        subjects |= {
            f"{library} client, {style}, {_PLAIN_CLIENTS} connections": subject(library, style, _PLAIN_CLIENTS)
            for style in _LOOPS
            for library in _LIBRARIES
        }
        subjects |= {
            f"{library} client, {style}, 1 connection": subject(library, style, 1)
            for style in (*_LOOPS, "sync")
            for library in _LIBRARIES
        }
        subjects["C client (load.c), 1 connection"] = lambda: _c_client(bench, device.port)
        fill(table, subjects, bench.rounds)
    _compare_libraries(table, "client", 4)
    ours, theirs = (f"{library} client, sync, 1 connection" for library in _LIBRARIES)
    compare(table, ours, theirs, Bound.AT_LEAST, 1.0)
    return table


def _compare_libraries(table: Table, role: str, target: float) -> None:
    """Compare both libraries on the same loop."""
    for style in _LOOPS:
        compare(table, f"sealbus {role}, {style}", f"pymodbus {role}, {style}", Bound.AT_LEAST, target)


def _client(bench: Bench, library: str, style: str, load: tuple[int, int], port: int) -> Measurement:
    connections, callers = load
    command = ["taskset", "-c", str(bench.cores.tested), sys.executable, "-m", "benchmarks.api_client", library, style]
    command += [str(connections), str(callers), str(port), str(bench.warmup_s), str(bench.seconds)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasuredError((done.stderr.strip().splitlines() or ["no output"])[-1])
    report = json.loads(done.stdout)
    beside = {"requests/s": report["requests"] / report["seconds"], "busy, tested": report["cpu_s"] / report["seconds"]}
    return Measurement(report["requests"] / report["cpu_s"], beside)


def _c_client(bench: Bench, port: int) -> Measurement:
    load = bench.load(port, 1, sealed=False, core=bench.cores.tested)
    beside = {"requests/s": load.transactions / load.seconds, "busy, tested": load.own_cpu_s / load.seconds}
    return Measurement(load.transactions / load.own_cpu_s, beside)


def measure_server(bench: Bench) -> Table:
    """Requests per CPU second of the server API."""
    table = Table(f"Server API: plain tcp, {_PLAIN_CLIENTS} clients, read 10 registers", "requests per CPU second")

    def subject(library: str, style: str) -> Callable[[], Measurement]:
        return lambda: _server(bench, library, style)

    subjects = {f"{library} server, {style}": subject(library, style) for style in _LOOPS for library in _LIBRARIES}
    fill(table, subjects, bench.rounds)
    _compare_libraries(table, "server", 3)
    return table


def _server(bench: Bench, library: str, style: str) -> Measurement:
    port, log = free_port(), bench.new_folder(f"{library}-server")
    command = [sys.executable, "-m", "benchmarks.api_server", library, style, str(port)]
    with running(command, core=bench.cores.tested, log=log) as process:
        wait_for_port(port, process, log)
        load = bench.load(port, _PLAIN_CLIENTS, sealed=False, watch=[process.pid])
    beside = {
        "requests/s": load.transactions / load.seconds,
        "busy, tested": load.cpu_s[0] / load.seconds,
        "p50 µs": load.p50_us,
    }
    return Measurement(load.transactions / load.cpu_s[0], beside)


def measure_memory(bench: Bench) -> Table:
    """Memory of the gateway per idle connection in mutual TLS, and whether one more client is still served."""
    count = bench.idle_connections
    table = Table(f"Memory: {count:,} idle connections in mutual TLS", "KiB per connection")
    with bench.device() as device:
        fill(table, {SEALBUS.name: lambda: _memory(bench, device, count)}, 1)
    for figure in table.figures.values():
        what = f"{figure.subject}, PSS per idle connection"
        table.verdicts.append(TargetCheck(what, figure.median, figure.median, figure.median, Bound.AT_MOST, 40, " KiB"))
    return table


def _memory(bench: Bench, device: RunningDevice, count: int) -> Measurement:
    with bench.peer(SEALBUS, device, connections=1, in_flight=16) as (port, process_id):
        processes = process_tree(process_id)
        empty = proportional_set_bytes(processes)
        with _holding(bench, port, count) as opened_s:
            full = proportional_set_bytes(processes)
            load = bench.load(port, 1, sealed=True)
    beside = {
        "MiB without clients": empty / 2**20,
        "MiB with all": full / 2**20,
        "connections/s while opening": count / opened_s,
        "p50 µs of one more client": load.p50_us,
    }
    return Measurement((full - empty) / count / 1024, beside)


@contextlib.contextmanager
def _holding(bench: Bench, port: int, count: int) -> Iterator[float]:
    """Keep `count` connections open. NotMeasuredError if not all could be opened or not all stayed open to the end."""
    process = subprocess.Popen(
        bench.tool("hold", port, count, sealed=True),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise NotMeasuredError(f"not all connections opened: {process.communicate()[1].strip()}")
        held = json.loads(line)
        yield held["opened_s"]
        left = json.loads(process.communicate("\n")[0])["still_held"]
        if left != count:
            raise NotMeasuredError(f"{left} of {count} connections were still open at the end")
    finally:
        process.kill()
        process.wait()


ROWS: Mapping[str, tuple[Callable[[Bench], Table], ...]] = {
    "gateway": (measure_gateway,),
    "latency": (measure_latency,),
    "memory": (measure_memory,),
    "api": (measure_client, measure_server),
    "history": (measure_history,),
    "collector": (measure_collector, measure_commands),
    "live": (measure_live,),
    "door": (measure_door,),
    "pages": (measure_pages,),
}
