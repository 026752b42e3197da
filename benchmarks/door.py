"""The door of the site under attack: how long an operator waits meanwhile, and whether a request fails.

A stranger at 127.0.0.1 attacks (`door_attacks`); an operator with a token at 127.0.0.2 sends ten requests a second, half of
them over a connection that stays open and half over new ones.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.door_attacks import ATTACKS
from benchmarks.machine import PROJECT, NotMeasuredError, free_port, running, wait_for_port
from benchmarks.table import Measurement, Table, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

__all__ = ["measure_door"]

_EVERY_S = 0.1
_TIMEOUT_S = 20.0
_CALM = "no attack"


def measure_door(bench: Bench) -> Table:
    """The median latency of the operator, for each attack, over HTTP and HTTPS."""
    table = Table("Door: an operator's request while a stranger attacks the site", "ms median")

    def subject(attack: str, *, https: bool) -> Callable[[], Measurement]:
        return lambda: _measure(bench, attack, https=https)

    subjects = {
        f"{scheme}, {attack}": subject(attack, https=scheme == "HTTPS")
        for scheme in ("HTTP", "HTTPS")
        for attack in (_CALM, *ATTACKS)
    }
    fill(table, subjects, bench.rounds)
    return table


def _measure(bench: Bench, attack: str, *, https: bool) -> Measurement:
    home, port = bench.new_folder("door"), free_port()
    home.mkdir(mode=0o700)
    token = _make_site(bench, home)
    scheme = "https" if https else "http"
    environment = ["env", f"SEALBUS_PUBLIC_URL={scheme}://127.0.0.1:{port}"]
    command = [*environment, sys.executable, "-m", "sealbus", "web", "serve", "--home", str(home)]
    log = bench.new_folder("web")
    with running([*command, "--listen", f"127.0.0.1:{port}"], core=bench.cores.tested, log=log) as process:
        wait_for_port(port, process, log)
        anchor = home / "web-tls" / "ca.crt" if https else None
        with _attacking(bench, attack, port, anchor):
            waited = _ask(bench, port, anchor, token)
    good = [each for each in waited if each is not None]
    if not good:
        raise NotMeasuredError("no request of the operator was answered")
    return Measurement(
        statistics.median(good),
        {"p99 ms": sorted(good)[int(len(good) * 0.99)], "requests": len(waited), "failed": len(waited) - len(good)},
    )


def _make_site(bench: Bench, home: Path) -> str:
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.live_rows", str(home), "1", "1", "1"],
        capture_output=True, text=True, check=True, cwd=PROJECT, timeout=_TIMEOUT_S * 3,
    )  # fmt: skip
    return str(json.loads(made.stdout)["tokens"][0])


@contextlib.contextmanager
def _attacking(bench: Bench, attack: str, port: int, anchor: Path | None) -> Iterator[None]:
    if attack == _CALM:
        yield
        return
    seconds = bench.warmup_s + bench.seconds + 1.0
    arguments = [attack, str(port), str(anchor or "-"), str(seconds)]
    command = ["taskset", "-c", str(bench.cores.generator), sys.executable, "-m", "benchmarks.door_attacks", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL) as attacker:
        try:
            yield
        finally:
            attacker.terminate()


def _ask(bench: Bench, port: int, anchor: Path | None, token: str) -> list[float | None]:
    """How long each request took, in milliseconds; None for one that failed."""
    context = ssl.create_default_context(cafile=anchor) if anchor else None
    time.sleep(bench.warmup_s)
    waited: list[float | None] = []
    kept = _connect(port, context)
    end = time.monotonic() + bench.seconds
    while (start := time.monotonic()) < end:
        connection = kept if len(waited) % 2 else _connect(port, context)
        try:
            connection.request("GET", "/api/v1/devices", headers={"Authorization": f"Token {token}"})
            with connection.getresponse() as answer:
                answer.read()
            waited.append((time.monotonic() - start) * 1000 if answer.status == 200 else None)
        except (OSError, http.client.HTTPException):
            waited.append(None)
            if connection is kept:
                kept = _connect(port, context)
        if connection is not kept:
            connection.close()
        time.sleep(max(0.0, start + _EVERY_S - time.monotonic()))
    kept.close()
    return waited


def _connect(port: int, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    source = ("127.0.0.2", 0)
    if context is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S, source_address=source)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=_TIMEOUT_S, source_address=source, context=context)
