"""What is measured: the rows of the table of targets that concern gateway, client and server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.collector import measure_collector, measure_orders
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
from benchmarks.peers import HAPROXY, NGINX, SEALBUS, STUNNEL
from benchmarks.table import Bound, Figure, Sample, Table, Verdict, compare, fill, fill_side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.bench import Bench, Device, Load
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
        ) -> Callable[[], contextlib.AbstractContextManager[Callable[[], Sample]]]:
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
    bench: Bench, peer: Peer, device: Device, connections: int, in_flight: int
) -> Iterator[Callable[[], Sample]]:
    window = _window(bench)
    with bench.peer(peer, device, connections=connections, in_flight=in_flight) as (port, process_id):
        tested = process_tree(process_id)
        yield lambda: _sample(window.load(port, _CLIENTS, sealed=True, watch=[*tested, device.process_id]))


def _window(bench: Bench) -> Bench:
    return replace(bench, seconds=bench.seconds / 5, warmup_s=bench.warmup_s / 5)


def _sample(load: Load) -> Sample:
    used, device_used = sum(load.cpu_s[:-1]), load.cpu_s[-1]
    beside = {
        "transactions/s": load.transactions / load.seconds,
        "busy, tested": used / load.seconds,
        "busy, load": load.own_cpu_s / load.seconds,
        "busy, device": device_used / load.seconds,
        "p50 µs": load.p50_us,
        "p99 µs": load.p99_us,
    }
    return Sample(used / load.transactions * 1e6, beside)


def measure_latency(bench: Bench) -> Table:
    """What one client waits longer because something stands between it and the device."""
    table = Table("Latency: one client, one request outstanding", "µs median")
    direct = "straight at the device, plain"
    with bench.device() as device:

        def through(peer: Peer) -> Callable[[], contextlib.AbstractContextManager[Callable[[], Sample]]]:
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
        Verdict(f"added latency, {it.what}", it.value, it.lowest, it.highest, it.bound, it.target)
        for it in added.verdicts
    ]
    return table


@contextlib.contextmanager
def _waiting_for(bench: Bench, peer: Peer, device: Device) -> Iterator[Callable[[], Sample]]:
    with bench.peer(peer, device, connections=1, in_flight=1) as (port, _):
        yield lambda: _latency(bench, port, sealed=True)


@contextlib.contextmanager
def _waiting_for_device(bench: Bench) -> Iterator[Callable[[], Sample]]:
    """It stands where the proxies otherwise do, so that this too crosses from core to core."""
    with bench.device(core=bench.cores.tested) as device:
        yield lambda: _latency(bench, device.port, sealed=False)


def _latency(bench: Bench, port: int, *, sealed: bool) -> Sample:
    load = _window(bench).load(port, 1, sealed=sealed)
    return Sample(load.p50_us, {"p99 µs": load.p99_us, "transactions/s": load.transactions / load.seconds})


def measure_client(bench: Bench) -> Table:
    """Requests per CPU second of the client API.

    The target is for a process that uses what the library has: sixteen callers share one connection, Sealbus with
    that many requests in flight, pymodbus with one, since it knows no more. With one request in flight on each connection
    most of the CPU time is the kernel's, whoever asks: the C client shows how much. Those figures have no target, but for
    the synchronous client, which costs no more than that of pymodbus.
    """
    title = "Client API: plain tcp, read 10 registers"
    table = Table(title, "requests per CPU second")
    with bench.device() as device:

        def subject(library: str, style: str, connections: int, callers: int = 1) -> Callable[[], Sample]:
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
    """Both on the same loop."""
    for style in _LOOPS:
        compare(table, f"sealbus {role}, {style}", f"pymodbus {role}, {style}", Bound.AT_LEAST, target)


def _client(bench: Bench, library: str, style: str, load: tuple[int, int], port: int) -> Sample:
    connections, callers = load
    command = ["taskset", "-c", str(bench.cores.tested), sys.executable, "-m", "benchmarks.api_client", library, style]
    command += [str(connections), str(callers), str(port), str(bench.warmup_s), str(bench.seconds)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasuredError((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    said = json.loads(done.stdout)
    beside = {"requests/s": said["requests"] / said["seconds"], "busy, tested": said["cpu_s"] / said["seconds"]}
    return Sample(said["requests"] / said["cpu_s"], beside)


def _c_client(bench: Bench, port: int) -> Sample:
    load = bench.load(port, 1, sealed=False, core=bench.cores.tested)
    beside = {"requests/s": load.transactions / load.seconds, "busy, tested": load.own_cpu_s / load.seconds}
    return Sample(load.transactions / load.own_cpu_s, beside)


def measure_server(bench: Bench) -> Table:
    """Requests per CPU second of the server API."""
    table = Table(f"Server API: plain tcp, {_PLAIN_CLIENTS} clients, read 10 registers", "requests per CPU second")

    def subject(library: str, style: str) -> Callable[[], Sample]:
        return lambda: _server(bench, library, style)

    subjects = {f"{library} server, {style}": subject(library, style) for style in _LOOPS for library in _LIBRARIES}
    fill(table, subjects, bench.rounds)
    _compare_libraries(table, "server", 3)
    return table


def _server(bench: Bench, library: str, style: str) -> Sample:
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
    return Sample(load.transactions / load.cpu_s[0], beside)


def measure_memory(bench: Bench) -> Table:
    """Memory of the gateway per idle connection in mutual TLS, and whether one more client is still served."""
    count = bench.idle_connections
    table = Table(f"Memory: {count:,} idle connections in mutual TLS", "KiB per connection")
    with bench.device() as device:
        fill(table, {SEALBUS.name: lambda: _memory(bench, device, count)}, 1)
    for figure in table.figures.values():
        what = f"{figure.subject}, PSS per idle connection"
        table.verdicts.append(Verdict(what, figure.median, figure.median, figure.median, Bound.AT_MOST, 40, " KiB"))
    return table


def _memory(bench: Bench, device: Device, count: int) -> Sample:
    with bench.peer(SEALBUS, device, connections=1, in_flight=16) as (port, process_id):
        processes = process_tree(process_id)
        empty = proportional_set_bytes(processes)
        with _holding(bench, port, count) as opened_s:
            full = proportional_set_bytes(processes)
            load = bench.load(port, 1, sealed=True)
    beside = {
        "MiB with none": empty / 2**20,
        "MiB with all": full / 2**20,
        "connections/s while opening": count / opened_s,
        "p50 µs of one more client": load.p50_us,
    }
    return Sample((full - empty) / count / 1024, beside)


@contextlib.contextmanager
def _holding(bench: Bench, port: int, count: int) -> Iterator[float]:
    """Keep `count` connections open; NotMeasuredError if they could not all be opened, or not all lived to the end."""
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
    "collector": (measure_collector, measure_orders),
    "live": (measure_live,),
}
