"""An expression, parsed once and evaluated as often as its inputs change.

Precedence, from loosest: if-else, or, and, not, comparisons (not chained), + and -, * / // %, the sign, ** (right
associative). `and`, `or` and `if` evaluate only what they need. The parser climbs the precedences of `_LEVELS`: a few
calls for each token, however many levels there are, because an import parses thousands of expressions. Nesting depth
and number of parts are bounded and there are no loops, so evaluation time is linear in the length of the expression.
Each part becomes a closure over its operands.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from sealbus.errors import SealbusError
from sealbus.expressions.functions import FUNCTIONS, OPERATORS, negated
from sealbus.expressions.tokens import ExpressionError, Kind, Token, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["Expression", "NotComputable", "check_expression", "parse_expression"]

_Value: TypeAlias = bool | int | float | str
_Part: TypeAlias = "Callable[[Mapping[str, _Value]], object]"

_DEEPEST = 32
_MAX_PARTS = 300
_OPERATOR_WORDS = frozenset(("and", "or", "not", "if", "else"))
_WORDS = _OPERATOR_WORDS | {"true", "false"}
_CONSTANTS: dict[str, _Value] = {"true": True, "false": False, "pi": math.pi}
_COMPARISONS = frozenset(("<", "<=", ">", ">=", "==", "!="))
_LOOSEST, _NEGATION, _COMPARISON, _TIGHTEST = 1, 3, 4, 6
_LEVELS = (
    {"or": _LOOSEST, "and": 2}
    | dict.fromkeys(_COMPARISONS, _COMPARISON)
    | dict.fromkeys(("+", "-"), 5)
    | dict.fromkeys(("*", "/", "//", "%"), _TIGHTEST)
)
"""How tightly each operator between two operands binds. Between `and` and the comparisons is `not`."""
_MAX_WHOLE = 2**64


class NotComputable(SealbusError):
    """The expression has no value for these inputs."""

    code = "not-computable"


class Expression:
    """A parsed expression. `names` are the inputs it uses."""

    __slots__ = ("_part", "names", "text")

    def __init__(self, text: str, names: frozenset[str], part: _Part) -> None:
        self.text = text
        self.names = names
        self._part = part

    def evaluate(self, values: Mapping[str, _Value]) -> _Value:
        """The value. Raises NotComputable with the reason."""
        try:
            value = self._part(values)
            if isinstance(value, int) and not -_MAX_WHOLE < value < _MAX_WHOLE:
                value = float(value)  # may overflow: an integer has up to 1024 bits
        except (ArithmeticError, ValueError, TypeError) as error:
            raise NotComputable(str(error) or type(error).__name__) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise NotComputable("the result is not finite")
        return value  # type: ignore[return-value]  # inputs and results of operations are values


def parse_expression(text: str, names: Collection[str]) -> Expression:
    """Parse an expression over these inputs. Raises ExpressionError with column and hint."""
    return _Parser(cut(text), names).whole(text)


def check_expression(text: str, names: Collection[str]) -> frozenset[str]:
    """The inputs that the expression uses. Raises ExpressionError as `parse_expression`, and for an invalid input name."""
    for name in names:
        if name in _WORDS or name in _CONSTANTS or name in FUNCTIONS or not (name.isascii() and name.isidentifier()):
            raise ExpressionError(
                f'an input cannot be named "{name}"', column=1, hint="use letters, digits and _, and no reserved word"
            )
    return parse_expression(text, names).names


class _Parser:
    def __init__(self, tokens: list[Token], names: Collection[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._names = names
        self._used: set[str] = set()
        self._depth = 0
        self._parts = 0

    def whole(self, text: str) -> Expression:
        part = self._choice()
        if self._next.kind is not Kind.END:
            raise self._error(f'"{self._next.text}" is not expected here', hint="join two values with an operator")
        return Expression(text, frozenset(self._used), part)

    # -- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> bool:
        """Whether this is the next token, which is then taken. No number and no text equals a sign or a word."""
        if self._tokens[self._at].text != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str, hint: str) -> None:
        if not self._take(text):
            raise self._error(f'"{text}" is missing', hint=hint)

    def _error(self, problem: str, *, hint: str, column: int = 0) -> ExpressionError:
        return ExpressionError(problem, column=column or self._next.column, hint=hint)

    def _counted(self, part: _Part) -> _Part:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise self._error(f"more than {_MAX_PARTS} parts", hint="calculate in two tags")
        return part

    def _deeper(self, parse: Callable[[], _Part]) -> _Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"nested more than {_DEEPEST} deep", hint="calculate in two tags")
        part = parse()
        self._depth -= 1
        return part

    # -- levels, loosest first

    def _choice(self) -> _Part:
        then = self._operation(_LOOSEST)
        if not self._take("if"):
            return then
        condition = self._operation(_LOOSEST)
        self._expect("else", "write a if condition else b")
        other = self._deeper(self._choice)
        return self._counted(lambda values: then(values) if _truth(condition(values)) else other(values))

    def _operation(self, loosest: int) -> _Part:
        """Operands and the operators between them that bind at least as tightly as `loosest`."""
        is_negated = loosest <= _NEGATION and self._tokens[self._at].text == "not"
        part = self._negation() if is_negated else self._signed()
        while (level := _LEVELS.get(sign := self._tokens[self._at].text, 0)) >= loosest:
            self._at += 1
            right = self._signed() if level == _TIGHTEST else self._operation(level + 1)
            part = self._counted(_JOINS.get(sign, _apply)(sign, part, right))
            if level == _COMPARISON and self._next.text in _COMPARISONS:
                raise self._error("comparisons are not chained", hint="write a < b and b < c")
        return part

    def _negation(self) -> _Part:
        self._at += 1
        is_negated = self._tokens[self._at].text == "not"
        part = self._deeper(self._negation if is_negated else self._compared)
        return self._counted(lambda values: not _truth(part(values)))

    def _compared(self) -> _Part:
        return self._operation(_COMPARISON)

    def _signed(self) -> _Part:
        sign = self._tokens[self._at].text
        if sign in ("-", "+"):
            self._at += 1
            part = self._deeper(self._signed)
            return part if sign == "+" else self._counted(lambda values: negated(part(values)))
        part = self._atom()
        if self._tokens[self._at].text == "**":
            self._at += 1
            return self._counted(_apply("**", part, self._deeper(self._signed)))
        return part

    def _atom(self) -> _Part:
        token = self._tokens[self._at]
        if token.kind is Kind.NAME and token.text not in _OPERATOR_WORDS:
            self._at += 1
            return self._named(token)
        if token.kind is Kind.NUMBER:
            self._at += 1
            return self._constant(_number(token))
        if token.text == "(":
            self._at += 1
            part = self._deeper(self._choice)
            self._expect(")", "close the parenthesis")
            return part
        if token.kind is Kind.TEXT:
            self._at += 1
            return self._constant(token.text[1:-1])
        found = f'"{token.text}" is' if token.text else "the expression ends"
        raise self._error(f"{found} where a value is expected", hint="write a number, the name of an input or ( ... )")

    def _named(self, token: Token) -> _Part:
        name = token.text
        if self._take("("):
            return self._call(token)
        if name in _CONSTANTS:
            return self._constant(_CONSTANTS[name])
        if name not in self._names:
            hint = (
                f"write {name}(...)"
                if name in FUNCTIONS
                else f"the inputs are {', '.join(sorted(self._names)) or 'none'}"
            )
            raise self._error(f'there is no input "{name}"', hint=hint, column=token.column)
        self._used.add(name)
        return self._counted(lambda values: values[name])

    def _call(self, token: Token) -> _Part:
        function = FUNCTIONS.get(token.text)
        if function is None:
            hint = f"the functions are {', '.join(FUNCTIONS)}"
            raise self._error(f'there is no function "{token.text}"', hint=hint, column=token.column)
        arguments: list[_Part] = []
        while not self._take(")"):
            if arguments:
                self._expect(",", "separate arguments by a comma and close with )")
            arguments.append(self._deeper(self._choice))
        if not function.fewest <= len(arguments) <= function.most:
            some = str(function.fewest) if function.fewest == function.most else f"{function.fewest} to {function.most}"
            problem = f"{token.text} takes {some} arguments, not {len(arguments)}"
            raise self._error(problem, hint=f"give {some}", column=token.column)
        call = function.call
        return self._counted(lambda values: call(*(argument(values) for argument in arguments)))

    def _constant(self, value: _Value) -> _Part:
        return self._counted(lambda values: value)


def _number(token: Token) -> int | float:
    if token.text[:2] in ("0x", "0X"):
        return int(token.text, 16)
    value = float(token.text) if set(token.text) & set(".eE") else int(token.text)
    if not -1.7976931348623157e308 <= value <= 1.7976931348623157e308:
        raise ExpressionError("this number is too large", column=token.column, hint="write one below 1.8e308")
    return value


def _truth(value: object) -> bool:
    if isinstance(value, str):
        raise TypeError("a text is not a truth value")
    return bool(value)


def _apply(sign: str, left: _Part, right: _Part) -> _Part:
    operation = OPERATORS[sign]
    return lambda values: operation(left(values), right(values))


def _or(_: str, left: _Part, right: _Part) -> _Part:
    return lambda values: _truth(left(values)) or _truth(right(values))


def _and(_: str, left: _Part, right: _Part) -> _Part:
    return lambda values: _truth(left(values)) and _truth(right(values))


_JOINS = {"or": _or, "and": _and}
