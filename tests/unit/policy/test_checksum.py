"""A policy may state its own checksum in its first line; a part of it is then an error and never a smaller policy."""

from __future__ import annotations

import hashlib

import pytest

from sealbus.errors import ConfigError
from sealbus.policy import parse_policy, policy_errors

RULES = """[[role]]
name = "Operator"
[[role.allow]]
units = "1"
write = ["holding:100-109"]
max = 1000
"""


def sealed(rules: str) -> str:
    return f"# sha256: {hashlib.sha256(rules.encode()).hexdigest()}\n{rules}"


def test_a_policy_with_its_checksum_is_the_policy_behind_it() -> None:
    (role,) = parse_policy(sealed(RULES), file="policy.toml").roles
    assert (role.name, role.line, str(role.rules[0].limit)) == ("Operator", 2, "at most 1000")
    assert parse_policy("\ufeff" + sealed(RULES), file="policy.toml").roles == (role,)
    assert parse_policy(sealed(""), file="policy.toml").roles == ()


def test_no_part_of_a_policy_with_a_checksum_is_a_policy() -> None:
    text = sealed(RULES)
    begin = len("# sha256:")
    for end in range(begin, len(text)):
        with pytest.raises(ConfigError):
            parse_policy(text[:end], file="policy.toml")
    for end in range(begin):
        assert parse_policy(text[:end], file="policy.toml").roles == (), "the beginning of a comment grants nothing"


def test_any_change_of_a_policy_with_a_checksum_is_an_error_that_says_what_to_do() -> None:
    text = sealed(RULES).replace("1000", "9000")
    (error,) = policy_errors(text, file="policy.toml")
    assert str(error) == (
        "policy.toml:1: the checksum in the first line is not that of the lines after it: the file is incomplete or was "
        "changed; write it again as a whole, or remove the first line if it was changed by hand"
    )


@pytest.mark.parametrize("first", ["# sha256:", "# sha256: 12", "#sha256:x", "# SHA256: " + "0" * 64, "# sha256 : 1"])
def test_a_first_line_that_begins_as_a_checksum_must_be_one(first: str) -> None:
    with pytest.raises(ConfigError, match=r"policy\.toml:1: the checksum"):
        parse_policy(f"{first}\n{RULES}", file="policy.toml")


def test_line_ends_belong_to_the_checksum() -> None:
    windows = RULES.replace("\n", "\r\n")
    text = f"# sha256: {hashlib.sha256(windows.encode()).hexdigest()}\r\n{windows}"
    assert len(parse_policy(text, file="policy.toml").roles) == 1
    with pytest.raises(ConfigError):
        parse_policy(text.replace("\r\n", "\n"), file="policy.toml")


@pytest.mark.parametrize("first", ["# sha256 sums are below", "# the policy of plant 7", "", "x = 1 # sha256: 12"])
def test_another_first_line_is_no_checksum(first: str) -> None:
    errors = policy_errors(f"{first}\n{RULES}", file="policy.toml")
    assert not any("checksum" in str(error) for error in errors)
