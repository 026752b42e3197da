"""Several collectors may be started for one site: one collects, and the others wait and take over when it is gone."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from databases import postgres_server
from scenarios.programs import Programs, run, sealbus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenarios.programs import Program

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.timeout(180)]

_AT_ONCE_S = 15.0
"""This includes the start of a process, and the twenty seconds until the lease of a dead collector ends."""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres_server() as server:
        yield server.database()


def _start(programs: Programs, database: str, home: Path) -> Program:
    command = sealbus("collect", "--home", home)
    return programs.start(home.name, "env", f"SEALBUS_DATABASE={database}", *command)


def test_a_waiting_collector_takes_over_and_a_restarted_one_waits(database: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with Programs() as programs:
        first = _start(programs, database, one)
        first.wait_for("^listening on", within_s=60)
        second = _start(programs, database, two)
        second.wait_for("^waiting until this is the collector", within_s=60)
        assert first.stop() == 0
        second.wait_for("^listening on", within_s=_AT_ONCE_S)

        second.process.kill()
        second.process.wait()
        _let_time_pass(database, "-1 hour")  # a heartbeat in the future delays no collector for longer than one of now
        second = _start(programs, database, two)
        second.wait_for("^waiting until this is the collector", within_s=60)
        second.wait_for("^listening on", within_s=60)

        first = _start(programs, database, one)
        first.wait_for("^waiting until this is the collector", within_s=60)
        second.process.send_signal(signal.SIGSTOP)
        _let_time_pass(database, "1 minute")
        first.wait_for("^listening on", within_s=_AT_ONCE_S)
        second.process.send_signal(signal.SIGCONT)
        second.wait_for("is the collector of this site now; this process waits", within_s=_AT_ONCE_S)
        second.wait_for("^waiting until this is the collector", within_s=_AT_ONCE_S)


def _let_time_pass(database: str, interval: str) -> None:
    """Make the last renewal of the lease older by `interval`."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE coordination_lease SET renewed_at = renewed_at - %s::interval", [interval])


def test_a_state_folder_has_one_collector(database: str, tmp_path: Path) -> None:
    with Programs() as programs:
        _start(programs, database, tmp_path / "home").wait_for("^(listening on|waiting)", within_s=60)
        again = run(
            "env", f"SEALBUS_DATABASE={database}", *sealbus("collect", "--home", tmp_path / "home"), within_s=60
        )
        assert again.status == 2
        assert "a collector runs in this state folder already; stop that process first" in again.output
