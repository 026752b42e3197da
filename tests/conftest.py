"""Shared by all tests: the marker `needs`, default signal dispositions, and a last line with the skipped tests."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from needs import NEEDS, missing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from _pytest.terminal import TerminalReporter


settings.register_profile("sealbus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sealbus")  # without it an example of hypothesis must end within 200 ms: a test of the machine

_INHERITED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def pytest_configure(config: pytest.Config) -> None:
    """Replace "ignore" by a handler that does nothing.

    `nohup` and a job in the background of a script start a run with signals ignored, and a child process inherits that.
    A handler is not inherited: the run still ignores the signal, and each program that a test starts has the default.
    """
    for number in _INHERITED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Undo what a command that runs in this process does to the log: it writes to the stderr of that test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    logging.captureWarnings(False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need a program which this machine lacks; the reason names its Debian package."""
    asked = {str(name) for item in items for mark in item.iter_markers("needs") for name in mark.args}
    if unknown := sorted(asked - NEEDS.keys()):
        raise pytest.UsageError(f"needs({', '.join(unknown)}): not in the table of tests/needs.py")
    lacking = set(missing(tuple(asked)))
    for item in items:
        wanted = [str(name) for mark in item.iter_markers("needs") for name in mark.args if name in lacking]
        if wanted:
            packages = " ".join(sorted({package for name in wanted for package in NEEDS[name].packages}))
            item.add_marker(pytest.mark.skip(f"needs {', '.join(wanted)}: Debian package {packages}"))


class _Files(LoadFileScheduling):  # type: ignore[misc]  # untyped library
    """Each file to one worker, and all browser tests to one: several browsers at a time slow each other down."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/browser" if nodeid.startswith("tests/browser/") else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Files | None:
    """None: the scheduler that the command line names."""
    return _Files(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> Generator[None]:
    """Always end with one line that counts and names the skipped tests."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    names = sorted({report.nodeid.rpartition("::")[2] for report in skipped})
    terminalreporter.write_line(f"skipped: {len(skipped)}" + (f" ({', '.join(names)})" if names else ""))
