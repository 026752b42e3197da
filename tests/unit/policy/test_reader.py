"""policy.toml with typical mistakes: what is accepted, and what is an error with file, line, key and hint."""

from __future__ import annotations

import pytest

from sealbus.errors import ConfigError
from sealbus.policy import Limit, parse_policy, policy_errors
from sealbus.protocol import Place, ReadCoils, Table, ValueType, WordOrder

HEAD = '[[role]]\nname = "Operator"\n[[role.allow]]\n'


def refused(body: str) -> str:
    """The only error of an allow block, without the common key path."""
    errors = policy_errors(HEAD + body, file="policy.toml")
    assert len(errors) == 1
    with pytest.raises(ConfigError) as caught:
        parse_policy(HEAD + body, file="policy.toml")
    assert str(caught.value) == str(errors[0])
    return str(errors[0]).replace("role[1].allow[1].", "")


def test_the_example_of_the_documentation_is_read() -> None:
    text = """\
[[role]]
name = "Operator"                  # exactly the string in the certificate
[[role.allow]]
units = "1-10"
read = ["coils", "discrete", "holding:0-999", "input:0-999"]
[[role.allow]]
units = "1"
write = ["holding:100-109"]
min = 0
max = 1000

[[role]]
name = ""
"""
    policy = parse_policy(text, file="policy.toml")
    operator, null = policy.roles
    assert (operator.name, null.name, null.rules) == ("Operator", "", ())
    read, write = operator.rules
    assert read.units == tuple(range(1, 11))
    assert read.reads == (
        Place(Table.COILS, 0, 65536),
        Place(Table.DISCRETE, 0, 65536),
        Place(Table.HOLDING, 0, 1000),
        Place(Table.INPUT, 0, 1000),
    )
    assert write.writes == (Place(Table.HOLDING, 100, 10),)
    assert write.limit == Limit(0, 1000, ValueType.UINT16, WordOrder.ABCD)
    assert (write.title, write.label) == ("Operator/2 at policy.toml:6", "Operator/2 (policy.toml:6)")


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("1", (1,)),
        ('"1"', (1,)),
        ('"3,1,7-9"', (1, 3, 7, 8, 9)),
        ('" 1 , 3 - 5 "', (1, 3, 4, 5)),
        ('[1, "3-4", "255"]', (1, 3, 4, 255)),
        ('"0"', (0,)),
        ('["1-5", "2-3"]', (1, 2, 3, 4, 5)),
    ],
)
def test_units_are_numbers_ranges_and_lists(units: str, expected: tuple[int, ...]) -> None:
    policy = parse_policy(f'{HEAD}units = {units}\nread = ["coils"]', file="policy.toml")
    assert policy.roles[0].rules[0].units == expected


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            'read = ["coils"]',
            'policy.toml:3: role[1].allow[1]: the rule names no units; write units = "1-10"',
        ),
        ('units = "0-300"\nread = []', 'policy.toml:4: units: "0-300" is out of range; unit ids are 0 to 255'),
        ("units = 256\nread = []", 'policy.toml:4: units: "256" is out of range; unit ids are 0 to 255'),
        ('units = "10-3"\nread = []', 'policy.toml:4: units: "10-3" ends before it begins; write "3-10"'),
        (
            "units = []\nread = []",
            "policy.toml:4: units: no unit is named; a rule needs at least one unit id, 0 to 255",
        ),
        (
            "units = -1\nread = []",
            'policy.toml:4: units: "-1" is not a unit id; write "1-10", "1,3,7-9", a number, or a list of them',
        ),
        (
            "units = true\nread = []",
            'policy.toml:4: units: True is not a unit id; write "1-10", "1,3,7-9", a number, or a list of them',
        ),
        (
            'units = "1,,2"\nread = []',
            'policy.toml:4: units: "" is not a unit id; write "1-10", "1,3,7-9", a number, or a list of them',
        ),
        ("units = 1", "policy.toml:3: role[1].allow[1]: the rule grants nothing; add read, write or functions"),
        (
            'units = 1\nread = "coils"',
            "policy.toml:5: read: 'coils' is not a list; put it in brackets: read = [...]",
        ),
        (
            'units = 1\nread = ["holding:100-99"]',
            "policy.toml:5: read: 'holding:100-99' ends before it begins; write holding:99-100",
        ),
        (
            'units = 1\nread = ["holding:1-70000"]',
            "policy.toml:5: read: holding:1-70000 goes past the table; addresses are 0 to 65535, counted from 0",
        ),
        (
            'units = 1\nread = ["40101"]',
            'policy.toml:5: read: "40101" counts from 1 as manuals do; '
            "addresses are 0-based as on the wire: 40101 is holding:100",
        ),
        (
            "units = 1\nread = [30005]",
            "policy.toml:5: read: 30005 is not a place; addresses are 0-based as on the wire: 30005 is input:4",
        ),
        (
            'units = 1\nread = ["10001-10016"]',
            'policy.toml:5: read: "10001-10016" counts from 1 as manuals do; '
            "addresses are 0-based as on the wire: 10001-10016 is discrete:0-15",
        ),
        (
            'units = 1\nread = ["holding:400101"]',
            'policy.toml:5: read: "holding:400101" counts from 1 as manuals do; '
            "addresses are 0-based as on the wire: holding:400101 is holding:100",
        ),
        (
            "units = 1\nread = [5]",
            'policy.toml:5: read: 5 is not a place; write a table and addresses: "holding:0-9"',
        ),
        (
            'units = 1\nwrite = ["input:3"]',
            'policy.toml:5: write: "input:3" cannot be written; only coils and holding can; grant it by read',
        ),
        (
            'units = 1\nwrite = ["discrete"]',
            'policy.toml:5: write: "discrete" cannot be written; only coils and holding can; grant it by read',
        ),
        ('unit = 1\nread = ["coils"]', "policy.toml:4: unit: this key is not known; did you mean `units`?"),
        ('units = 1\nReads = ["coils"]', "policy.toml:5: Reads: this key is not known; did you mean `read`?"),
        (
            'units = 1\nread = ["coils"]\ncolour = "red"',
            "policy.toml:6: colour: this key is not known; "
            "the keys here are units, read, write, min, max, type, order, functions",
        ),
        ('units = 1\nwrite = ["holding:1"]\nmin = 5\nmax = 4', "policy.toml:6: min: min 5 is above max 4; swap them"),
        (
            'units = 1\nwrite = ["holding:1"]\nmin = "3"',
            "policy.toml:6: min: '3' is not a number; write it without quotes",
        ),
        ('units = 1\nwrite = ["holding:1"]\nmax = true', "policy.toml:6: max: True is not a number; write a number"),
        (
            'units = 1\nwrite = ["holding:1"]\nmax = inf',
            "policy.toml:6: max: inf is not a limit; leave max out if that side is open",
        ),
        (
            'units = 1\nwrite = ["holding:1"]\nmin = nan',
            "policy.toml:6: min: nan is not a limit; leave min out if that side is open",
        ),
        (
            'units = 1\nwrite = ["holding:1"]\nmin = -5',
            "policy.toml:6: min: -5 is outside uint16, 0 to 65535; "
            "name the type of the value, such as int16 or int32 or int64",
        ),
        (
            'units = 1\nwrite = ["holding:0-1"]\ntype = "float32"\nmax = 1e39',
            'policy.toml:7: max: 1e+39 is outside float32; use type = "float64", or write a smaller number',
        ),
        (
            'units = 1\nwrite = ["coils:4", "holding:4"]\nmin = 1',
            "policy.toml:6: min: coils cannot have limits; move the coils to an allow block of their own, without limits",
        ),
        (
            'units = 1\nread = ["holding"]\nmax = 1',
            'policy.toml:6: max: a limit needs a write; add write = ["holding:..."], or remove the limit',
        ),
        (
            'units = 1\nwrite = ["holding"]\ntype = "int16"',
            "policy.toml:6: type: type without min or max limits nothing; add min or max, or remove type",
        ),
        (
            'units = 1\nwrite = ["holding:5-7"]\ntype = "float32"\nmin = 0',
            "policy.toml:5: write: holding:5-7 has 3 registers, and a float32 takes 2; "
            "whole values are, for example, holding:5-6",
        ),
        (
            'units = 1\nwrite = ["holding:5"]\ntype = "uint64"\nmin = 0',
            "policy.toml:5: write: holding:5 has 1 registers, and a uint64 takes 4; "
            "whole values are, for example, holding:5-8",
        ),
        (
            'units = 1\nwrite = ["holding:0-1"]\ntype = "float"\nmin = 0',
            "policy.toml:6: type: 'float' is not a valid type of a limit; did you mean \"float64\"?",
        ),
        (
            'units = 1\nwrite = ["holding:0-1"]\ntype = "string"\nmin = 0',
            "policy.toml:6: type: 'string' is not a valid type of a limit; "
            "give one of uint16, int16, uint32, int32, uint64, int64, float32, float64",
        ),
        (
            'units = 1\nwrite = ["holding:0-1"]\norder = "abcd"\nmin = 0',
            "policy.toml:6: order: 'abcd' is not a valid order of a limit; did you mean \"ABCD\"?",
        ),
        (
            'units = 1\nfunctions = ["canopn"]',
            'policy.toml:5: functions: "canopn" is not a function; did you mean "canopen"?',
        ),
    ],
)
def test_an_error_names_its_line_its_key_and_a_hint(body: str, error: str) -> None:
    assert refused(body) == error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rolle = 1", "policy.toml:1: rolle: this key is not known; did you mean `role`?"),
        (
            "[role]",
            "policy.toml:1: role: [role] is a single table, and there can be several; "
            "begin each with [[role]], in double brackets",
        ),
        ("role = 3", "policy.toml:1: role: role is not a list of tables; begin each with [[role]], in double brackets"),
        (
            '[[role]]\nname = "A"\n[[allow]]\nunits = 1',
            "policy.toml:3: allow: this key is not known; write [[role.allow]], below the [[role]] that it belongs to",
        ),
        (
            "[[role.allow]]\nunits = 1",
            "policy.toml:1: role.allow: a rule stands above the first role; "
            'begin the role with [[role]] and its name = "...", above its rules',
        ),
        (
            '[[role]]\nname = "A"\nunits = 1',
            "policy.toml:3: role[1].units: this key is not known; it belongs below [[role.allow]]",
        ),
        (
            '[[role]]\nname = "A"\n[role.allow]\nunits = 1\n[role.allow]',
            "policy.toml:5: the table role.allow is written twice; write [[role.allow]], in double "
            "brackets, each time if there can be several; otherwise keep one",
        ),
        (
            '[[role]]\nname = "A"\n[role.allow]\nunits = 1',
            "policy.toml:3: role[1].allow: [role.allow] is a single table, and there can be several; "
            "begin each with [[role.allow]], in double brackets",
        ),
        (
            "[[role]]",
            "policy.toml:1: role[1]: a role needs a name; "
            'write name = "..." as in the certificate; "" is the NULL role',
        ),
        (
            "[[role]]\nname = 3",
            "policy.toml:2: role[1].name: 3 is not a text; put it in quotes, exactly as in the certificate",
        ),
        ('[[role]]\nnam = "A"', "policy.toml:2: role[1].nam: this key is not known; did you mean `name`?"),
        (
            '[[role]]\nname = "A"\ndescription = 4',
            "policy.toml:3: role[1].description: 4 is not a text; put it in quotes",
        ),
        (
            '[[role]]\nname = "A"\n\n[[role]]\nname = "A"',
            "policy.toml:5: role[2].name: the role 'A' is defined twice, first on line 1; "
            "put all its allow blocks under one [[role]]",
        ),
        (
            "[[role",
            "policy.toml:1: not valid TOML: Expected ']]' at the end of an array declaration; correct the TOML syntax",
        ),
        (
            f"min = 0x{'f' * 5000}",
            "policy.toml: a number has more than 64 bits; write a number of at most 64 bits",
        ),
        (f"min = {'9' * 5000}", "policy.toml: tables nest deeper than 32 levels, or a number is too long; shorten it"),
        ("a = " + "[" * 5000, "policy.toml: tables nest deeper than 32 levels, or a number is too long; shorten it"),
    ],
)
def test_an_error_outside_an_allow_block_is_reported_too(text: str, error: str) -> None:
    assert [str(found) for found in policy_errors(text, file="policy.toml")] == [error]
    with pytest.raises(ConfigError):
        parse_policy(text, file="policy.toml")


def test_all_errors_are_listed_in_the_order_of_their_lines() -> None:
    text = f'{HEAD}units = "0-300"\nread = ["holding:9-1", "input:x"]\nmax = 1\n[[role]]\nname = "Operator"\n'
    assert [error.line for error in policy_errors(text, file="policy.toml")] == [4, 5, 5, 6, 8]


def test_a_valid_policy_has_no_errors() -> None:
    assert policy_errors(f'{HEAD}units = 1\nread = ["coils"]', file="policy.toml") == []


def test_unusual_but_legal_names_are_kept_unchanged() -> None:
    text = '[[role]]\nname = "Operator "\ndescription = "with a space"\n[[role]]\nname = "OPERATOR"\n'
    policy = parse_policy(text, file="policy.toml")
    assert [(role.name, role.description, role.line) for role in policy.roles] == [
        ("Operator ", "with a space", 1),
        ("OPERATOR", "", 4),
    ]
    assert not policy.rights_of("Operator ").decide(1, ReadCoils(0, 1)).allowed


def test_roles_and_rules_may_be_written_inline() -> None:
    text = 'role = [{name = "A", allow = [{units = 1, read = ["coils:0"]}]}]'
    policy = parse_policy(text, file="policy.toml")
    assert policy.rights_of("A").decide(1, ReadCoils(0, 1)).rule == "A/1 at policy.toml:1"
