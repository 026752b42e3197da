"""How a process reports that it is up: a line for people and for `sealbus up`, and READY=1 for systemd."""

from __future__ import annotations

from sealbus.cli.log import print_line
from sealbus.gateway import notify

__all__ = ["READY", "say"]

READY = "listening on "


def say(line: str) -> None:
    """A line of the start, on stderr; the one that begins with `READY` is the last of the start."""
    print_line(line)
    if line.startswith(READY):
        notify("READY=1")
