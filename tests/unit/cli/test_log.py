"""With `--log json` each line on stderr is JSON, from every source."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_STARTED = "from sealbus.cli.log import LogFormat, print_line, start_log\nstart_log(LogFormat.JSON)\n"


@pytest.mark.parametrize(
    ("program", "level", "message"),
    [
        ("import logging; logging.getLogger('sealbus.gateway').info('up')", "info", "up"),
        ("import logging; logging.getLogger('asyncio').error('lost')", "error", "lost"),
        ("import warnings; warnings.warn('old')", "warning", "old"),
        ("print_line('listening on tcp://127.0.0.1:502')", "info", "listening on tcp://127.0.0.1:502"),
        ("from sealbus.cli.exits import quit_with; quit_with('no such file', 2)", "error", "sealbus: no such file"),
        ("raise ValueError('two\\nlines')", "critical", "two\nlines"),
        ("import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", "critical", "division"),
    ],
)
def test_every_line_is_json(program: str, level: str, message: str) -> None:
    done = subprocess.run([sys.executable, "-c", _STARTED + program], capture_output=True, text=True, check=False)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert line["level"] == level
    assert message in line["message"]


@pytest.mark.parametrize(
    "command",
    [
        ["gateway", "no-such-file.toml"],
        ["gateway", "--check", "no-such-file.toml"],
        ["collect", "--records", "no-folder"],
        ["wrap", "tcp://127.0.0.1:0", "tcp://127.0.0.1:1", "--certificate", "c", "--key", "k", "--trust", "t"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_error_of_a_failed_start_is_json(command: list[str]) -> None:
    program = [sys.executable, "-m", "sealbus", *command, "--log", "json"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["level"], done.returncode) == ("error", 2)
    assert line["message"].startswith("sealbus: ")


def test_a_plain_log_has_the_same_lines_as_text() -> None:
    program = (
        _STARTED.replace("JSON", "PLAIN")
        + "print_line('listening on x'); import logging\nlogging.getLogger('sealbus').info('up\\x1b')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    first, second = done.stderr.splitlines()
    assert first == "listening on x"
    assert second.endswith("info    up\\x1b")
