"""Text from devices, peers, certificates and files cannot control the terminal of whoever runs a command."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealbus import cli
from sealbus.cli.exits import one_line_errors
from sealbus.cli.log import print_text
from sealbus.cli.policy import check
from sealbus.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = "pump\x1b]0;owned\x07\x1b[2J\r\n\u202egood\x9b31m"
ESCAPED = r"pump\x1b]0;owned\x07\x1b[2J\r\n\u202egood\x9b31m"
_CHECKED = (
    "json.dumps(",
    "render(",
    "render_plant(",
    "file.read_text(",
    "context.get_help(",
    "message",
    "text",
    "f'sealbus",
)
"""The first words of what may be printed as it stands: JSON, escaped lines, help, and files that are passed on."""


@pytest.mark.parametrize("to_stderr", [False, True])
def test_a_printed_line_has_no_control_characters(to_stderr: bool, capsys: pytest.CaptureFixture[str]) -> None:
    print_text(f"holding:0\t{HOSTILE}", to_stderr=to_stderr)
    printed = capsys.readouterr()
    assert (printed.err if to_stderr else printed.out) == f"holding:0\t{ESCAPED}\n"


def test_an_error_that_repeats_a_peers_text_is_one_harmless_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), one_line_errors():
        raise PeerError(HOSTILE)
    assert capsys.readouterr().err == f"sealbus: {ESCAPED}\n"


def test_what_a_policy_file_says_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[role]]\nname = "\\u001b[2J"\n[[role]]\nname = "\\u001b[2J"\n"\\u001b[31m" = 1\n')
    with pytest.raises(BaseException):  # noqa: B017 - Exit of typer, or SystemExit
        check(file)
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err


def test_the_command_line_prints_through_one_function() -> None:
    around = [
        f"{file.name}:{call.lineno}"
        for file in Path(cli.__file__).parent.glob("*.py")
        for call in _prints(file)
        if not ast.unparse(call.args[0]).startswith(_CHECKED)
    ]
    assert around == []


def _prints(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node
