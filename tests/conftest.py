"""What all tests share: the marker `needs`, and a last line that says which tests were skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol

from needs import NEEDS, missing

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.terminal import TerminalReporter


_ALONE = frozenset(
    {
        "test_a_client_that_never_reads_is_cut_off",
        "test_live_entry",
        "test_live_state",
        "test_live_subscriptions",
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


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run what failed once more, and say so on the terminal: a machine may stumble, what is broken fails twice."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports):
        item._initrequest()  # type: ignore[attr-defined]  # fixtures anew
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            report.sections.append(("repeated", "it failed at first"))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> Generator[None]:
    """After all else, one line, always: nobody should have to guess whether a green run left something out."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    names = sorted({report.nodeid.rpartition("::")[2] for report in skipped})
    reports = [report for kind in terminalreporter.stats.values() for report in kind if hasattr(report, "sections")]
    twice = sorted({each.nodeid for each in reports if any(name == "repeated" for name, _ in each.sections)})
    terminalreporter.write_line(f"repeated: {len(twice)}" + (f" ({', '.join(twice)})" if twice else ""))
    terminalreporter.write_line(f"skipped: {len(skipped)}" + (f" ({', '.join(names)})" if names else ""))
