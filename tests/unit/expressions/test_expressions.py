"""Expressions: their values, the errors for invalid ones, and that none can reach Python or run without end."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealbus.errors import ConfigError
from sealbus.expressions import (
    FUNCTION_NAMES,
    MAX_EXPRESSION,
    Expression,
    ExpressionError,
    NotComputable,
    check_expression,
    parse_expression,
)
from unit.steps import calls_in

INPUTS: dict[str, bool | int | float | str] = {"a": 3, "b": 4.5, "on": True, "mode": "auto"}

VALUES = {
    "a + b * 2": 12.0,
    "(a + b) * 2": 15.0,
    "-a ** 2": -9,
    "2 ** -1": 0.5,
    "2 ** 3 ** 2": 512,
    "7 // 2 * 2 + 7 % 2": 7,
    "- - a": 3,
    "1 - 2 - 3": -4,
    "a if b > 4 else 1 / 0": 3,
    "1 / 0 if a > b else 2": 2,
    "1 if a > b else 2 if a > 2 else 3": 2,
    "on and a >= 3": True,
    "not on or a < 3": False,
    "not not on": True,
    "false and 1 / 0 > 1": False,
    "true or 1 / 0 > 1": True,
    "on + 1": 2,
    'mode == "auto"': True,
    "mode != 'auto'": False,
    '"hand" if mode == "off" else mode': "auto",
    "0xFF + 1e2 + .5": 355.5,
    "min(a, b, 1)": 1,
    "max(a, b)": 4.5,
    "avg(a, b)": 3.75,
    "abs(-a)": 3,
    "clamp(b, 0, 4)": 4,
    "bit(0x8000, 15) and not bit(0x8000, 14)": True,
    "round(b / 7, 2)": 0.64,
    "round(2.5)": 2,
    "floor(b) + ceil(b)": 9,
    "sqrt(16) + exp(0) + log(1) + sin(0) + cos(0)": 6.0,
    "log(8, 2)": 3.0,
    "pi > 3.14": True,
}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_an_expression_has_its_value(text: str, value: object) -> None:
    found = parse_expression(text, INPUTS).evaluate(INPUTS)
    assert found == pytest.approx(value) if isinstance(value, float) else found == value
    assert isinstance(found, bool) == isinstance(value, bool)


WITHOUT_A_VALUE = [
    "1 / 0",
    "1 % 0",
    "sqrt(-1)",
    "(-8) ** 0.5",
    "log(0)",
    "9 ** 9 ** 9",
    "9 ** (9 ** 9)",
    "1e308 * 10",
    "exp(1000)",
    "10 ** 300 * 10 ** 300",
    "mode + 1",
    "mode > 1",
    "mode == 1",
    "-mode",
    "not mode",
    "a if mode else b",
    "bit(b, 0)",
    "bit(a, 64)",
    "round(a, 99)",
    "clamp(a, 5, 1)",
    "floor(1e308 * 10)",
]


@pytest.mark.parametrize("text", WITHOUT_A_VALUE)
def test_an_expression_without_a_result_is_not_computable_and_never_zero(text: str) -> None:
    with pytest.raises(NotComputable):
        parse_expression(text, INPUTS).evaluate(INPUTS)


WRONG = {
    "": (1, "write a number"),
    "a +": (4, "write a number"),
    "a b": (3, "join two values"),
    "(a": (3, "close the parenthesis"),
    "a)": (2, "join two values"),
    "c * 2": (1, "the inputs are a, b, mode, on"),
    "a.real": (2, "there are no attributes"),
    "a[0]": (2, "there are no lists"),
    "a = 3": (3, "write == to compare"),
    "a && on": (3, "write and"),
    "a | 1": (3, "write or"),
    "!on": (1, "write not"),
    "a ^ 2": (3, "write **"),
    "a < b < 5": (7, "write a < b and b < c"),
    "a if on": (8, "write a if condition else b"),
    "open('x')": (1, "the functions are"),
    "__import__('os')": (1, "the functions are"),
    "sqrt": (1, "write sqrt(...)"),
    "sqrt(1, 2)": (1, "give 1"),
    "min(1)": (1, "give 2 to 32"),
    "a(1)": (1, "the functions are"),
    "'open": (1, "close the text"),
    "1e999": (1, "below 1.8e308"),
    "lambda: 1": (7, "write numbers"),
    "and": (1, "write a number"),
    "a ä b": (3, "write numbers"),
    "+".join("a" * 400): (600, "calculate in two tags"),
    "(" * 40 + "a" + ")" * 40: (34, "calculate in two tags"),
    "-" * 40 + "a": (34, "calculate in two tags"),
    "not " * 40 + "a": (133, "calculate in two tags"),
    "9" * 60: (1, "up to 40 digits"),
    f'"{"x" * 120}" == mode': (1, "up to 100 characters"),
    "a" * (MAX_EXPRESSION + 1): (MAX_EXPRESSION + 1, "two tags"),
}


@pytest.mark.parametrize(("text", "place", "hint"), [(text, *expected) for text, expected in WRONG.items()])
def test_an_invalid_expression_is_an_error_with_column_and_hint(text: str, place: int, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, INPUTS)
    assert hint in caught.value.hint
    if not text.startswith("a+a"):
        assert caught.value.column == place
    assert isinstance(caught.value, ConfigError)
    assert f"column {caught.value.column}" in str(caught.value)


def test_checking_an_expression_returns_the_inputs_that_it_uses() -> None:
    assert check_expression("a + b if on else a", INPUTS) == {"a", "b", "on"}
    assert check_expression("1 + 1", ()) == frozenset()


@pytest.mark.parametrize("name", ["and", "true", "pi", "sqrt", "2a", "a b", "", "é"])
def test_an_input_with_a_reserved_or_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(ExpressionError):
        check_expression("1", [name])


def test_the_most_expensive_expressions_are_evaluated_with_little_work() -> None:
    worst = ["*".join("a" * 150), "**".join("9" * 33), "+".join(["9**323"] * 75), "-".join(["exp(b)"] * 100)]
    for text in worst:
        expression = parse_expression(text, INPUTS)

        def evaluate(expression: Expression = expression) -> None:
            with contextlib.suppress(NotComputable):
                expression.evaluate({**INPUTS, "a": 2**64})

        assert calls_in(evaluate) < 5_000


@pytest.mark.parametrize(
    "text",
    ["+".join("a" * 149), "+".join(["(" * 30 + "a" + ")" * 30] * 16), "+".join(["max(a,b)"] * 60)],
    ids=["terms", "parentheses", "calls"],
)
def test_the_longest_expressions_are_parsed_in_a_few_calls_for_each_token(text: str) -> None:
    assert calls_in(lambda: parse_expression(text, INPUTS)) < 13 * len(text)


def test_a_not_stands_before_comparisons_and_within_and_and_or_only() -> None:
    assert parse_expression("not a == 3 or not not on", INPUTS).evaluate(INPUTS) is True
    for text in ("1 + not on", "1 == not on", "- not on", "2 ** not on"):
        with pytest.raises(ExpressionError, match='"not" is where a value is expected'):
            parse_expression(text, INPUTS)


_WORDS = [
    "**",
    "//",
    "==",
    "if",
    "else",
    "and",
    "or",
    "not",
    "1",
    "0",
    "2.5",
    "9",
    " ",
    "1e300",
    "__class__",
    "\n",
    "é",
]
_ALPHABET = [*INPUTS, *FUNCTION_NAMES, *"+-*/%()<>=!,.'\"[]{}&|^", *_WORDS]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_ALPHABET), max_size=60))
def test_any_text_ends_in_a_value_or_in_one_of_two_errors(words: list[str]) -> None:
    try:
        value = parse_expression(" ".join(words), INPUTS).evaluate(INPUTS)
    except (ExpressionError, NotComputable):
        return
    assert isinstance(value, bool | int | float | str)
    assert not isinstance(value, float) or math.isfinite(value)


def test_a_whole_number_that_is_too_large_for_a_float_is_not_computable() -> None:
    expression = parse_expression("(2**500*2**500*2**23-1)+(2**500*2**500*2**23)", ())
    with pytest.raises(NotComputable):
        expression.evaluate({})
