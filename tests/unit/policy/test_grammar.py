"""Places in a policy: an error has what is wrong and what to write as two fields."""

from __future__ import annotations

import pytest

from sealbus.errors import ConfigError
from sealbus.policy.grammar import parse_read


@pytest.mark.parametrize(
    ("place", "problem", "hint"),
    [
        ("holding:9-0", "'holding:9-0' ends before it begins", "write holding:0-9"),
        ("40101", '"40101" counts from 1 as manuals do', "addresses are 0-based as on the wire: 40101 is holding:100"),
        ("level; pump", "'level; pump' is not a place", "write a table and addresses, such as holding:0-9 or coils:3"),
        ("a; b:9-0", "'a; b:9-0' names no table", "the tables are coils, discrete, input, holding"),
        ("holding:0-70000", "holding:0-70000 goes past the table", "addresses are 0 to 65535, counted from 0"),
    ],
)
def test_a_semicolon_of_the_operator_does_not_cut_the_problem(place: str, problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_read(place)
    assert (refused.value.problem, refused.value.hint) == (problem, hint)
