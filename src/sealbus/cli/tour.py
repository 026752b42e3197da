"""The guided tour: commands to paste, with the paths and the port of this demonstration.

Paths below the current folder are written relative to it, which keeps the commands short; the first command changes to
that folder, so that the others work from any terminal. The program is written as `sealbus` if the shell finds this one
under that name.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.cli.demonstration import Demonstration

__all__ = ["Heading", "render_tour"]

_INDENT = "    "


class Heading(str):
    """A line that a terminal shows in bold."""

    __slots__ = ()


def render_tour(demonstration: Demonstration) -> Iterator[str]:
    """The tour, line by line. Commands are indented by four spaces; a line that continues ends with a backslash."""
    program = _program()
    level = f"read {demonstration.url} input:0 --type float32 --order CDAB --unit 3"
    speed = f"write {demonstration.url} holding:100 {{}} --unit 1"
    viewer, operator = _credentials(demonstration, "viewer"), _credentials(demonstration, "operator")
    records = _shown(demonstration.records)
    yield f"A simulated pumping station runs behind a gateway at {demonstration.url}. Paste these into a second terminal:"
    yield ""
    yield from _command(f"cd {shlex.quote(str(Path.cwd()))}")
    yield from _step("1. The Viewer reads the level of the tank, in metres.")
    yield from _command(f"{program} {level}", viewer)
    yield from _step("2. The Viewer may not write: exception 01. The request does not reach the PLC.")
    yield from _command(f"{program} {speed.format(750)}", viewer)
    yield from _step("3. The Operator sets pump 1 to 75.0 %.")
    yield from _command(f"{program} {speed.format(750)}", operator)
    yield from _step("4. 100.0 % is outside the limits of the Operator: exception 01. The PLC alone would accept it.")
    yield from _command(f"{program} {speed.format(1000)}", operator)
    yield from _step("5. The record holds the denials and the write; its hash chain shows that it was not altered.")
    yield from _command(f"{program} audit show {records}", "--kind denied --kind write_requested --kind write_outcome")
    yield from _command(f"{program} audit verify {records}")
    yield ""
    yield f"The rights are in {demonstration.policy_file}: you can edit it while this runs. Ctrl-C stops everything."


def _step(text: str) -> Iterator[str]:
    yield ""
    yield Heading(text)
    yield ""


def _command(*lines: str) -> Iterator[str]:
    yield _INDENT + f" \\\n{_INDENT * 2}".join(lines)


def _credentials(demonstration: Demonstration, name: str) -> str:
    certificate, key = _shown(demonstration.certificate(name)), _shown(demonstration.key(name))
    return f"--certificate {certificate} --key {key} --trust {_shown(demonstration.authority / 'ca.crt')}"


def _program() -> str:
    ours = Path(sys.executable).parent / "sealbus"
    found = shutil.which("sealbus")
    if found is not None and ours.exists() and Path(found).samefile(ours):
        return "sealbus"
    return _shown(ours) if ours.exists() else f"{_shown(Path(sys.executable))} -m sealbus"


def _shown(path: Path) -> str:
    """A path, quoted for a shell in the current folder."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100 - links stay as the user knows them
    return shlex.quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))
