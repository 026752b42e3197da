"""A text "problem; hint" is parted at the semicolon that Sealbus wrote, not at one of the user."""

from __future__ import annotations

import pytest

from sealbus.plant import split_hint


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("it is too long; write less", "it is too long", "write less"),
        ("it is too long", "it is too long", ""),
        ('"a; b" is not a number; write 1.5', '"a; b" is not a number', "write 1.5"),
        ("'a; b' is not a place; write holding:0", "'a; b' is not a place", "write holding:0"),
        ("the device's name is taken; the line's too", "the device's name is taken", "the line's too"),
        ('leave "x', 'leave "x', ""),
        ("", "", ""),
    ],
)
def test_a_semicolon_in_quotes_parts_nothing(text: str, problem: str, hint: str) -> None:
    assert split_hint(text) == (problem, hint)
