"""With any text as policy.toml, loading ends in a Policy or in a ConfigError."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealbus.errors import ConfigError
from sealbus.policy import Policy, findings, parse_policy, policy_errors
from sealbus.protocol import ReadHoldingRegisters, WriteMultipleRegisters

KEYS = st.sampled_from(
    ["role", "name", "description", "allow", "units", "read", "write", "min", "max", "type", "order", "functions", "x"]
)
TEXTS = st.sampled_from(
    ["", "A", "1-10", "0-999", "coils", "holding", "holding:0-9", "holding:9", "input:3", "40101", "float32", "CDAB"]
    + ["diagnostics:0", "canopen", "read-file-record:1-4", "\u202e", "holding:" + "9" * 40, "diagnostics:" + "9" * 5000]
) | st.text(max_size=12)
SCALARS = (
    st.integers(-(2**70), 2**70).map(str)
    | st.integers(-5, 70000).map(str)
    | st.floats().map(str)
    | st.sampled_from(["true", "1979-05-27", "07:32:00", "0xff", "1e999", f"0x{'f' * 4000}", "9" * 5000])
    | TEXTS.map(lambda text: '"' + text.encode("unicode_escape").decode().replace('"', '\\"') + '"')
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key} = {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=6,
)
LINES = (
    st.sampled_from(["[[role]]", "[[role.allow]]", "[role]", "[role.allow]", "", "# note", 'name = "A"', "units = 1"])
    | st.builds("{} = {}".format, KEYS, VALUES)
    | st.text(max_size=20)
)

GOOD = """\
[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["coils", "holding:0-9"]
write = ["holding:10-19"]
min = 0
max = 10
type = "float32"
functions = ["diagnostics:0", 90]
"""


def load(text: str) -> None:
    try:
        policy: Policy | None = parse_policy(text, file="policy.toml")
    except ConfigError as error:
        policy = None
        assert str(error)
    errors = policy_errors(text, file="policy.toml")
    assert bool(errors) is (policy is None)
    if policy is not None:
        assert all(finding.text for finding in findings(policy, certificate_roles=["A"]))
        for role in policy.roles:
            rights = policy.rights_of(role.name)
            rights.decide(1, ReadHoldingRegisters(0, 10))
            rights.decide(1, WriteMultipleRegisters(10, (0, 0, 0x7FC0, 0)))


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=8).map("\n".join))
@example("\ufeff[[role]]")
@example("role = " + "[" * 3000)
def test_lines_that_look_like_a_policy_end_in_a_policy_or_an_error(text: str) -> None:
    load(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(KEYS, VALUES), max_size=6, unique_by=lambda pair: pair[0]))
def test_an_allow_block_of_any_values_ends_in_a_policy_or_an_error(pairs: list[tuple[str, str]]) -> None:
    body = "\n".join(f"{key} = {value}" for key, value in pairs)
    load(f'[[role]]\nname = "A"\n[[role.allow]]\n{body}\n')


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_good_policy_with_bytes_changed_ends_in_a_policy_or_an_error(seed: int) -> None:
    chance = random.Random(seed)
    text = list(GOOD)
    for _ in range(chance.randint(1, 5)):
        text[chance.randrange(len(text))] = chance.choice('[]"=-:,0129ab \n#.')
    load("".join(text))
