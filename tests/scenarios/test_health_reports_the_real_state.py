"""The site is ready only with all its parts. Without one it reports that; a stranger gets one word; it recovers by
itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from databases import postgres_server
from ports import free_ports
from scenarios.programs import run, sealbus
from scenarios.site_process import SiteProcess, open_site, refused_start
from web.live_site import running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databases import PostgresServer
    from web.live_site import Site

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.timeout(300)]

_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 90.0
_PARTS = """
import json, os, sys
from pathlib import Path
from sealbus import web
web.boot(Path(sys.argv[1]), os.environ)
from sealbus.web.coordination import leases
from sealbus.web.trends.health import current_health
if sys.argv[2:] == ["beat"]:
    leases.acquire_or_renew("collector/main", "a test")
print(json.dumps({part.name: part.problem for part in current_health().parts}))
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def _parts(home: Path, database: str, *words: str) -> dict[str, str]:
    """The parts as an administrator sees them, read in a separate process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEALBUS_", "DJANGO_"))}
    environment |= {"PYTHONPATH": str(_ROOT / "src"), **({"SEALBUS_DATABASE": database} if database else {})}
    command = [sys.executable, "-c", _PARTS, str(home), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _wait_for_status(site: SiteProcess, path: str, status: int) -> dict[str, str]:
    end = time.monotonic() + _DEADLINE_S
    while (answer := site.get(path)).status_code != status:
        assert time.monotonic() < end, (path, answer.status_code, answer.text)
        time.sleep(0.1)
    parts: dict[str, str] = answer.json()
    return parts


def test_the_loss_and_the_return_of_the_database_are_reported(postgres: PostgresServer, tmp_path: Path) -> None:
    database = postgres.database()
    refused = refused_start(tmp_path, SEALBUS_DATABASE=database)
    assert (refused.status, "run sealbus web migrate" in refused.stderr) == (2, True)
    home = tmp_path / "home"
    made = run("env", f"SEALBUS_DATABASE={database}", *sealbus("web", "migrate", "--home", home), within_s=60)
    assert made.status == 0, made.output
    with open_site(tmp_path, SEALBUS_DATABASE=database) as site:
        parts = _parts(home, database)
        assert {name for name in parts if not parts[name]} >= {"database", "audit", "history", "disk"}
        assert "lease" in parts["collector"]
        assert not _parts(home, database, "beat")["collector"]
        postgres.kill()
        assert _wait_for_status(site, "/health/ready", 503) == {"status": "not ready"}
        assert site.get("/health/live").json() == {"status": "alive"}
        page = site.get("/api/v1/audit/entries", headers={"Authorization": "Token sealbus_" + "0" * 64})
        assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
        assert page.json()["type"] == "unavailable"
        assert "postgres" not in page.text.lower()
        postgres.start()
        end = time.monotonic() + _DEADLINE_S
        while site.get("/api/v1/audit/entries", headers={"Authorization": "Token sealbus_no"}).status_code != 401:
            assert time.monotonic() < end
            time.sleep(0.1)
    output = "\n".join(site.program.lines)
    assert "the database does not answer: " in output
    assert "Traceback" not in output
    assert "OperationalError" not in output, "a name of a class is no reason"


def test_a_site_waits_for_its_database(postgres: PostgresServer, tmp_path: Path) -> None:
    with (
        socket.socket() as bound
    ):  # bound but not listening, so that no other program, such as the site, takes the port
        bound.bind(("127.0.0.1", 0))
        _waits_for_a_database_at(bound.getsockname()[1], tmp_path)


def _waits_for_a_database_at(port: int, tmp_path: Path) -> None:
    away = f"postgresql://sealbus:correct-horse-battery@127.0.0.1:{port}/site"
    migrated = run("env", f"SEALBUS_DATABASE={away}", *sealbus("web", "migrate", "--home", tmp_path / "home"))
    assert migrated.status == 2
    assert f"127.0.0.1:{port}/site" in migrated.stderr
    assert "correct-horse-battery" not in migrated.output
    with open_site(tmp_path, SEALBUS_DATABASE=away) as site:
        assert site.get("/health/live").status_code == 200
        assert site.get("/health/ready").status_code == 503


async def test_ready_needs_every_part(tmp_path: Path) -> None:
    with running_site(tmp_path / "site") as site:
        plain = SiteProcess(site.home, site.port, None, None)  # type: ignore[arg-type]  # only its address
        with contextlib.closing(sqlite3.connect(site.home / "history.sqlite3")) as history:
            history.execute("CREATE TABLE IF NOT EXISTS meta_of_this_test (a)")
        async with site.collector():
            beating = asyncio.create_task(_keep_beating(site))
            assert not any((await asyncio.to_thread(_parts, site.home, "", "beat")).values())
            assert await asyncio.to_thread(_wait_for_status, plain, "/health/ready", 200) == {"status": "ready"}
            beating.cancel()
        await asyncio.to_thread(_wait_for_status, plain, "/health/ready", 503)


async def _keep_beating(site: Site) -> None:
    while True:
        await asyncio.to_thread(site.do, "renew_lease")
        await asyncio.sleep(1)


def test_the_metrics_agree_with_the_health_page(tmp_path: Path) -> None:
    port = free_ports(2) + 1  # the site uses the first
    with open_site(tmp_path, SEALBUS_METRICS=f"127.0.0.1:{port}") as site:
        assert site.get("/nowhere").status_code == 404
        assert site.get("/health/ready").status_code == 503
        lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
        assert 'sealbus_site_answers_total{status="404"} 1.0' in lines
        assert 'sealbus_site_part_ok{part="database"} 1.0' in lines
        assert 'sealbus_site_part_ok{part="collector"} 0.0' in lines


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(*sealbus("web", "migrate", "--home", home), within_s=60).status == 0
    with sqlite3.connect(home / "sealbus.sqlite3") as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('audit', '0099_later', '2030-01-01')"
        )
    database.close()
    refused = refused_start(tmp_path)
    assert refused.status == 2
    assert "made by a newer version: it has the migration audit.0099_later" in refused.stderr
