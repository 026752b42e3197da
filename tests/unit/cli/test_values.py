"""An invalid or ambiguous value on the command line is refused and not written."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from sealbus.cli.app import app

runner = CliRunner()


@pytest.mark.parametrize(
    ("text", "value_type", "message"),
    [
        ("1e400", "float32", "'1e400' is not a value of type float32"),
        ("nan", "float64", "'nan' is not a value of type float64"),
        ("7_00", "uint16", "'7_00' is not a value of type uint16"),
        ("٧٠٠", "uint16", "is not a value of type uint16"),  # noqa: RUF001 - the digits 700 in Arabic script
        ("1.5", "uint16", "the raw value of the register"),
        ("9" * 5000, "float32", "999...' is not a value of type float32"),
    ],
)
def test_an_invalid_value_is_refused_before_a_connection_is_opened(text: str, value_type: str, message: str) -> None:
    done = runner.invoke(app, ["write", "tcp://127.0.0.1:9", "holding:0", text, "--type", value_type])
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_number_of_a_manual_is_explained_before_a_connection_is_opened() -> None:
    done = runner.invoke(app, ["read", "tcp://127.0.0.1:9", "40101"])
    assert done.exit_code == 2
    assert "40101 is holding:100" in done.stderr
