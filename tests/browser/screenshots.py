"""Pictures of every page, wide and on a phone, in the palettes: `make screenshots` writes them to build/screenshots.

The site is the demonstration, on ports of its own. The pictures are for people to look at; no test compares them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from browser.paths import ENTRY, PATHS
from needs import program_path
from ports import free_ports

_SIZES = {"desk": (1440, 900), "phone": (390, 844), "tablet": (768, 1024), "wall": (3840, 2160)}
_LOOKS = (
    ("desk", "day"),
    ("desk", "dusk"),
    ("desk", "night"),
    ("phone", "day"),
    ("phone", "dusk"),
    ("phone", "night"),
    ("tablet", "day"),
)
_START_S = 60.0


def main(folder: Path, seconds: float) -> int:
    """Start the demonstration, let it run for so long, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        web, mbaps, plant = free_ports(1), free_ports(1), free_ports(3)
        ports = ["--web-port", str(web), "--mbaps-port", str(mbaps), "--plant-port", str(plant)]
        command = [sys.executable, "-m", "sealbus", "up", "--demo", "--home", home, *ports]
        with (Path(home) / "log").open("w") as log:
            site = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            session = _session(Path(home) / "demo")
            time.sleep(seconds)
            return _take(f"http://127.0.0.1:{web}", session, folder)
        finally:
            site.terminate()
            site.wait()


def _session(home: Path) -> str:
    """The session of somebody who may do everything. The site makes its tables first."""
    deadline = time.monotonic() + _START_S
    while not (home / "history.sqlite3").exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"the demonstration did not start: {(home.parent / 'log').read_text()}")
        time.sleep(0.2)
    from sealbus import web

    web.boot(home, os.environ)
    from web import site_shell

    actions = ["view", "acknowledge", "write", "configure", "administer", "audit"]
    return site_shell.session(site_shell.user("Maria Roth", actions))


def _take(url: str, session: str, folder: Path) -> int:
    from playwright.sync_api import sync_playwright

    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program_path("chromium"))
        for size, palette in _LOOKS:
            width, height = _SIZES[size]
            context = browser.new_context(base_url=url, viewport={"width": width, "height": height})
            cookies: list[Any] = [{"name": "sealbus-palette", "value": palette, "url": url}]
            for name, template in PATHS.items():
                path = template.format(device=1, tag=3)
                signed_in = [] if path in ENTRY else [{"name": "sealbus", "value": session, "url": url}]
                context.clear_cookies()
                context.add_cookies(cookies + signed_in)
                page = context.new_page()
                answer = page.goto(path)
                page.wait_for_timeout(1200)
                page.screenshot(path=folder / f"{name}-{size}-{palette}.png")
                if answer is None or answer.status != 200:
                    failed += 1
                    sys.stderr.write(f"{path}: {answer and answer.status}\n")
                page.close()
            context.close()
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 60.0))
