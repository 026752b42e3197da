"""What all tests share: the marker `needs`, and a last line that says which tests were skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from needs import NEEDS, missing

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.terminal import TerminalReporter


_ALONE = frozenset(
    {
        "test_a_client_that_never_reads_is_cut_off",
        "test_local_link",
        "test_silent_connects_stop_nobody",
    }
)
"""Files whose tests hold others to times: beside a worker that starts a whole site they would try patience, not promises."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs alone. Skip what needs a program that this machine lacks, and say which package brings it."""
    for item in items:
        if item.path.stem in _ALONE:
            item.add_marker(pytest.mark.alone)
    asked = {str(name) for item in items for mark in item.iter_markers("needs") for name in mark.args}
    if unknown := sorted(asked - NEEDS.keys()):
        raise pytest.UsageError(f"needs({', '.join(unknown)}): not in the table of tests/needs.py")
    lacking = set(missing(tuple(asked)))
    for item in items:
        wanted = [str(name) for mark in item.iter_markers("needs") for name in mark.args if name in lacking]
        if wanted:
            packages = " ".join(sorted({package for name in wanted for package in NEEDS[name].packages}))
            item.add_marker(pytest.mark.skip(f"needs {', '.join(wanted)}: Debian package {packages}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> Generator[None]:
    """After all else, one line, always: nobody should have to guess whether a green run left something out."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    names = sorted({report.nodeid.rpartition("::")[2] for report in skipped})
    terminalreporter.write_line(f"skipped: {len(skipped)}" + (f" ({', '.join(names)})" if names else ""))
