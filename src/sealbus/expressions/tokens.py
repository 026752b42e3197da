"""Splits an expression into tokens with their columns, and defines the error that names a column.

One regular expression without nesting: splitting takes time linear in the length, and the length is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from sealbus.errors import ConfigError

__all__ = ["LONGEST_EXPRESSION", "ExpressionError", "Kind", "Token", "cut"]

LONGEST_EXPRESSION = 1000
"""Characters."""
_LONGEST_NUMBER = 40
_LONGEST_TEXT = 100

_TOKEN = re.compile(
    r"(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%<>(),])",
    re.ASCII,
)
_HINTS = {
    "=": "write == to compare",
    "&": "write and, or bit(x, n) for a single bit",
    "|": "write or, or bit(x, n) for a single bit",
    "!": "write not",
    "^": "write ** for a power",
    ".": "there are no attributes; write the name of an input",
    "[": "there are no lists; write the name of an input",
    "{": "there are no sets; write the name of an input",
    '"': "close the text with the quote that opens it",
    "'": "close the text with the quote that opens it",
    "?": "write a if condition else b",
}


class ExpressionError(ConfigError):
    """An expression that cannot be used. `column` counts from 1."""

    code = "expression"

    def __init__(self, problem: str, *, column: int, hint: str) -> None:
        super().__init__(f"column {column}: {problem}", key="expression", hint=hint)
        self.column = column


class Kind(Enum):
    """The kind of a token."""

    NUMBER = "number"
    NAME = "name"
    TEXT = "text"
    SIGN = "sign"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an expression."""

    kind: Kind
    text: str
    column: int


def cut(text: str) -> list[Token]:
    """The tokens of `text`, with an END token. Raises ExpressionError."""
    if len(text) > LONGEST_EXPRESSION:
        raise ExpressionError(
            f"the expression has {len(text)} characters",
            column=LONGEST_EXPRESSION + 1,
            hint=f"write at most {LONGEST_EXPRESSION}, or split it into two tags",
        )
    tokens = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            hint = _HINTS.get(text[at], "write numbers, names of inputs, + - * / // % **, comparisons, and, or, not")
            raise ExpressionError(f"{text[at]!r} is not part of the language", column=at + 1, hint=hint)
        tokens.append(_token(found, at + 1))
        at = found.end()
    tokens.append(Token(Kind.END, "", len(text) + 1))
    return tokens


def _token(found: re.Match[str], column: int) -> Token:
    kind = Kind(found.lastgroup)
    text = found[0]
    if kind is Kind.NUMBER and len(text) > _LONGEST_NUMBER:
        raise ExpressionError("this number is too long", column=column, hint=f"write up to {_LONGEST_NUMBER} digits")
    if kind is Kind.TEXT and len(text) > _LONGEST_TEXT + 2:
        raise ExpressionError("this text is too long", column=column, hint=f"write up to {_LONGEST_TEXT} characters")
    return Token(kind, text, column)
