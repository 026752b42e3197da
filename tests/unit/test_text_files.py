"""Files of an operator: their text, or one error that names the encoding; and why a file cannot be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sealbus.errors import ConfigError
from sealbus.text_files import decode_text, why_unreadable

if TYPE_CHECKING:
    from pathlib import Path

TEXT = 'name = "plant-7"\n'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_with_and_without_its_mark(encoding: str) -> None:
    with pytest.raises(ConfigError) as error:
        decode_text(TEXT.encode(encoding), file="policy.toml")
    assert str(error.value) == "policy.toml: the file is UTF-16 text; save it as UTF-8"


def test_utf_8_is_read_with_and_without_a_mark() -> None:
    assert decode_text(b"", file="policy.toml") == ""
    assert decode_text("a = 'Füller'".encode(), file="policy.toml") == "a = 'Füller'"
    assert decode_text(TEXT.encode("utf-8-sig"), file="policy.toml") == "\ufeff" + TEXT


def test_another_encoding_is_named_with_the_line_of_its_first_byte() -> None:
    with pytest.raises(ConfigError) as error:
        decode_text("# one\nname = 'Füller'".encode("latin-1"), file="policy.toml")
    assert str(error.value) == "policy.toml:2: the file is not UTF-8 text: byte FC in this line; save it as UTF-8"


def test_a_file_that_cannot_be_read_has_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "a.crt"
    assert why_unreadable(file) == "No such file or directory"
    assert why_unreadable(tmp_path) == "it is a folder"
    file.touch()
    assert why_unreadable(file) is None


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "passphrase"
    os.mkfifo(pipe)
    assert why_unreadable(pipe) is None  # opening it would block
