"""Splits an expression into tokens with their columns, and defines the error that names a column.

One regular expression without nesting: splitting takes time linear in the length, and the length is bounded.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from sealbus.errors import ConfigError

__all__ = ["MAX_EXPRESSION", "ExpressionError", "Kind", "Token", "cut"]

MAX_EXPRESSION = 1000
"""Characters."""
_MAX_NUMBER = 40
_MAX_TEXT = 100

_TOKEN = re.compile(
    r"(?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%<>(),])"
    r"|(?P<wrong>\S)"
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


_KINDS: dict[str | None, Kind] = {kind.value: kind for kind in Kind}


class Token(NamedTuple):
    """A token of an expression. A named tuple is made in a fraction of the time of a frozen dataclass."""

    kind: Kind
    text: str
    column: int


def cut(text: str) -> list[Token]:
    """The tokens of `text`, with an END token. Raises ExpressionError."""
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(
            f"the expression has {len(text)} characters",
            column=MAX_EXPRESSION + 1,
            hint=f"write at most {MAX_EXPRESSION}, or split it into two tags",
        )
    tokens = []
    for found in _TOKEN.finditer(text):  # passes over white space
        part, column = found[0], found.start() + 1
        kind = _KINDS.get(found.lastgroup)
        if kind is None:
            hint = _HINTS.get(part, "write numbers, names of inputs, + - * / // % **, comparisons, and, or, not")
            raise ExpressionError(f"{part!r} is not part of the language", column=column, hint=hint)
        if kind is Kind.NUMBER and len(part) > _MAX_NUMBER:
            hint = f"write up to {_MAX_NUMBER} digits"
            raise ExpressionError("this number is too long", column=column, hint=hint)
        if kind is Kind.TEXT and len(part) > _MAX_TEXT + 2:  # with its quotes
            hint = f"write up to {_MAX_TEXT} characters"
            raise ExpressionError("this text is too long", column=column, hint=hint)
        tokens.append(Token(kind, part, column))
    tokens.append(Token(Kind.END, "", len(text) + 1))
    return tokens
