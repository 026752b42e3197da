"""Several processes write one chain, and some are killed. On both engines."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from databases import postgres_server
from sealbus.records import Limits, Outcome, RecordLog, WriteOutcome, WriteRequested, newest_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databases import PostgresServer

_ROOT = Path(__file__).resolve().parents[2]
_PROCESSES = 4
_EACH = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


class Site:
    """A state folder and the environment of its processes."""

    def __init__(self, home: Path, database: str) -> None:
        self.home = home
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("SEALBUS_", "DJANGO_"))
        }
        self.environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tests")])
        if database:
            self.environment["SEALBUS_DATABASE"] = database

    def start(self, *words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "web.audit_work", str(self.home), *map(str, words)]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: object) -> str:
        process = self.start(*words)
        said, wrong = process.communicate(timeout=200)
        assert process.returncode == 0, wrong
        return said


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres").database()
    site = Site(tmp_path / "home", database)
    site.run("migrate")
    return site


@pytest.mark.timeout(400)
def test_entries_of_several_processes_are_one_chain_without_gaps(site: Site) -> None:
    processes = [site.start("append", _EACH) for _ in range(_PROCESSES)]
    for process in processes:
        _, wrong = process.communicate(timeout=200)
        assert process.returncode == 0, wrong
    verdict = json.loads(site.run("verify"))
    assert verdict["finding"] is None
    assert verdict["entries"] == _PROCESSES * _EACH * 4 // 5, "a fifth of them were rolled back"


@pytest.mark.timeout(400)  # it starts a process for each round, on any machine
def test_records_are_taken_exactly_once_through_kill_9_at_any_moment(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    log = RecordLog.open(folder, gateway="plant-7", limits=Limits(segment_bytes=65536, bound_bytes=200 * 65536))
    for _ in range(5):
        _write_many(log, 400)
        with site.start("take", folder) as taker:
            assert taker.stdout is not None
            taker.stdout.readline()  # the first look took, or passed over, at least something
            _write_many(log, random.randint(1, 400))
            for _ in range(random.randint(0, 2)):
                taker.stdout.readline()
            taker.kill()
    log.close()
    with site.start("take", folder) as taker:
        assert taker.stdout is not None
        while (line := taker.stdout.readline()) != "0\n":
            assert line, "it ended before all was taken"
        taker.kill()
    taken = [line.split() for line in site.run("taken").splitlines()]
    assert [int(number) for number, _ in taken] == list(range(1, newest_sequence(folder) + 1))
    assert {action for _, action in taken} <= {"gateway.write_requested", "gateway.write_outcome"}
    assert json.loads(site.run("verify"))["finding"] is None


def _write_many(log: RecordLog, count: int) -> None:
    for _ in range(count):
        request = log.append(
            WriteRequested(connection=1, peer="203.0.113.7:1", unit=1, function=6, device="d", values=(1,))
        )
        log.append(WriteOutcome(request=request, outcome=Outcome.DONE))
