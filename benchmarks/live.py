"""Live values: cost of 200 clients with 250 tags each, all changing every second, in the web process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.machine import PROJECT, NotMeasuredError, free_port, running, wait_for_port
from benchmarks.table import Measurement, Table, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench

__all__ = ["measure_live"]

_CLIENTS = 200
_DEVICES, _TAGS = 200, 50
_DEVICES_EACH = 5
_TOKENS = 4
_TIMEOUT_S = 180.0
_ENOUGH = 0.9
"""Each client must receive at least this share of one change per tag and second; the edges of the window cost some."""


def measure_live(bench: Bench) -> Table:
    """CPU, delay and memory, for many clients and for one."""
    table = Table(
        f"Live values: {_DEVICES * _TAGS:,} tags change every second, each client watches {_DEVICES_EACH * _TAGS}",
        "% of a core, web process",
    )

    def subject(clients: int) -> Callable[[], Measurement]:
        return lambda: _measure(bench, clients)

    fill(table, {f"{_CLIENTS} clients": subject(_CLIENTS), "1 client": subject(1)}, bench.rounds)
    return table


def _measure(bench: Bench, clients: int) -> Measurement:
    home, port = bench.new_folder("site"), free_port()
    home.mkdir(mode=0o700)
    rows = _run(bench, ["benchmarks.live_rows", str(home), str(_DEVICES), str(_TAGS), str(_TOKENS)], "")
    command = [sys.executable, "-m", "sealbus", "web", "serve", "--home", str(home), "--listen", f"127.0.0.1:{port}"]
    log = bench.new_folder("web")
    with running(command, core=bench.cores.tested, log=log) as process:
        wait_for_port(port, process, log)
        arguments = [str(home), str(port), str(process.pid), str(clients), str(_DEVICES_EACH)]
        arguments += [str(bench.warmup_s), str(bench.seconds)]
        report = json.loads(_run(bench, ["benchmarks.live_clients", *arguments], rows))
    if report["fewest_per_tag_and_s"] < _ENOUGH:
        raise NotMeasuredError(
            f"a client received {report['fewest_per_tag_and_s']:.2f} changes per tag and second, not 1"
        )
    return Measurement(
        report["cpu_percent"],
        {
            "values/s": report["samples_per_s"],
            "messages/s": report["messages_per_s"],
            "change to client, p50 ms": report["late_p50_ms"],
            "p95 ms": report["late_p95_ms"],
            "KiB per client": 1024 * (report["full_mib"] - report["idle_mib"]) / clients,
            "MiB in total": report["full_mib"],
            "busy, clients": report["own_cpu_percent"] / 100,
        },
    )


def _run(bench: Bench, module: list[str], given: str) -> str:
    done = subprocess.run(
        ["taskset", "-c", str(bench.cores.generator), sys.executable, "-m", *module],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        timeout=_TIMEOUT_S + bench.seconds + bench.warmup_s,
    )
    if done.returncode:
        raise NotMeasuredError(f"{module[0]} stopped: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    return done.stdout
