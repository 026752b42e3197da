"""A TOML document with the line of each key, so that an error can name it.

`tomllib` parses the values but drops their positions. This module runs it, and also records the line of each key. It is
not a second parser: text that `tomllib` refuses is refused, and the line finder only looks for table headers and `key =`
at the start of a line. A key inside an inline table or array is reported at the line of the key that contains it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Document", "Path", "parse_document"]

Path = tuple[str | int, ...]
"""The position of a value: `("role", 0, "allow", 1, "min")`."""

_DEEPEST = 32

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """Values of a TOML text and the line of each key. `file` is its name in errors."""

    file: str
    values: Mapping[str, Any]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int | None:
        """The line of the nearest key at or above `path`, counted from 1; of a list of tables, that of its first one."""
        for end in range(len(path), 0, -1):
            for key in (path[:end], (*path[:end], 0)):
                if key in self.lines:
                    return self.lines[key]
        return None

    def error(self, path: Path, problem: str, *, hint: str = "") -> ConfigError:
        """A ConfigError that names the file, the line and the key at `path`."""
        return ConfigError(problem, file=self.file, line=self.line(path), key=_render(path) or None, hint=hint)


def parse_document(text: str, *, file: str) -> Document:
    """Parse TOML `text`. Raises ConfigError with the line of the first syntax error."""
    text = text.removeprefix("\ufeff")  # some editors begin a file with a byte order mark
    values: dict[str, Any] | None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        problem, hint = _in_words(_AT_LINE.sub("", str(error)), text.split("\n")[line - 1])
        raise ConfigError(problem, file=file, line=line, hint=hint) from None
    except (ValueError, RecursionError):  # numbers of a thousand digits, brackets a thousand deep
        values = None
    if values is None or _is_deeper(values, _DEEPEST):
        raise ConfigError(
            f"tables nest deeper than {_DEEPEST} levels, or a number is too long", file=file, hint="shorten it"
        )
    return Document(file=file, values=values, lines=_lines_of(text))


def _in_words(reason: str, line: str) -> tuple[str, str]:
    """The problem and the hint for what `tomllib` says about a line. Tables in the wrong brackets are the usual mistake."""
    header, key = _HEADER.match(line), _KEY.match(line)
    if header and reason.startswith(("Cannot declare", "Cannot overwrite", "Cannot mutate")):
        return (
            f"the table {header[2]} is written twice",
            f"write [[{header[2]}]], in double brackets, each time if there can be several; otherwise keep one",
        )
    if key and reason.startswith("Cannot overwrite"):
        return f"{key[1]} is written twice in one table", "keep one of the two"
    return f"not valid TOML: {reason}", "correct the TOML syntax"


def _is_deeper(values: Mapping[str, Any], levels: int) -> bool:
    """Whether tables and arrays nest deeper than that. Callers walk the values recursively."""
    found: list[Any] = [values]
    for _ in range(levels):
        found = [
            inner
            for each in found
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(found)


def _lines_of(text: str) -> dict[Path, int]:
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    open_string: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if open_string is None:
            if header := _HEADER.match(line):
                table = _table_path(_parts(header[2]), arrays, is_array=header[1] == "[[")
                lines.setdefault(table, number)
            elif key := _KEY.match(line):
                lines.setdefault(table + _parts(key[1]), number)
        open_string = _multiline_string_after(line, open_string)
    return lines


def _table_path(parts: Path, arrays: dict[Path, int], *, is_array: bool) -> Path:
    path: Path = ()
    for position, part in enumerate(parts):
        path += (part,)
        if is_array and position == len(parts) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path += (arrays[path],)
    return path


def _parts(text: str) -> Path:
    return tuple(found[1] or found[2] or found[3] or "" for found in _PART.finditer(text))


def _multiline_string_after(line: str, open_string: str | None) -> str | None:
    """Which multi-line string, if any, is still open at the end of this line."""
    rest = line
    while True:
        if open_string is not None:
            _, found, rest = rest.partition(open_string)
            if not found:
                return open_string
            open_string = None
        positions = [(rest.find(quotes), quotes) for quotes in ('"""', "'''") if quotes in rest]
        if not positions:
            return None
        start, open_string = min(positions)
        if "#" in rest[:start]:
            return None
        rest = rest[start + 3 :]


def _render(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
