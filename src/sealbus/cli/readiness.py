"""How collector and site say that they are up: a line for people and for `sealbus up`, and READY=1 for systemd."""

from __future__ import annotations

import sys

from sealbus.gateway import notify

__all__ = ["READY", "say"]

READY = "listening on "


def say(line: str) -> None:
    """A line for people, on stderr; the one that begins with `READY` is the last of the start."""
    print(line, file=sys.stderr, flush=True)
    if line.startswith(READY):
        notify("READY=1")
