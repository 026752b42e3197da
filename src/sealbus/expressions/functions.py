"""The operators and functions of the language.

Numbers are those of Python: integers stay integers; true and false count as 1 and 0. Each operation is bounded: an
integer beyond 1024 bits, an infinite and a complex result are errors. Texts can only be compared for equality; any other
operation on a text is a TypeError. `Expression` turns this and all arithmetic errors into NotComputable.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "FUNCTION_NAMES", "OPERATORS", "Function", "negated"]

_MAX_BITS: Final = 1024
_MAX_POWER: Final = 1024
_MAX_DIGITS: Final = 15
_MAX_ARGUMENTS: Final = 32
_WIDEST: Final = 64


@dataclass(frozen=True, slots=True)
class Function:
    """A function and the number of arguments it takes."""

    call: Callable[..., float]
    fewest: int
    most: int


def _number(value: object) -> int | float:
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r} is not a number")


def _whole(value: object, *, what: str, most: int) -> int:
    number = _number(value)
    if number != int(number) or not -most <= number <= most:
        raise ValueError(f"{what} is {number:g}, not a whole number up to {most}")
    return int(number)


def _bounded(value: float) -> int | float:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise OverflowError("the number is too large")
    return value


def _binary(operation: Callable[[float, float], float]) -> Callable[[object, object], object]:
    return lambda left, right: _bounded(operation(_number(left), _number(right)))


def _power(left: object, right: object) -> int | float:
    one, other = _number(left), _number(right)
    if isinstance(one, int) and isinstance(other, int) and 0 <= other <= _MAX_POWER:
        if one.bit_length() * other > _MAX_BITS:
            raise OverflowError("the number is too large")
        return int(one**other)
    return math.pow(one, other)


def _comparison(operation: Callable[[float, float], bool]) -> Callable[[object, object], object]:
    return lambda left, right: operation(_number(left), _number(right))


def _equal(left: object, right: object) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        raise TypeError("a text is compared with a number")
    return left == right


def _unequal(left: object, right: object) -> bool:
    return not _equal(left, right)


OPERATORS: Final[dict[str, Callable[[object, object], object]]] = {
    "+": _binary(operator.add),
    "-": _binary(operator.sub),
    "*": _binary(operator.mul),
    "/": _binary(operator.truediv),
    "//": _binary(operator.floordiv),
    "%": _binary(operator.mod),
    "**": _power,
    "<": _comparison(operator.lt),
    "<=": _comparison(operator.le),
    ">": _comparison(operator.gt),
    ">=": _comparison(operator.ge),
    "==": _equal,
    "!=": _unequal,
}


def negated(value: object) -> int | float:
    """The operand with the opposite sign."""
    return -_number(value)


def _of_numbers(function: Callable[..., float]) -> Callable[..., float]:
    return lambda *values: function(*map(_number, values))


def _round(value: object, digits: object = 0) -> float:
    places = _whole(digits, what="the number of digits", most=_MAX_DIGITS)
    return round(_number(value), places) if places else round(_number(value))


def _bit(value: object, number: object) -> bool:
    place = _whole(number, what="the number of the bit", most=_WIDEST - 1)
    whole = _whole(value, what="the value", most=2**_WIDEST)
    return bool(whole >> place & 1)


def _clamp(value: float, low: float, high: float) -> float:
    if low > high:
        raise ValueError("the lower limit of clamp is above the upper one")
    return min(max(value, low), high)


def _average(*values: float) -> float:
    return math.fsum(values) / len(values)


FUNCTIONS: Final = {
    "abs": Function(_of_numbers(abs), 1, 1),
    "avg": Function(_of_numbers(_average), 1, _MAX_ARGUMENTS),
    "bit": Function(_bit, 2, 2),
    "ceil": Function(_of_numbers(math.ceil), 1, 1),
    "clamp": Function(_of_numbers(_clamp), 3, 3),
    "cos": Function(_of_numbers(math.cos), 1, 1),
    "exp": Function(_of_numbers(math.exp), 1, 1),
    "floor": Function(_of_numbers(math.floor), 1, 1),
    "log": Function(_of_numbers(math.log), 1, 2),
    "max": Function(_of_numbers(max), 2, _MAX_ARGUMENTS),
    "min": Function(_of_numbers(min), 2, _MAX_ARGUMENTS),
    "round": Function(_round, 1, 2),
    "sin": Function(_of_numbers(math.sin), 1, 1),
    "sqrt": Function(_of_numbers(math.sqrt), 1, 1),
}
FUNCTION_NAMES: Final = tuple(FUNCTIONS)
