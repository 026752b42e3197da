"""Findings: warnings about legal but suspicious policies."""

from __future__ import annotations

import pytest

from sealbus.policy import FindingKind, findings, parse_policy


def found(text: str, certificate_roles: list[str] | None = None) -> list[tuple[FindingKind, int | None, str]]:
    policy = parse_policy(text, file="policy.toml")
    return [(item.kind, item.line, item.text) for item in findings(policy, certificate_roles=certificate_roles)]


def kinds(rules: str) -> list[FindingKind]:
    return [kind for kind, _, _ in found(f'[[role]]\nname = "Operator"\n{rules}')]


def rule(body: str, units: str = "1") -> str:
    return f'[[role.allow]]\nunits = "{units}"\n{body}\n'


READ = rule('read = ["coils"]')


def test_a_plain_policy_has_no_findings() -> None:
    assert kinds(rule('read = ["holding"]') + rule('write = ["holding:0-9"]\nmax = 5')) == []


def test_a_policy_without_roles_is_found() -> None:
    assert found("") == [(FindingKind.NO_ROLES, None, "the policy has no roles: everything is denied to everyone")]


def test_a_role_without_allow_blocks_is_found() -> None:
    assert found('[[role]]\nname = "Operator"') == [
        (FindingKind.ROLE_WITHOUT_RULES, 1, 'role "Operator" has no allow block: everything is denied to it')
    ]


def test_a_name_with_a_space_around_it_is_found() -> None:
    text = f'[[role]]\nname = "Operator "\n{READ}'
    assert found(text) == [
        (
            FindingKind.SURROUNDING_SPACE,
            1,
            'role "Operator " begins or ends with a space; only a certificate with the same space matches',
        )
    ]


def test_two_names_that_look_alike_are_found() -> None:
    text = f'[[role]]\nname = "Operator"\n{READ}[[role]]\nname = "OPERATOR"\n{READ}'
    assert found(text) == [
        (FindingKind.LOOK_ALIKE, 6, 'role "OPERATOR" and role "Operator" look alike but are two roles')
    ]
    assert found(text.replace("OPERATOR", "Viewer")) == []


@pytest.mark.parametrize(
    "other",
    [
        "\u041eperator",
        "Operat\u043er",
        "Op\u0435r\u0430t\u043er",
        "\u039fperator",
        "0perator",
        "Oper\u200bator",
        "Operator\u00a0",
    ],
    ids=ascii,
)
def test_letters_of_another_alphabet_and_digits_look_alike_too(other: str) -> None:
    text = f'[[role]]\nname = "Operator"\n{READ}[[role]]\nname = "{other}"\n{READ}'
    assert (FindingKind.LOOK_ALIKE, 6) in [(kind, line) for kind, line, _ in found(text)]
    (about,) = [
        text for kind, _, text in found(f'[[role]]\nname = "Operator"\n{READ}', [other]) if "a certificate" in text
    ]
    assert 'role "Operator" is another role, although it looks alike' in about


def test_a_letter_that_only_looks_latin_is_found_without_another_role() -> None:
    assert found(f'[[role]]\nname = "\u041eperator"\n{READ}') == [
        (
            FindingKind.FOREIGN_LETTER,
            1,
            'role "\u041eperator" has the letter \u041e (CYRILLIC CAPITAL LETTER O), which only looks Latin; '
            "only a certificate with the same letter matches",
        )
    ]
    russian = "\u041e\u043f\u0435\u0440\u0430\u0442\u043e\u0440"  # a whole word in its own alphabet
    assert found(f'[[role]]\nname = "{russian}"\n{READ}') == []
    assert found(f'[[role]]\nname = "Op\u00e9rateur"\n{READ}') == []


def test_rights_of_the_null_role_are_found() -> None:
    assert [kind for kind, _, _ in found(f'[[role]]\nname = ""\n{READ}')] == [FindingKind.NULL_ROLE_HAS_RIGHTS]


def test_a_rule_of_empty_lists_is_found() -> None:
    assert kinds(rule("read = []")) == [FindingKind.EMPTY_RULE]


def test_writes_to_the_broadcast_are_found_and_reads_are_not() -> None:
    assert kinds(rule('write = ["holding"]', units="0-10")) == [FindingKind.BROADCAST]
    assert kinds(rule('read = ["holding"]', units="0-10")) == []


UNREACHABLE = [FindingKind.UNREACHABLE_RULE]


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ('read = ["holding"]', 'read = ["holding:5-9"]', UNREACHABLE),
        ('read = ["holding:0-4", "holding:5-9"]', 'read = ["holding:3-6"]', UNREACHABLE),
        ('read = ["holding:0-4", "holding:6-9"]', 'read = ["holding:3-6"]', []),
        ('read = ["input"]', 'read = ["holding:5-9"]', []),
        ('read = ["coils"]', 'read = ["coils"]\nwrite = ["coils"]', []),
        ('write = ["coils"]', 'write = ["coils:3"]', UNREACHABLE),
        ('functions = ["diagnostics:0-5"]', 'functions = ["diagnostics:2"]', UNREACHABLE),
        ('functions = ["diagnostics:0-5"]', 'functions = ["diagnostics:6"]', []),
        ("functions = [90]", "functions = [90, 91]", []),
        ('write = ["holding"]\nmax = 10', 'write = ["holding:5"]\nmax = 10', UNREACHABLE),
        (
            'write = ["holding:0-7"]\ntype = "uint32"\nmax = 10',
            'write = ["holding:2-3"]\ntype = "uint32"\nmax = 10',
            UNREACHABLE,
        ),
        (
            'write = ["holding:0-7"]\ntype = "uint32"\nmax = 10',
            'write = ["holding:1-2"]\ntype = "uint32"\nmax = 10',
            [],
        ),
    ],
)
def test_a_rule_that_adds_nothing_is_found(earlier: str, later: str, expected: list[FindingKind]) -> None:
    assert kinds(rule(earlier) + rule(later)) == expected


def test_a_rule_adds_something_as_soon_as_one_of_its_units_is_new() -> None:
    assert kinds(rule('read = ["coils"]', "1-5") + rule('read = ["coils"]', "5")) == UNREACHABLE
    assert kinds(rule('read = ["coils"]', "1-5") + rule('read = ["coils"]', "5-6")) == []
    several = rule('read = ["coils"]', "1-5") + rule('read = ["coils"]', "6-9")
    assert kinds(several + rule('read = ["coils"]', "4-7")) == UNREACHABLE


def test_limits_that_a_wider_rule_cancels_are_found() -> None:
    text = '[[role]]\nname = "Operator"\n'
    text += rule('write = ["holding:0-9"]\nmax = 10', "1-3") + rule('write = ["holding:5-20"]\nmax = 20', "2,3")
    assert found(text) == [
        (
            FindingKind.LIMITS_OVERLAP,
            7,
            "Operator/1 (at most 10) and Operator/2 (at most 20) both allow writing holding:5-9 on unit 2-3: rights "
            "add up, so a value that either rule allows is allowed",
        )
    ]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ('write = ["holding:0-9"]\nmax = 10', 'write = ["holding:9-12"]', [FindingKind.LIMITS_OVERLAP]),
        ('write = ["holding:0-9"]\nmax = 10', 'write = ["holding:10-12"]', []),
        ('write = ["holding:0-9"]\nmax = 10', 'write = ["holding:9-12"]\nmax = 10', []),
        ('write = ["holding:0-9"]\nmax = 10', 'read = ["holding:0-9"]', []),
        (
            'write = ["holding:0-9"]\nmax = 20',
            'write = ["holding:5"]\nmax = 10',
            [FindingKind.UNREACHABLE_RULE, FindingKind.LIMITS_OVERLAP],
        ),
    ],
)
def test_only_different_limits_on_the_same_registers_are_found(one: str, two: str, expected: list[FindingKind]) -> None:
    assert kinds(rule(one) + rule(two)) == expected
    assert kinds(rule(one) + rule(two, units="2")) == []


def test_rules_that_all_overlap_are_reported_up_to_a_bound() -> None:
    text = "".join(rule(f'write = ["holding:0-9"]\nmax = {number}') for number in range(100))
    overlaps = [each for each in found(f'[[role]]\nname = "Operator"\n{text}') if each[0] is FindingKind.LIMITS_OVERLAP]
    assert len(overlaps) == 201
    assert overlaps[-1] == (
        FindingKind.LIMITS_OVERLAP,
        1,
        'more than 200 pairs of rules of role "Operator" limit the same registers differently',
    )


def test_a_policy_of_many_rules_is_examined_as_one_of_few() -> None:
    """One rule per meter, as a program writes them: comparing each with each takes minutes."""
    rules = [rule(f'write = ["holding:{10 * number}-{10 * number + 9}"]\nmax = {number % 7}') for number in range(4000)]
    assert kinds("".join(rules)) == []
    rules[3999] = rule('write = ["holding:5"]\nmax = 0')
    assert kinds("".join(rules)) == UNREACHABLE


def test_roles_without_certificate_and_certificates_without_role_are_found() -> None:
    text = f'[[role]]\nname = "Operator"\n{READ}[[role]]\nname = "Viewer"\n{READ}'
    assert found(text, ["Operator", "Viewer"]) == []
    assert found(text, ["Operator", "", "Veiwer", "Auditor"]) == [
        (FindingKind.ROLE_WITHOUT_CERTIFICATE, 6, 'no certificate has role "Viewer"'),
        (
            FindingKind.CERTIFICATE_WITHOUT_ROLE,
            None,
            'a certificate has role "Auditor", which is not in the policy: everything is denied to it',
        ),
        (
            FindingKind.CERTIFICATE_WITHOUT_ROLE,
            None,
            'a certificate has role "Veiwer", which is not in the policy: everything is denied to it; '
            'role "Viewer" is another role',
        ),
    ]


def test_the_null_role_is_unused_if_every_certificate_has_a_role() -> None:
    text = '[[role]]\nname = ""'
    kinds = [kind for kind, _, _ in found(text, ["Operator"])]
    assert FindingKind.ROLE_WITHOUT_CERTIFICATE in kinds
    assert FindingKind.ROLE_WITHOUT_CERTIFICATE not in [kind for kind, _, _ in found(text, [""])]
