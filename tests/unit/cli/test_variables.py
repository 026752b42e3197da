"""A misspelt variable is refused by every command, before it does anything, with the name that was meant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from sealbus.cli.app import _VERBS, _load, app

if TYPE_CHECKING:
    from pathlib import Path

_WORDS: dict[str, str] = {
    "audit show": "records",
    "audit verify": "records",
    "ca init": "ca",
    "ca issue": "ca pump",
    "ca list": "ca",
    "ca renew-crl": "ca",
    "ca revoke": "ca pump",
    "ca show": "pump.crt",
    "ca sign": "ca pump.csr",
    "check": "mbaps://127.0.0.1:1",
    "collect": "",
    "gateway": "gateway.toml",
    "policy check": "policy.toml",
    "policy explain": "policy.toml --role Viewer --unit 1 --function 3 --address 0",
    "read": "tcp://127.0.0.1:1 holding:0",
    "simulate": "pumping-station",
    "up": "",
    "web audit": "verify",
    "web emergency-link": "",
    "web import": "site.json",
    "web migrate": "",
    "web password-link": "anna",
    "web serve": "",
    "web setup-link": "",
    "wrap": "tcp://127.0.0.1:1 mbaps://127.0.0.1:1 --certificate a.crt --key a.key --trust ca.crt",
    "write": "tcp://127.0.0.1:1 holding:0 1",
}
_PRINTS_ONLY = {"policy example"}
_LOGGING = {"collect", "gateway", "web serve", "wrap"}
"""Processes of their own in the test: they set up the log of the whole process."""


_SAID = "sealbus: SEALBUS_HOEM: there is no such variable; did you mean SEALBUS_HOME? Or remove it"


def _commands() -> set[str]:
    found = set()
    for name in _VERBS:
        command: Any = _load(name)
        inner = getattr(command, "commands", None)
        found |= {name} if inner is None else {f"{name} {each}" for each in inner}
    return found


def test_every_command_is_tried() -> None:
    assert _commands() - _PRINTS_ONLY == set(_WORDS)


@pytest.mark.parametrize("command", sorted(set(_WORDS) - _LOGGING))
def test_a_misspelt_variable_ends_a_command_before_it_does_anything(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*command.split(), *_WORDS[command].split()]
    done = CliRunner().invoke(app, words, env={"SEALBUS_HOEM": str(tmp_path / "home"), "SEALBUS_HOME": None})
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.splitlines() == [_SAID]
    assert list(tmp_path.iterdir()) == []


def test_a_known_variable_and_the_help_pass(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ca", "init", str(tmp_path / "ca")], env={"SEALBUS_HOME": str(tmp_path / "home")})
    assert done.exit_code == 0, done.output
    shown = CliRunner().invoke(app, ["gateway", "--help"], env={"SEALBUS_HOEM": str(tmp_path)})
    assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize("command", sorted(_LOGGING))
def test_the_refusal_is_a_line_of_the_log(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = "from sealbus.cli import main; main()"
    words = [*command.split(), *_WORDS[command].split(), "--log", "json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALBUS_")}
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**environment, "SEALBUS_HOEM": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 2, done.stderr
    assert _SAID in str(json.loads(done.stderr))
    assert list(tmp_path.iterdir()) == []
