"""Ctrl-C while a command is still importing its modules ends it by SIGINT, without output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_INTERRUPTED_IMPORT = """
import os, signal
os.kill(os.getpid(), signal.SIGINT)
raise SystemExit("went on")
"""


@pytest.mark.parametrize(
    "command", [("gateway", "g.toml"), ("ca", "list", "pki"), ("read", "tcp://127.0.0.1", "coils:0")]
)
def test_an_interrupt_during_imports_ends_the_command_without_a_traceback(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    for name in ("cryptography", "msgspec"):  # the first one imported by the command
        (tmp_path / f"{name}.py").write_text(_INTERRUPTED_IMPORT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "sealbus", *command],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # even if the tests run with SIGINT ignored
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_interrupt_of_a_running_command_is_one_line(tmp_path: Path) -> None:
    script = (
        "import os, signal; from sealbus.cli.exits import one_line_errors\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"  # as `main` does it
        "with one_line_errors(): os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "sealbus: interrupted\n")
