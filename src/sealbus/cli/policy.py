"""`sealbus policy`: check a policy, and explain its decisions.

`check` reads a policy as the gateway would and shows its rules, or all its errors. `explain` decides one request and
prints ALLOW or DENY with the rule and the reason. `example` prints a policy to start from. No command here connects to
a device.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sealbus.cli.exits import FAILED, WRONG_USAGE, arguments_checked, one_line_errors
from sealbus.cli.log import print_text
from sealbus.cli.policy_question import Question, Values, parse_function_option
from sealbus.errors import ConfigError
from sealbus.policy import findings, parse_policy, policy_errors, quoted_role, render_place, render_ranges
from sealbus.protocol import ValueType, WordOrder
from sealbus.security import Authority, CertificateState
from sealbus.text_files import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealbus.policy import Policy, Rule

__all__ = ["Example", "app", "check", "example", "explain"]

app = typer.Typer(
    help="Check a policy; show its decision on a request.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_HEADER: Final = ("ROLE", "RULE", "UNITS", "RIGHTS")

_File = Annotated[Path, typer.Argument(help="The policy, such as policy.toml")]


class Example(StrEnum):
    """The policies that come with Sealbus."""

    STARTER = "starter"
    SECURE_SUNSPEC = "secure-sunspec"


@app.command()
def check(
    file: _File,
    authority: Annotated[
        Path | None, typer.Option(help="Folder of the authority: compare its certificates with the roles")
    ] = None,
) -> None:
    """Show the rules of a policy, or everything that is wrong with it."""
    with one_line_errors():
        text = _load(file)
        errors = policy_errors(text, file=str(file))
        for error in errors:
            print_text(f"sealbus: {error}", to_stderr=True)
        if errors:
            raise typer.Exit(WRONG_USAGE)
        policy = parse_policy(text, file=str(file))
        found = findings(policy, certificate_roles=None if authority is None else _roles_in_use(authority))
    rules = sum(len(role.rules) for role in policy.roles)
    print_text(
        f"{file}: {_counted(len(policy.roles), 'role')}, {_counted(rules, 'rule')}, {_counted(len(found), 'warning')}"
    )
    for line in _table(policy):
        print_text(line)
    for finding in found:
        where = str(file) if finding.line is None else f"{file}:{finding.line}"
        print_text(f"warning: {where}: {finding.text}")


@app.command()
def explain(
    file: _File,
    role: Annotated[str, typer.Option(help='The role of the certificate; "" for a certificate without one')],
    unit: Annotated[int, typer.Option(help="Unit id", min=0, max=255)],
    function: Annotated[str, typer.Option(help="Number or name: 3, write-single-register, diagnostics:4, canopen")],
    address: Annotated[int | None, typer.Option(help="First address, counted from 0; the record of a file")] = None,
    count: Annotated[int | None, typer.Option(help="Number of registers, coils or records [default: 1]", min=1)] = None,
    value: Annotated[list[str] | None, typer.Option(help="Value to write; repeat for several")] = None,
    write_address: Annotated[int | None, typer.Option(help="First address that function 23 writes")] = None,
    value_type: Annotated[ValueType, typer.Option("--type", help="Type of the values")] = ValueType.UINT16,
    order: Annotated[WordOrder, typer.Option(help="Word and byte order of the values")] = WordOrder.ABCD,
) -> None:
    """Decide a request by a role and print the rule and the reason. Status 0: allowed, 1: denied."""
    with one_line_errors(), arguments_checked():
        policy = parse_policy(_load(file), file=str(file))
        asked = parse_function_option(function)
        question = Question(asked, address, count, Values(tuple(value or ()), value_type, order), write_address)
        decision = policy.rights_of(role).decide(unit, question.request())
    print_text(f"{decision.verdict.name:7} {asked} on unit {unit} by {quoted_role(role)}")
    print_text(f"rule    {decision.rule or 'none'}")
    print_text(f"reason  {decision.reason}")
    if not decision.allowed:
        print_text("answer  exception 01, illegal function")
        raise typer.Exit(FAILED)


@app.command()
def example(name: Annotated[Example, typer.Argument(help="Name of the example")] = Example.STARTER) -> None:
    """Print a policy to start from: sealbus policy example > policy.toml"""
    file = resources.files("sealbus.policy") / "examples" / f"{name}.toml"
    print(file.read_text(encoding="utf-8"), end="")


def _load(file: Path) -> str:
    try:
        # `read_text` would change line ends, and so the checksum
        return decode_text(file.read_bytes(), file=str(file))
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", file=str(file), hint="give the path of a policy file"
        ) from None


def _table(policy: Policy) -> Iterator[str]:
    """One row for each kind of right of each rule; repeated cells are blank."""
    rows: list[Sequence[str]] = [_HEADER]
    for role in policy.roles:
        name = quoted_role(role.name).removeprefix("role ")
        if not role.rules:
            rows.append((name, "", "", "nothing"))
        for rule in role.rules:
            start = ("" if rule.number > 1 else name, str(rule.number), render_ranges(rule.units))
            rights = list(_rights(rule)) or ["nothing"]
            rows.append((*start, rights[0]))
            rows.extend(("", "", "", right) for right in rights[1:])
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _rights(rule: Rule) -> Iterator[str]:
    if rule.reads:
        yield f"read   {', '.join(render_place(place) for place in rule.reads)}"
    if rule.writes:
        limit = "" if rule.limit is None else f" ({rule.limit})"
        yield f"write  {', '.join(render_place(place) for place in rule.writes)}{limit}"
    if rule.functions:
        yield f"call   {', '.join(str(grant) for grant in rule.functions)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _roles_in_use(directory: Path) -> frozenset[str]:
    """The roles of the certificates that are neither revoked nor expired; "" where one has none."""
    issued = Authority.open(directory).list()
    return frozenset(certificate.role or "" for certificate in issued if certificate.state is CertificateState.VALID)
