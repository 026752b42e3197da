r"""Cells of CSV files that no spreadsheet takes for a formula, whatever character it separates cells by.

Our files separate by commas. A spreadsheet of a country that writes decimal commas separates by semicolons instead, and
another one by tabs or bars: it does not see our quotes, which stand within its cells, and ends a cell at each semicolon,
tab, bar and line end of a text. `x;=cmd|...` is then a cell `x` and a formula. So a text gets an apostrophe before each
character that begins a formula, where only blanks and quotes stand between that character and the start of the text or
a separator. `unescape_text` takes away exactly these apostrophes.

JSON has escapes of its own: semicolons and bars, which only occur within its strings, are written as \u003b and \u007c.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Final

__all__ = ["escape_text", "json_text", "unescape_text"]

_FORMULA: Final = "[=+\\-@%\uff1d\uff0b\uff0d\uff20]"  # the last four: full width, which a Japanese spreadsheet accepts
# Up to the end of the gap before a cell: the run of blanks, quotes and separators is taken whole or not at all, so
# that the time is linear in the length of the text
_GAP: Final = r"""(^[\s";|]*+|(?<![\s";|])[\s";|]++)"""
_PLAIN: Final = re.compile(rf"{_GAP}(?='*+{_FORMULA})")
_ESCAPED: Final = re.compile(rf"{_GAP}'(?='*+{_FORMULA})")
_SEPARATOR: Final = re.compile(r"[;|\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


def escape_text(text: str) -> str:
    """The text of a cell, with an apostrophe before each character that a spreadsheet could take as a formula's first."""
    return _PLAIN.sub(lambda found: found[0] + "'" if _begins_cell(found) else found[0], text)


def unescape_text(cell: str) -> str:
    """The text of which `escape_text` made this cell."""
    return _ESCAPED.sub(lambda found: found[1] if _begins_cell(found) else found[0], cell)


def json_text(value: Any, *, ensure_ascii: bool = False) -> str:
    """A value as the JSON text of a cell. Reading it as JSON gives the value back."""
    return json.dumps(value, ensure_ascii=ensure_ascii).replace(";", "\\u003b").replace("|", "\\u007c")


def _begins_cell(found: re.Match[str]) -> bool:
    return found.start() == 0 or _SEPARATOR.search(found[1]) is not None
