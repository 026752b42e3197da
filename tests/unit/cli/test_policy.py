"""`sealbus policy`: its output and exit status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sealbus.cli.policy import app
from sealbus.cli.policy_question import Function, parse_function_option
from sealbus.errors import SealbusError
from sealbus.policy import FUNCTION_NAMES, parse_function
from sealbus.security import Authority

DOCUMENT = Path(__file__).parents[3] / "docs" / "policy.md"
POLICY = """\
[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["coils", "holding:0-999"]
[[role.allow]]
units = 1
write = ["holding:100-109"]
min = 0
max = 1000
[[role.allow]]
units = 1
write = ["coils:4", "holding:200"]
functions = ["diagnostics:0", "read-device-identification", "read-file-record:3", "write-file-record:3", 90, 7]
[[role.allow]]
units = 1
write = ["holding:300-301"]
type = "float32"
order = "CDAB"
max = 1.5

[[role]]
name = ""
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY, encoding="utf-8")
    return file


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def explain(policy: Path, *words: object, role: str = "Operator", unit: int = 1) -> tuple[int, str]:
    status, out, err = run("explain", policy, "--role", role, "--unit", unit, *words)
    return status, out + err


def test_check_shows_roles_and_rights(policy: Path) -> None:
    status, out, err = run("check", policy)
    assert (status, err) == (0, "")
    assert out.replace(str(policy), "policy.toml").splitlines() == [
        "policy.toml: 2 roles, 4 rules, 1 warning",
        "ROLE           RULE  UNITS  RIGHTS",
        '"Operator"     1     1-10   read   coils, holding:0-999',
        "               2     1      write  holding:100-109 (0 to 1000)",
        "               3     1      write  coils:4, holding:200",
        "                            call   diagnostics:0, read-device-identification, read-file-record:3, "
        "write-file-record:3, function 90, read-exception-status",
        "               4     1      write  holding:300-301 (at most 1.5 float32 CDAB)",
        "the NULL role               nothing",
        "warning: policy.toml:22: the NULL role has no allow block: everything is denied to it",
    ]


def test_check_lists_all_errors_on_stderr_and_ends_with_2(policy: Path) -> None:
    policy.write_text(POLICY.replace("min = 0", 'mim = "0"').replace("1-10", "0-300"), encoding="utf-8")
    status, out, err = run("check", policy)
    assert (status, out) == (2, "")
    assert err.replace(str(policy), "policy.toml").splitlines() == [
        'sealbus: policy.toml:4: role[1].allow[1].units: "0-300" is out of range; unit ids are 0 to 255',
        "sealbus: policy.toml:9: role[1].allow[2].mim: this key is not known; did you mean `min`?",
    ]


def test_check_says_that_an_empty_policy_denies_everything(policy: Path) -> None:
    policy.write_text("", encoding="utf-8")
    status, out, _ = run("check", policy)
    assert status == 0
    assert out.endswith(f"warning: {policy}: the policy has no roles: everything is denied to everyone\n")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_ends_with_2_and_one_line(policy: Path, content: bytes | None) -> None:
    policy.unlink()
    if content is not None:
        policy.write_bytes(content)
    for verb in (("check",), ("explain", "--role", "A", "--unit", 1, "--function", 3, "--address", 0)):
        status, out, err = run(verb[0], policy, *verb[1:])
        assert (status, out) == (2, "")
        assert err.startswith(f"sealbus: {policy}: ")
        assert err.count("\n") == 1


def test_check_compares_the_roles_with_the_certificates_of_an_authority(policy: Path, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "Plant")
    authority.issue("gateway")
    authority.issue("paul", role="Operater")
    status, out, _ = run("check", policy, "--authority", tmp_path / "ca")
    assert status == 0
    assert out.replace(str(policy), "policy.toml").splitlines()[-2:] == [
        'warning: policy.toml:1: no certificate has role "Operator"',
        'warning: policy.toml: a certificate has role "Operater", which is not in the policy: everything is '
        'denied to it; role "Operator" is another role',
    ]
    authority.revoke("paul")
    authority.issue("paula", role="Operator")
    assert "no certificate has" not in run("check", policy, "--authority", tmp_path / "ca")[1]


def test_check_refuses_a_folder_that_is_no_authority(policy: Path, tmp_path: Path) -> None:
    status, out, err = run("check", policy, "--authority", tmp_path)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_explain_says_allow_with_the_rule(policy: Path) -> None:
    status, out = explain(policy, "--function", "3", "--address", "0", "--count", "10")
    assert status == 0
    assert out.replace(str(policy), "policy.toml").splitlines() == [
        'ALLOW   function 3 (read-holding-registers) on unit 1 by role "Operator"',
        "rule    Operator/1 at policy.toml:3",
        "reason  rule Operator/1 (policy.toml:3) allows it",
    ]


def test_explain_says_deny_with_the_reason_and_the_answer_to_the_client(policy: Path) -> None:
    status, out = explain(policy, "--function", "6", "--address", "100", "--value", "1200")
    assert status == 1
    assert out.replace(str(policy), "policy.toml").splitlines() == [
        'DENY    function 6 (write-single-register) on unit 1 by role "Operator"',
        "rule    Operator/2 at policy.toml:6",
        "reason  value 1200 at holding:100 is above max 1000 of rule Operator/2 (policy.toml:6), on unit 1",
        "answer  exception 01, illegal function",
    ]


def test_explain_names_no_rule_if_none_applies(policy: Path) -> None:
    status, out = explain(policy, "--function", "diagnostics:1", role="")
    assert status == 1
    assert out.splitlines() == [
        "DENY    function 8 (diagnostics), sub-function 1 on unit 1 by the NULL role",
        "rule    none",
        "reason  no rule of the NULL role allows diagnostics:1 on unit 1",
        "answer  exception 01, illegal function",
    ]


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [
        ("--function 1 --address 0 --count 2000", "--function 2 --address 0"),
        ("--function read-coils --address 65535", "--function 4 --address 0"),
        ("--function 3 --address 990 --count 10", "--function 3 --address 990 --count 11"),
        ("--function 5 --address 4 --value on", "--function 5 --address 5"),
        ("--function 15 --address 4", "--function 15 --address 4 --count 2"),
        ("--function 6 --address 200 --value 0xffff", "--function 6 --address 201 --value 1"),
        ("--function 16 --address 100 --value 1 --value 2", "--function 16 --address 109 --value 1 --value 2"),
        (
            "--function 16 --address 300 --value 1.5 --type float32 --order CDAB",
            "--function 16 --address 300 --value 1.75 --type float32 --order CDAB",
        ),
        ("--function 22 --address 200", "--function 22 --address 100"),
        (
            "--function 23 --address 0 --count 2 --write-address 200 --value 1",
            "--function 23 --address 0 --count 2 --write-address 201 --value 1",
        ),
        ("--function 7", "--function 11"),
        ("--function 16 --address 300 --value -2 --type float32 --order CDAB", "--function 24 --address -0"),
        ("--function 7", "--function 12"),
        ("--function 7", "--function report-server-id"),
        ("--function 8:0", "--function 8:4"),
        ("--function 20:3 --count 2", "--function read-file-record:4"),
        ("--function 21:3", "--function write-file-record:4"),
        ("--function 90", "--function 91"),
        ("--function 43:14", "--function canopen"),
        ("--function read-device-identification", "--function 43:99"),
        ("--function 90", "--function 24 --address 3"),
        ("--function 90", "--function read-fifo-queue:3"),
    ],
)
def test_explain_decides_every_function(policy: Path, allowed: str, denied: str) -> None:
    assert explain(policy, *allowed.split())[0] == 0
    assert explain(policy, *denied.split())[0] == 1
    assert explain(policy, *allowed.split(), unit=11)[0] == 1
    assert explain(policy, *allowed.split(), role="operator")[0] == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("--function 3", "add --address"),
        ("--function 3 --address 0 --count 126", "the quantity 126 is not in 1 to 125"),
        ("--function 3 --address 65535 --count 2", "are not all in 0 to 65535"),
        ("--function 6 --address 100", "add --value"),
        ("--function 6 --address 100 --value 70000", "70000 is not valid as uint16"),
        ("--function 6 --address 100 --value one", "'one' is not a value of type uint16"),
        ("--function 6 --address 100 --value 1 --value 2", "use --function 16"),
        ("--function 16 --address 100 --count 3 --value 1", "leave --count out"),
        ("--function 5 --address 4 --value 7", "use on or off"),
        ("--function 23 --address 0 --value 1", "add --write-address"),
        ("--function 8", "write --function diagnostics:NUMBER"),
        ("--function 20", "write --function read-file-record:NUMBER"),
        ("--function 43:300", "give 0 to 255"),
        ("--function 200", "is not a function"),
        ("--function wirte", "is not a function"),
        ("--function 0", "is not a function"),
    ],
)
def test_explain_refuses_an_invalid_request_with_one_line_and_status_2(policy: Path, words: str, hint: str) -> None:
    status, out = explain(policy, *words.split())
    assert status == 2
    assert hint in out
    assert out.startswith("sealbus: ")
    assert out.count("\n") == 1


def test_explain_refuses_a_broken_policy_with_status_2(policy: Path) -> None:
    policy.write_text("[[role", encoding="utf-8")
    assert explain(policy, "--function", "7")[0] == 2


def test_the_examples_are_printed_and_pass_the_check(tmp_path: Path) -> None:
    for name, roles in (("starter", 3), ("secure-sunspec", 4)):
        status, text, _ = run("example", name)
        assert status == 0
        file = tmp_path / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        status, out, _ = run("check", file)
        assert status == 0
        assert f"{roles} roles" in out
        assert "0 warnings" in out


def test_the_document_shows_what_is_really_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = DOCUMENT.read_text(encoding="utf-8")
    (tmp_path / "policy.toml").write_text(re.findall(r"```toml\n(.*?)```", document, re.DOTALL)[0], encoding="utf-8")
    shown = re.findall(r"```text\n\$ sealbus policy ([^\n]*)\n(.*?)```", document, re.DOTALL)
    assert len(shown) == 2
    for words, printed in shown:
        assert run(*words.split())[1] == printed


def test_every_entry_of_functions_is_in_the_document() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in FUNCTION_NAMES if f'| `"{name}' not in document] == []
    for entry in re.findall(r'^\| `"([^`]*)"`', document, re.MULTILINE):
        parse_function(entry)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("3", Function(3, None)),
        ("write-single-register", Function(6, None)),
        ("8:4", Function(8, 4)),
        ("diagnostics:4", Function(8, 4)),
        ("canopen", Function(43, 13)),
        ("43:14", Function(43, 14)),
        ("127", Function(127, None)),
    ],
)
def test_a_function_is_a_number_or_a_name(text: str, function: Function) -> None:
    assert parse_function_option(text) == function


@pytest.mark.parametrize("text", ["", "0", "128", "3:1", "canopen:1", "diagnostics:-1", "9" * 5000, "8:" + "9" * 5000])
def test_an_unknown_function_is_refused(text: str) -> None:
    with pytest.raises(SealbusError):
        parse_function_option(text)
