"""The cost of polling 10,000 tags on 200 devices every second, compared with a plain pymodbus loop on the same devices.

`python -m benchmarks --only collector --seconds 600` measures the ten minutes of the target, `--quick` twenty seconds.
The devices are 200 ports of one small C program on the other core. There are two kinds of runs: with constant registers,
and with every register changing each second, so that every tag is decoded, scaled, checked and published.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.machine import PROJECT, NotMeasuredError, running, wait_for_port
from benchmarks.table import Bound, Figure, Measurement, Table, TargetCheck, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench

__all__ = ["measure_collector", "measure_commands"]

_DEVICES = 200
_TAGS = 50
_QUARTER = 25.0
_SHORTEST_S = 20.0
_TIMEOUT_S = 120.0
_SUBJECTS = {
    "Sealbus, every value changes": ("sealbus", "uvloop", True),
    "Sealbus, every value changes, into history and bus": ("sealbus+history", "uvloop", True),
    "Sealbus, no value changes": ("sealbus", "uvloop", False),
    "pymodbus, every value changes": ("pymodbus", "asyncio", True),
    "pymodbus on uvloop, every value changes": ("pymodbus", "uvloop", True),
}
_TARGETS = ("Sealbus, every value changes", "Sealbus, every value changes, into history and bus")


def measure_collector(bench: Bench) -> Table:
    """CPU, memory and lateness of the collector."""
    table = Table(f"Collector: {_DEVICES * _TAGS:,} tags on {_DEVICES} devices every second", "% of one core")
    fill(table, {name: _subject(bench, *what) for name, what in _SUBJECTS.items()}, 1)
    for name in _TARGETS:
        if name in table.figures:
            figure = table.figures[name]
            table.verdicts.append(_target_check(f"{name}, CPU of one core", figure, _QUARTER, " %"))
    return table


def measure_commands(bench: Bench) -> Table:
    """How long a command waits on a busy connection, in request times."""
    table = Table("Commands: a busy connection, one request of 50 ms in flight, ten units waiting", "request times")

    def commands() -> Measurement:
        report = _run(bench, ["command", str(bench.new_folder("command"))], 60.0)
        return Measurement(report["most"], {"p50": report["p50"], "requests waiting": report["waiting"]})

    fill(table, {"Sealbus, longest wait of 40 commands until sent": commands}, 1)
    for figure in table.figures.values():
        # 10 % tolerance: the timer of the device (50 ms) and that of the measuring loop can both be late.
        table.verdicts.append(_target_check(figure.subject, figure, 1.1, ""))
    return table


def _target_check(what: str, figure: Figure, target: float, unit: str) -> TargetCheck:
    return TargetCheck(what, figure.median, min(figure.values), max(figure.values), Bound.AT_MOST, target, unit)


def _subject(bench: Bench, subject: str, loop: str, is_changing: bool) -> Callable[[], Measurement]:
    def measure() -> Measurement:
        seconds = max(bench.seconds, _SHORTEST_S)
        folder = bench.new_folder(subject)
        folder.mkdir(mode=0o700)
        with _devices(bench, is_changing=is_changing) as first_port:
            arguments = [subject, loop, str(first_port), str(_DEVICES), str(_TAGS), "4", str(seconds), str(folder)]
            report = _run(bench, arguments, seconds)
        if report["rounds_per_s"] < 0.99 * _DEVICES:
            raise NotMeasuredError(f"only {report['rounds_per_s']:.1f} rounds a second")
        beside = {
            "seconds": report["seconds"],
            "samples/s": report.get("samples_per_s", 0.0),
            "late p50 ms": report["late_p50_ms"],
            "late p99 ms": report["late_p99_ms"],
            "overruns": report["overruns"],
            "MiB": report["pss_mib"],
        }
        return Measurement(report["cpu_percent"], beside)

    return measure


def _run(bench: Bench, arguments: list[str], seconds: float) -> dict[str, Any]:
    command = ["taskset", "-c", str(bench.cores.tested), sys.executable, "-m", "benchmarks.collect", *arguments]
    try:
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=seconds + _TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(f"{arguments[0]} did not end in time") from None
    if done.returncode:
        raise NotMeasuredError(f"{arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@contextlib.contextmanager
def _devices(bench: Bench, *, is_changing: bool) -> Iterator[int]:
    """Run the devices. Yields their first port."""
    first, log = _ports_in_a_row(_DEVICES), bench.new_folder("devices")
    command = [str(bench.device_tool), str(first), str(_DEVICES), *(["changing"] if is_changing else [])]
    with running(command, core=bench.cores.device, log=log) as process:
        wait_for_port(first + _DEVICES - 1, process, log)
        yield first


def _ports_in_a_row(count: int) -> int:
    """Free ports below the ephemeral range, so that no connection takes one in the meantime."""
    for first in range(20_000, 32_000 - count, count):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probe = probes.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise NotMeasuredError(f"no {count} free ports in a row")
