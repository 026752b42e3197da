"""Names that look the same on a screen and are not the same text.

A role counts as a whole and letter by letter, so "Operator" with a Cyrillic O is another role, which nobody sees. Nothing
here changes a decision: the two functions serve warnings. The letters are those of the Cyrillic and Greek alphabets whose
shape is a Latin letter (Unicode Technical Standard 39, the confusables of these alphabets), not the whole of that table.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["foreign_letter", "skeleton"]

# Cyrillic, then Greek; written as escapes, because they cannot be told from the Latin letters below them.
_SHAPES: Final = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u04ae"
    "\u050c\u051a\u051c\u04c0\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0443\u0445\u0501\u04bb"
    "\u051b\u051d\u04cf\u043a\u0432\u043c\u043d\u0442"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b5"
    "\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "ABESIJKMHOPCTYXYGQWIaesijopcyxdhqwlkbmhtABEZHIKMNOPTYXaeikvoptux",
)
_SAME_SHAPE: Final = str.maketrans("01|i", "olll")  # in many typefaces, after case folding


def skeleton(name: str) -> str:
    """What is left of a name if letters of one shape are one letter: equal for names that look alike."""
    shown = "".join(one for one in unicodedata.normalize("NFKC", name) if unicodedata.category(one) != "Cf")
    dashes = "".join("-" if unicodedata.category(one) == "Pd" else one for one in shown)
    return " ".join(dashes.translate(_SHAPES).casefold().translate(_SAME_SHAPE).split())


def foreign_letter(name: str) -> str | None:
    """The first letter of a name in Latin letters that only looks Latin, with its Unicode name; None if there is none."""
    if not any(one.isalpha() and one.isascii() for one in name):
        return None  # a name that is written in its own alphabet
    return next((f"{one} ({unicodedata.name(one)})" for one in name if ord(one) in _SHAPES), None)
