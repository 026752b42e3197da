"""The pages in a browser, beside what FUXA 1.3.4 needed on a machine of this kind on 2026-11-28.

Each measurement starts the demonstration and a fresh Chromium without a window: first load, second load in the same browser,
both again over 10 Mbit/s with 60 ms of delay, then a page with some thirty values, which change each second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.machine import PROJECT, NotMeasuredError, cpu_seconds, free_port, process_tree, running, wait_for_port
from benchmarks.table import Bound, Measurement, Table, TargetCheck, fill

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, CDPSession, Page

    from benchmarks.bench import Bench

__all__ = ["measure_pages"]

_FUXA = {
    "first load, kB": 9650.0,
    "first load, requests": 40.0,
    "second load, kB": 11300.0,
    "usable at once, ms": 1700.0,
    "usable at 10 Mbit/s, ms": 10400.0,
    "browser CPU, %": 2.7,
    "server CPU, %": 2.4,
    "socket, kB/s": 1.9,
}
"""From its default installation; the second load is of the page with a day of trend in it, which it sends anew."""
_SLOW = {"offline": False, "latency": 60, "downloadThroughput": 10e6 / 8, "uploadThroughput": 10e6 / 8}
_PATIENCE_S = 90.0
_VALUES = "/devices/1"
_CHROMIUM = "/usr/bin/chromium"


def measure_pages(bench: Bench) -> Table:
    """Bytes, times and CPU of the demonstration in a browser."""
    table = Table("Pages: the demonstration in Chromium", "ms until usable")
    fill(table, {"Sealbus": lambda: _measure(bench)}, bench.rounds)
    if (figure := table.figures.get("Sealbus")) is not None:
        for name, fuxa in _FUXA.items():
            value = figure.median if name == "usable at once, ms" else figure.beside[name]
            table.verdicts.append(TargetCheck(f"{name}, FUXA {fuxa:g}", value, value, value, Bound.AT_MOST, fuxa))
    return table


def _measure(bench: Bench) -> Measurement:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotMeasuredError("playwright is not installed") from None
    home, log, web = bench.new_folder("pages"), bench.new_folder("demo"), free_port()
    home.mkdir(mode=0o700)
    ports = ["--web-port", str(web), "--mbaps-port", str(free_port()), "--plant-port", str(free_port())]
    command = [sys.executable, "-m", "sealbus", "up", "--demo", "--home", str(home), *ports]
    with running(command, core=bench.cores.tested, log=log) as process, sync_playwright() as playwright:
        wait_for_port(web, process, log)
        session = _sign_in(home / "demo")
        browser = playwright.chromium.launch(executable_path=_CHROMIUM)
        loads = _loads(browser, f"http://127.0.0.1:{web}", session)
        loads |= _at_rest(bench, browser, f"http://127.0.0.1:{web}", session, process.pid)
        browser.close()
    return Measurement(loads.pop("usable at once, ms"), loads)


def _sign_in(home: Path) -> str:
    """The session of somebody who may see all. The site makes its tables before it listens, and its devices after."""
    made = subprocess.run(
        [sys.executable, "-c", _SESSION, str(home)], capture_output=True, text=True, check=True, cwd=PROJECT,
        timeout=_PATIENCE_S, env=os.environ | {"PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{PROJECT / 'tests'}"},
    )  # fmt: skip
    return made.stdout.split()[-1]


_SESSION = """
import os, sys, time
from pathlib import Path
from sealbus import web
web.boot(Path(sys.argv[1]), os.environ)
sys.path.insert(0, "tests/web")
import site_shell
from sealbus.web.devices.models import Tag
while not Tag.objects.exists():
    time.sleep(0.1)
print(site_shell.session(site_shell.user("bench", ["view"])))
"""


def _loads(browser: Browser, url: str, session: str) -> dict[str, float]:
    page, _ = _page(browser, url, session)
    found = {"usable at once, ms": _usable(page, "/"), **_sent(page, "first load")}
    page.goto("about:blank")
    _usable(page, "/")
    found["second load, kB"] = _sent(page, "second load")["second load, kB"]
    page.context.close()
    page, protocol = _page(browser, url, session)
    protocol.send("Network.enable")
    protocol.send("Network.emulateNetworkConditions", _SLOW)
    found["usable at 10 Mbit/s, ms"] = _usable(page, "/")
    page.context.close()
    return found


def _usable(page: Page, path: str) -> float:
    """Until the first live value is there."""
    start = time.monotonic()
    page.goto(path)
    page.wait_for_selector("html[data-link=live]")
    return (time.monotonic() - start) * 1000


def _sent(page: Page, what: str) -> dict[str, float]:
    page.wait_for_load_state("networkidle")
    sizes: list[int] = page.evaluate(
        """[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .map((entry) => entry.transferSize)"""
    )
    return {f"{what}, kB": sum(sizes) / 1000, f"{what}, requests": float(len(sizes))}


def _at_rest(bench: Bench, browser: Browser, url: str, session: str, process_id: int) -> dict[str, float]:
    page, protocol = _page(browser, url, session)
    received = [0]

    def count(event: dict[str, Any]) -> None:
        received[0] += len(event["response"]["payloadData"])

    protocol.on("Network.webSocketFrameReceived", count)
    protocol.send("Network.enable")
    _usable(page, _VALUES)
    protocol.send("Performance.enable")
    page.wait_for_timeout(bench.warmup_s * 1000)
    server = _web_process(process_id)
    before, cpu, bytes_before, start = _task_s(protocol), cpu_seconds(server), received[0], time.monotonic()
    page.wait_for_timeout(max(bench.seconds, 10.0) * 1000)
    seconds = time.monotonic() - start
    found = {
        "browser CPU, %": 100 * (_task_s(protocol) - before) / seconds,
        "server CPU, %": 100 * (cpu_seconds(server) - cpu) / seconds,
        "socket, kB/s": (received[0] - bytes_before) / seconds / 1000,
        "values": float(page.locator("sb-value").count()),
    }
    page.context.close()
    return found


def _page(browser: Browser, url: str, session: str) -> tuple[Page, CDPSession]:
    context = browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sealbus", "value": session, "url": url}])
    page = context.new_page()
    return page, context.new_cdp_session(page)


def _task_s(protocol: CDPSession) -> float:
    metrics = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def _web_process(process_id: int) -> int:
    for each in process_tree(process_id):
        with open(f"/proc/{each}/cmdline", "rb") as file:
            if b"\0web\0serve" in file.read():
                return each
    raise NotMeasuredError("the demonstration has no web process")
