"""Passwords that a guesser tries early: repeated or running characters, and common words with something behind them.

A length alone says little: "aaaaaaaaaaaa" has twelve characters. Counted here are the characters that do not follow from
those before them, as NIST SP 800-63B (3.1.1.2) asks to refuse repetitive and sequential passwords and common words.
No kind of character is demanded: a phrase of some words is good.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from sealbus.web.accounts.models import User

__all__ = ["PredictablePasswordValidator"]

_LEAST = 9
_MAX = 256
_COMMON_WORD = 3
"""What a common word counts, however long it is."""
_SHORTEST_WORD = 4
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890",
    "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
)  # fmt: skip
_STEPS = frozenset(row[n : n + 2] for line in _ROWS for row in (line, line[::-1]) for n in range(len(line) - 1))
_PART = re.compile(r"[^\W\d_]+|\d+|[\W_]+")
_LOOK_ALIKE = str.maketrans("@4301$57!", "aaeolssti")


class PredictablePasswordValidator:
    """For AUTH_PASSWORD_VALIDATORS."""

    def __init__(self) -> None:
        self._common = CommonPasswordValidator().passwords

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a predictable password, and for one that is too long to look at."""
        if len(password) > _MAX:
            raise ValidationError(f"write at most {_MAX} characters", code="password_too_long")
        plain = unicodedata.normalize("NFKC", password).lower()
        if min(self._unpredictable(plain), self._unpredictable(plain.translate(_LOOK_ALIKE))) < _LEAST:
            raise ValidationError(self.get_help_text(), code="password_predictable")

    def get_help_text(self) -> str:
        """What to choose instead."""
        return "This password is easy to guess: avoid repeated and running characters, and use three or more words."

    def _unpredictable(self, password: str) -> int:
        """How many characters do not follow from those before them."""
        parts = dict.fromkeys(_PART.findall(_unit(password)))  # a part counts once
        return sum(self._weight(_unit(part), is_word=len(part) >= _SHORTEST_WORD) for part in parts)

    def _weight(self, part: str, *, is_word: bool) -> int:
        free = _count_free(part)
        return min(free, _COMMON_WORD) if is_word and part in self._common else free


def _unit(text: str) -> str:
    """The shortest text of which this one is a repetition."""
    for length in range(1, len(text) // 2 + 1):
        if (text[:length] * (len(text) // length + 1))[: len(text)] == text:
            return text[:length]
    return text


def _count_free(part: str) -> int:
    """The characters of a part, without the third and further ones of a run: aaa, abc, 321, qwe."""
    runs = [a == b or a + b in _STEPS for a, b in pairwise(part)]
    return len(part) - sum(first and second for first, second in pairwise(runs))
