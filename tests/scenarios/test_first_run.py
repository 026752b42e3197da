"""The commands that a demonstration prints at its start do what the printed tour says."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ports import free_ports
from scenarios.programs import Done, Programs, run, run_sealbus, sealbus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scenarios.programs import Program

pytestmark = pytest.mark.timeout(300)  # each test starts several processes, some of them twice

_LAST_LINE = "Ctrl-C stops everything"
_INDENT = "    "
_PATIENCE_S = 60.0
_START_S = 120.0


@dataclass(frozen=True)
class _Home:
    """The folder of a demonstration, with a space in its name, and its five ports."""

    folder: Path
    port: int

    @property
    def words(self) -> list[str]:
        ports = ["--mbaps-port", str(self.port), "--plant-port", str(self.port + 1), "--web-port", str(self.port + 4)]
        return ["up", "--demo", "--home", str(self.folder), *ports]

    @property
    def gateway_file(self) -> Path:
        return self.folder / "demo" / "gateway.toml"


@pytest.fixture
def home(tmp_path: Path) -> _Home:
    return _Home(tmp_path / "my plant", free_ports(5))


@pytest.fixture
def programs() -> Iterator[Programs]:
    with Programs() as programs:
        yield programs


def _start(programs: Programs, home: _Home) -> Program:
    program = programs.start("demonstration", *sealbus(*home.words))
    program.wait_for(_LAST_LINE, within_s=_START_S)
    return program


def _commands(lines: list[str]) -> list[str]:
    """The commands of the tour: indented lines, joined where a line ends with a backslash."""
    pasted = "\n".join(line.removeprefix(_INDENT) for line in lines if line.startswith(_INDENT))
    return pasted.replace("\\\n", "").splitlines()


def _paste(folder: str, command: str) -> Done:
    return run("sh", "-c", f"{folder} && {command}")


def test_every_command_of_the_tour_works_and_a_kill_leaves_no_process(programs: Programs, home: _Home) -> None:
    tour = _start(programs, home)
    assert "1. The Viewer reads the level of the tank, in metres." in tour.lines
    _check_every_command_of_the_tour(tour)

    busy = run_sealbus(*home.words)
    assert busy.status == 2
    assert "the demonstration runs here already" in busy.stderr

    children = _children(tour)
    assert len(children) == 4
    tour.process.kill()
    _wait_until_ended(children)


def _check_every_command_of_the_tour(tour: Program) -> None:
    folder, *commands = _commands(tour.lines)
    assert folder.startswith("cd ")
    read, refused, accepted, outside, show, verify = [_paste(folder, command) for command in commands]

    assert (read.status, read.stderr) == (0, "")
    assert 0.5 < float(read.stdout) < 5.0
    assert refused.status == 1
    assert "exception 01" in refused.stderr
    assert (accepted.status, accepted.stdout) == (0, "written: holding:100 = 750\n")
    assert outside.status == 1
    assert "exception 01" in outside.stderr
    assert show.status == 0
    assert re.search(r"denied.*Viewer", show.stdout)
    assert re.search(r"denied.*Operator", show.stdout)
    assert len(re.findall(r"write.requested", show.stdout)) == 1
    assert len(re.findall(r"write.outcome.*done", show.stdout)) == 1
    assert verify.status == 0, verify.output


def test_a_dead_process_is_restarted_and_the_next_start_reuses_the_folder(programs: Programs, home: _Home) -> None:
    first = _start(programs, home)
    tour, certificate = _commands(first.lines), (home.folder / "demo" / "viewer.crt").read_bytes()
    verbs = {"gateway": "gateway", "plant": "simulate", "collector": "collect", "site": "serve"}
    before = _children(first)
    for verb in verbs.values():
        (child,) = [child for child, words in before.items() if verb in words]
        os.kill(child, signal.SIGKILL)
    first.wait_for_all(
        *(f"the {name} ended with status -9; restart in 0.5 s" for name in verbs),
        *(f"the {name} is running again" for name in verbs),
        within_s=_START_S,
    )
    assert _paste("true", tour[1]).status == 0
    children = _children(first)
    assert len(children) == 4
    assert not children.keys() & before.keys()
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(_PATIENCE_S) == 0
    assert not any(map(_is_alive, children)), "no process remains after a stop"
    shown = run_sealbus("audit", "show", home.folder / "demo" / "records")
    assert "stopped" in shown.stdout.splitlines()[-1]

    words = ["up", "--demo", "--web-port", str(home.port + 4)]
    second = programs.start("demonstration", "env", f"SEALBUS_HOME={home.folder}", *sealbus(*words))
    second.wait_for(_LAST_LINE, within_s=_START_S)
    assert (home.folder / "demo" / "viewer.crt").read_bytes() == certificate
    assert _commands(second.lines) == tour, "the ports of the first start are used again"


def test_a_port_in_use_is_reported_with_the_option_that_changes_it(home: _Home) -> None:
    for offset, option in ((0, "--mbaps-port"), (2, "--plant-port"), (4, "--web-port")):
        with socket.create_server(("127.0.0.1", home.port + offset)):
            done = run_sealbus(*home.words)
        assert (done.status, done.stdout) == (2, "")
        assert f"port {home.port + offset}" in done.stderr
        assert option in done.stderr
        assert done.stderr.count("\n") == 1


def test_an_invalid_gateway_file_is_reported_before_any_process_starts(home: _Home) -> None:
    home.gateway_file.parent.mkdir(parents=True)
    home.gateway_file.write_text(
        '[[listener]]\nurl = "mbaps://127.0.0.1:8802"\npolicy = "policy.toml"\n'
        '[[listener.device]]\nunits = "900"\nurl = "tcp://127.0.0.1:5020"\n'
    )
    done = run_sealbus(*home.words)
    assert (done.status, done.stdout) == (2, "")
    assert "gateway.toml:5" in done.stderr
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", home.port + 1)) != 0


def test_without_demo_the_ports_of_the_demonstration_are_refused(tmp_path: Path) -> None:
    done = run_sealbus("up", "--home", tmp_path, "--mbaps-port", 8802)
    assert (done.status, done.stdout) == (2, "")
    assert "add --demo" in done.stderr


def test_without_demo_a_site_runs_with_the_files_of_its_folder(programs: Programs, tmp_path: Path) -> None:
    port = free_ports(1)
    site = programs.start("site", *sealbus("up", "--home", tmp_path, "--web-port", port))
    assert f"127.0.0.1:{port}" in site.wait_for(r"(http\S+/setup#\S+)", within_s=_START_S)[1]
    assert sorted(words[4] for words in _children(site).values()) == ["collect", "web"], (
        "no gateway starts without gateway.toml"
    )
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(_PATIENCE_S) == 0


def test_an_unknown_plant_is_an_error_that_lists_the_known_ones() -> None:
    done = run_sealbus("simulate", "oil-rig")
    assert done.status == 2
    assert "write one of: pumping-station" in done.stderr


def _children(program: Program) -> dict[int, list[str]]:
    """Process ids and command lines of the children of a program."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            words = (stat.parent / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # the process has just ended
            continue
        if parent == program.process.pid:
            found[int(stat.parent.name)] = words
    return found


def _wait_until_ended(children: Iterable[int]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while any(map(_is_alive, children)):
        assert time.monotonic() < end, "processes still run"
        time.sleep(0.02)


def _is_alive(process_id: int) -> bool:
    """Whether a process runs. A zombie does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
