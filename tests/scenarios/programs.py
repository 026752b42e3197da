"""Start programs, ours and others, read their output line by line, and stop them at the end of the test.

    with Programs() as programs:
        device = programs.start("device", compiled("device"))
        port = device.wait_for(r"port (\\d+)")[1]
        application = programs.start("application", compiled("application"), port)
        assert application.request("holding 0 3") == "ok 0 0 0"

stdout and stderr of a program are one stream of lines. A test waits for a line and never for a fixed time; if the line
does not arrive, the test fails with the whole output.
"""

from __future__ import annotations

import contextlib
import queue
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Done", "Program", "Programs", "compile_program", "run", "run_sealbus", "sealbus"]

_PATIENCE_S = 60.0
_FOREIGN = Path(__file__).parent / "foreign"


@dataclass(frozen=True)
class Done:
    """A program that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def sealbus(*words: object) -> list[str]:
    """The command line of a `sealbus` verb, run by this interpreter."""
    return [sys.executable, "-m", "sealbus", *map(str, words)]


def run(*command: object, input: str | bytes = b"", within_s: float = _PATIENCE_S) -> Done:
    """Run a program to its end and return its status and output. The caller asserts the status."""
    done = subprocess.run(
        list(map(str, command)),
        input=input.encode() if isinstance(input, str) else input,
        capture_output=True,
        timeout=within_s,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def run_sealbus(*words: object) -> Done:
    """Run a `sealbus` verb to its end."""
    return run(*sealbus(*words))


def compile_program(name: str, folder: Path) -> Path:
    """Compile foreign/NAME.c, which uses libmodbus, into `folder`."""
    flags = run("pkg-config", "--cflags", "--libs", "libmodbus").stdout.split()
    built = run("gcc", "-std=gnu11", "-O1", "-Wall", "-Werror", _FOREIGN / f"{name}.c", "-o", folder / name, *flags)
    assert built.status == 0, built.output
    return folder / name


@dataclass
class Program:
    """A running program. `lines` are the lines read so far."""

    name: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _coming: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, *, within_s: float = _PATIENCE_S) -> re.Match[str]:
        """Read lines until one contains `pattern`."""
        end = time.monotonic() + within_s
        while True:
            if found := re.search(pattern, self._next(end, pattern)):
                return found

    def wait_for_all(self, *patterns: str, within_s: float = _PATIENCE_S) -> None:
        """Read lines until each pattern was in one of them, in any order."""
        end, missing = time.monotonic() + within_s, set(patterns)
        while missing:
            line = self._next(end, " and ".join(sorted(missing)))
            missing = {pattern for pattern in missing if not re.search(pattern, line)}

    def request(self, line: str) -> str:
        """Write a line to stdin and read the next line of output."""
        assert self.process.stdin is not None
        with contextlib.suppress(
            BrokenPipeError
        ):  # it may have ended: then the read below fails the test with its output
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        return self._next(time.monotonic() + _PATIENCE_S, f"an answer to {line!r}")

    def read_line(self) -> str:
        """Read the next line of output."""
        return self._next(time.monotonic() + _PATIENCE_S, "anything more")

    def stop(self) -> int:
        """Send SIGTERM and return the exit status. A program that does not end in time is killed. Completes `lines`."""
        self.process.terminate()
        try:
            status = self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join(_PATIENCE_S)
        with contextlib.suppress(queue.Empty):
            while True:
                self.lines += [line for line in (self._coming.get_nowait(),) if line is not None]
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()
        return status

    def _next(self, end: float, wanted: str) -> str:
        try:
            line = self._coming.get(timeout=max(end - time.monotonic(), 0.001))
        except queue.Empty:
            line = None
        if line is None:
            output = "\n".join(self.lines) or "nothing"
            pytest.fail(f"{self.name} did not print {wanted}; its output:\n{output}")
        self.lines.append(line)
        return line

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)


class Programs:
    """The programs of one test. They are stopped at its end, the newest first."""

    def __init__(self) -> None:
        self._running: list[Program] = []

    def start(self, name: str, *command: object) -> Program:
        """Start a program with a pipe at each end."""
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._running.append(Program(name, process))
        return self._running[-1]

    def __enter__(self) -> Programs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._running:
            self._running.pop().stop()
