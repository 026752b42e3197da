"""The commands of the README work line by line and print the output that it shows.

The test writes the files as they stand there, runs the lines after `$ ` in a shell, and compares all output with the
text below them. It changes two things first: the ports, to free ones, and with them the command of the simulated
plant, which the README leaves at its default ports. Text that differs between runs is masked on both sides.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pki
from ports import free_ports
from scenarios.programs import Done, Programs, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenarios.programs import Program

_README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_PORTS = ("5020", "5021", "5022", "1502", "8802", "8803", "8804")
_VARIES = {
    r"\b[0-9a-f]{64}\b": "HASH",
    r"\b[0-9A-F]{36,40}\b": "SERIAL",
    r"\b\d{4}-\d\d-\d\dT[\d:.]+Z": "TIME",
    r"\b\d{4}-\d\d-\d\d\b": "DATE",
    r"(?<=peer=127\.0\.0\.1:)\d+": "PORT",
    r"(?<=^level )\d+$": "LEVEL",
}


@dataclass(frozen=True)
class _Step:
    """A command and the output that the README shows below it."""

    command: str
    shown: str

    @property
    def is_background(self) -> bool:
        return self.command.endswith("&")


class _Reader:
    """A user with a shell in an empty folder, and the README with free ports."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        first = free_ports(len(_PORTS))
        self.port_of = {port: str(first + place) for place, port in enumerate(_PORTS)}
        self.folder = folder
        self._programs = programs

    def blocks(self, kind: str, heading: str) -> list[str]:
        """The code blocks of one kind under a heading."""
        found = re.search(rf"^## {heading}$(.*?)^## ", _README, re.MULTILINE | re.DOTALL)
        assert found, heading
        text = re.sub(r"\b(?:" + "|".join(_PORTS) + r")\b", lambda port: self.port_of[port[0]], found[1])
        return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    def steps(self) -> list[_Step]:
        """All commands of the five minutes, in order."""
        typed = "".join(self.blocks("console", _FIVE_MINUTES))
        parts = re.split(r"^\$ (.*)\n", typed, flags=re.MULTILINE)
        assert parts[0] == ""
        return [_Step(command, shown) for command, shown in zip(parts[1::2], parts[2::2], strict=True)]

    def write_files(self) -> None:
        (application,) = self.blocks("c", _FIVE_MINUTES)
        gateway, policy = self.blocks("toml", _FIVE_MINUTES)
        for name, text in (("app.c", application), ("gateway.toml", gateway), ("policy.toml", policy)):
            (self.folder / name).write_text(text)

    def type(self, step: _Step) -> str:
        """Run the command and return its output; for a background command as many lines as the README shows."""
        if not step.is_background:
            return self.run("sh", "-c", step.command).output
        program = self.start("sh", "-c", f"exec {self._at_free_ports(step.command.rstrip('& '))}")
        return "".join(f"{program.read_line()}\n" for _ in step.shown.splitlines())

    def run(self, *command: str) -> Done:
        return run(*self._here(command))

    def start(self, *command: str) -> Program:
        return self._programs.start(shlex.join(command), *self._here(command))

    def _here(self, command: tuple[str, ...]) -> list[str]:
        """The command in this folder, with the `sealbus` of this environment on the PATH and its own state folder."""
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        return ["env", "-C", str(self.folder), f"PATH={path}", f"SEALBUS_HOME={self.folder / 'state'}", *command]

    def _at_free_ports(self, command: str) -> str:
        return f"{command} --port {self.port_of['5020']}" if command == "sealbus simulate" else command


_FIVE_MINUTES = "Seal a libmodbus application in five minutes"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[_Reader]:
    with Programs() as programs:
        yield _Reader(tmp_path, programs)


def _masked(text: str) -> str:
    for pattern, name in _VARIES.items():
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def _wait_for_port(port: str) -> None:
    end = time.monotonic() + 60.0
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                return
        assert time.monotonic() < end, f"no program listens on {port}"
        time.sleep(0.02)


INVERTER = """
import asyncio, sealbus
policy = '[[role]]\\nname = "Operator"\\n[[role.allow]]\\nunits = 1\\nread = ["holding"]\\nwrite = ["holding"]\\n'
open("inverter.toml", "w").write(policy)

async def main():
    device = sealbus.Device({"holding": [0] * 100})
    own = sealbus.Identity.load("own.crt", "own.key")
    server = sealbus.serve("mbaps://127.0.0.1:PORT", device, policy="inverter.toml", identity=own, trust="pki/ca.crt")
    await server.serve_forever()

asyncio.run(main())
"""
"""A device that takes Modbus in TLS only. Its certificate is its own, and it trusts the authority that was uploaded."""


@pytest.mark.needs("openssl")
def test_the_ten_lines_write_to_a_device_that_takes_tls_only(reader: _Reader) -> None:
    (block,) = reader.blocks("sh", "Write to a device that takes TLS only")
    lines = block.splitlines()
    assert len(lines) <= 10
    init, issue, upload, fetch, compare, own, check, wrap, write = lines
    for line in (init, issue):
        assert reader.run("sh", "-c", line).status == 0
    assert upload.startswith("#")
    pki.make_leaf(None, "inverter", hosts=["inverter.example"]).save(reader.folder, "own")
    port = reader.port_of["8804"]
    reader.start(sys.executable, "-c", INVERTER.replace("PORT", port))
    _wait_for_port(port)
    for line in (fetch, compare):
        assert reader.run("sh", "-c", line).status == 0
    checked = reader.run("sh", "-c", f"{own}\n{check}")
    assert checked.status == 0, checked.output
    assert "accepted: each side accepts the certificate of the other" in checked.stdout
    program = reader.start("sh", "-c", f"{own}\nexec {wrap.removesuffix('&')}")
    assert program.read_line() == f"listening on tcp://127.0.0.1:{reader.port_of['1502']}"
    assert reader.run("sh", "-c", write).stdout == "written: holding:40 = 500\n"
    assert reader.run("sealbus", "read", f"tcp://127.0.0.1:{reader.port_of['1502']}", "holding:40").stdout == "500\n"

    other = reader.run("sh", "-c", f"{own}\n{check.replace('?name=inverter.example', '')}")
    assert other.status == 1, "without its name the device is refused"
    assert "its certificate is for another host: inverter.example" in other.stdout


@pytest.mark.needs("gcc", "pkg-config", "libmodbus")
def test_the_five_minutes_of_the_readme_seal_a_libmodbus_application(reader: _Reader) -> None:
    reader.write_files()
    steps = reader.steps()
    assert len(steps) > 8
    shown = "".join(f"$ {step.command}\n{step.shown}" for step in steps)
    seen = "".join(f"$ {step.command}\n{reader.type(step)}" for step in steps)
    assert _masked(seen) == _masked(shown)

    client, _ = reader.blocks("python", "In Python")
    done = reader.run(sys.executable, "-c", client)
    assert done.status == 0, done.output
    assert re.fullmatch(r"\[\d+, \d+, \d+, \d+\]\n", done.output)
    writes = reader.run("sealbus", "audit", "show", "records", "--kind", "write_requested").stdout.splitlines()
    assert ["values=700" in write for write in writes] == [True, True]


def test_the_device_in_ten_lines_answers_roles_of_its_policy_only(reader: _Reader) -> None:
    reader.write_files()
    for step in reader.steps():
        if step.command.startswith("sealbus ca "):
            assert _masked(reader.type(step)) == _masked(step.shown)
    _, device = reader.blocks("python", "In Python")
    reader.start(sys.executable, "-c", device)
    _wait_for_port(reader.port_of["8803"])
    url = f"mbaps://127.0.0.1:{reader.port_of['8803']}"
    operator = ["--certificate", "pki/operator.crt", "--key", "pki/operator.key", "--trust", "pki/ca.crt"]
    assert reader.run("sealbus", "read", url, "coils:0", *operator).output == "on\n"
    assert reader.run("sealbus", "read", url, "holding:99", *operator).output == "0\n"
    refused = reader.run("sealbus", "write", url, "holding:0", "7", *operator)
    assert (refused.status, refused.stdout) == (1, "")
    assert "exception 01" in refused.stderr
