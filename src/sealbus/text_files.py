"""Files that an operator wrote and named: whether they can be read, and their text.

Editors and shells of Windows save UTF-16 (PowerShell 5 does so for every `>`). Such a file is named as what it is: "not
valid" would send its author to look for an error in the text.
"""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING, Final

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["decode_text", "is_utf_16", "refuse_content", "why_unreadable"]

_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAMPLED_BYTES: Final = 64


def decode_text(data: bytes, *, file: str) -> str:
    """The UTF-8 text in `data`. Raises ConfigError that names `file`, the encoding or the first wrong byte, and its line."""
    if is_utf_16(data):
        raise ConfigError("the file is UTF-16 text", file=file, hint="save it as UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"the file is not UTF-8 text: byte {data[error.start]:02X} in this line"
        raise ConfigError(problem, file=file, line=line, hint="save it as UTF-8") from None


def is_utf_16(data: bytes) -> bool:
    """Whether `data` begins with the mark of UTF-16, or has its zero bytes between letters."""
    start = data[:_SAMPLED_BYTES]
    zeros = (start[0::2].count(0), start[1::2].count(0))
    # Without a mark: half of the bytes are zero, all at odd or all at even places. Neither UTF-8 nor DER looks like that.
    return data.startswith(_UTF_16_MARKS) or (len(start) > 3 and max(zeros) >= len(start) // 2 and min(zeros) == 0)


def why_unreadable(path: Path) -> str | None:
    """Why this process cannot read the file at `path`, in a few words; None if it can. A pipe is not opened."""
    try:
        path.stat()
    except OSError as error:
        return error.strerror or str(error)
    if path.is_dir():
        return "it is a folder"
    return None if os.access(path, os.R_OK) else "this user may not read it"


def refuse_content(path: object, *, key: str | None = None) -> None:
    """ConfigError where the content of a file was given as its path. It may be a private key, so it is not repeated."""
    text = str(path)
    if "\n" in text or "-----BEGIN" in text:
        hint = "write it into a file that this user alone can read, and name that"
        raise ConfigError("this is the content of a file; the path of the file belongs here", key=key, hint=hint)
