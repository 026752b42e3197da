"""`sealbus ca`: make an authority, issue, sign and revoke certificates, and list when they expire.

Nothing is overwritten and nothing is granted silently: a request is shown before it is signed, a role in the request is
ignored in favour of `--role`, and older valid certificates of the same name are listed. Written files go to stdout, one
path and its purpose a line; warnings go to stderr.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sealbus.cli.exits import FAILED, one_line_errors, quit_with
from sealbus.cli.inspection import show
from sealbus.cli.log import print_text
from sealbus.cli.option_files import check_option_files
from sealbus.errors import ConfigError
from sealbus.security import (
    LEAF_DAYS,
    REASONS,
    ROOT_DAYS,
    Authority,
    CertificateState,
    KeyFiles,
    KeyKind,
    RootOptions,
    SigningRequest,
    printable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealbus.security import AuthorityStatus, Issued, IssuedCertificate

__all__ = ["app", "init", "issue", "list_certificates", "renew_crl", "revoke", "sign"]

app = typer.Typer(
    help="A certificate authority for plants that have none.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_ENVIRONMENT: Final = "SEALBUS_CA_PASSPHRASE"
_SOON_DAYS: Final = 30
_HEADER: Final = ("NAME", "ROLE", "STATE", "ENDS", "DAYS LEFT", "SERIAL")

_Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the authority")]
_Role = Annotated[str | None, typer.Option(help="Role in the certificate; leave it out for none", metavar="ROLE")]
_Hosts = Annotated[list[str] | None, typer.Option("--host", help="Host name or IP address; repeat for several")]
_Days = Annotated[int, typer.Option(help="Days until it expires, never later than the authority")]
_Out = Annotated[Path | None, typer.Option(metavar="DIR2", help="Folder for the new files [default: DIR]")]
_PassphraseFile = Annotated[
    Path | None, typer.Option(help=f"File with the passphrase of ca.key (else {_ENVIRONMENT}, else asked for)")
]


@app.command()
def init(
    directory: _Directory,
    name: Annotated[str | None, typer.Option(help="Name of the authority")] = None,
    key: Annotated[KeyKind, typer.Option(help="Kind of key")] = KeyKind.ECDSA_P256,
    days: Annotated[int, typer.Option(help="Days until the authority expires")] = ROOT_DAYS,
    crl_days: Annotated[
        int | None, typer.Option(help="Days until ca.crl must be renewed [default: as long as the authority]")
    ] = None,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Encrypt ca.key with a passphrase")] = False,
    passphrase_file: _PassphraseFile = None,
) -> None:
    """Make an authority: its certificate, its key and an empty revocation list."""
    with _errors():
        passphrase = _passphrase(passphrase_file, confirm=True) if encrypt or passphrase_file else None
        options = RootOptions(key_kind=key, days=days, crl_days=crl_days, passphrase=passphrase)
        # the random part distinguishes two authorities in one trust file
        authority = Authority.create(directory, name or f"Sealbus authority {secrets.token_hex(3)}", options)
        folder = authority.folder
        print_text(f"{folder.certificate}  the trust anchor: every side gets a copy")
        print_text(f"{folder.revocation_list}  the revocation list: every gateway gets a copy, and each new one")
        print_text(f"{folder.key}  the key of the authority: it never leaves this folder{_encrypted(passphrase)}")


@app.command()
def issue(
    directory: _Directory,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the certificate and of its files")],
    role: _Role = None,
    host: _Hosts = None,
    days: _Days = LEAF_DAYS,
    out: _Out = None,
    key: Annotated[KeyKind | None, typer.Option(help="Kind of key [default: ecdsa-p256]")] = None,
    replace_key: Annotated[bool, typer.Option("--replace", help="Replace the existing key by a new one")] = False,
    key_passphrase_file: Annotated[Path | None, typer.Option(help="File with a passphrase for NAME.key")] = None,
    passphrase_file: _PassphraseFile = None,
) -> None:
    """Issue NAME.crt, with its chain up to the root, and NAME.key."""
    with _errors():
        key_passphrase = _read_passphrase(key_passphrase_file, "key_passphrase_file") if key_passphrase_file else None
        files = KeyFiles(directory=out, kind=key, replace=replace_key, passphrase=key_passphrase)
        authority = _open(directory, passphrase_file)
        _show_issued(authority.issue(name, role=role, hosts=host or (), days=days, files=files))


@app.command()
def sign(
    directory: _Directory,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The signing request")],
    role: _Role = None,
    host: _Hosts = None,
    days: _Days = LEAF_DAYS,
    out: _Out = None,
    name: Annotated[str | None, typer.Option(help="Name of the certificate [default: name of the file]")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking; needed without a terminal")] = False,
    passphrase_file: _PassphraseFile = None,
) -> None:
    """Show a signing request and sign it. A role in the request is ignored: only --role sets one."""
    with _errors():
        authority = _open(directory, passphrase_file)
        asked = SigningRequest.load(request)
        granted = replace(asked, name=name or asked.name, hosts=tuple(host) if host else asked.hosts)
        for label, text in asked.describe():
            print_text(f"{label + ':':16}{text}")
        print_text(f"{'to be signed:':16}role {_quoted(role)}, hosts {', '.join(granted.hosts) or 'none'}, {days} days")
        if not yes:
            _confirm()
        _show_issued(authority.sign(granted, role=role, days=days, directory=out))


@app.command()
def revoke(
    directory: _Directory,
    name_or_serial: Annotated[
        str, typer.Argument(metavar="NAME|SERIAL", help="A name, for all its certificates, or one serial number")
    ],
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS)}")] = REASONS[0],
    passphrase_file: _PassphraseFile = None,
) -> None:
    """Revoke certificates and renew ca.crl."""
    with _errors():
        authority = _open(directory, passphrase_file)
        revoked = authority.revoke(name_or_serial, reason=reason)
        for one in revoked:
            print_text(f"revoked {one.serial}  {one.name}, role {_quoted(one.role)}")
        if not revoked:
            print_text(f"{name_or_serial} is revoked already")
        print_text(f"{authority.folder.revocation_list}  renewed: copy it to every gateway")


@app.command("list")
def list_certificates(
    directory: _Directory,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """List all certificates: role, state, end, days left and serial number."""
    with _errors():
        authority = Authority.open(directory)
        now = datetime.now(UTC)
        status, certificates = authority.status(), authority.list()
        if as_json:
            print(json.dumps(_as_json(status, certificates, now), indent=2))
            return
        print_text(f"{status.subject}, until {status.not_after:%Y-%m-%d}; revocation list until {_day(status)}")
        for line in _table(certificates, now):
            typer.echo(line)  # which leaves colours out in a pipe
        for problem in status.problems:
            print_text(f"sealbus: {problem}", to_stderr=True)


@app.command("renew-crl")
def renew_crl(
    directory: _Directory,
    crl_days: Annotated[
        int | None, typer.Option(help="Days until the next renewal (0: as long as the authority)")
    ] = None,
    passphrase_file: _PassphraseFile = None,
) -> None:
    """Renew ca.crl: same entries, new dates."""
    with _errors():
        authority = _open(directory, passphrase_file)
        end = authority.renew_revocation_list(crl_days)
        print_text(f"{authority.folder.revocation_list}  renewed, valid until {end:%Y-%m-%d %H:%M} UTC")


app.command("show")(show)


@contextmanager
def _errors() -> Iterator[None]:
    """As `one_line_errors`; an error of the file system names its file."""
    with one_line_errors():
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            quit_with(f"{where}{error.strerror or error}", FAILED)


def _open(directory: Path, passphrase_file: Path | None) -> Authority:
    authority = Authority.open(directory)
    if authority.folder.key_is_encrypted():
        return Authority.open(directory, _passphrase(passphrase_file, confirm=False))
    return authority


def _passphrase(file: Path | None, *, confirm: bool) -> bytes:
    if file is not None:
        return _read_passphrase(file)
    if from_environment := os.environ.get(_ENVIRONMENT):
        return from_environment.encode()
    if not _is_terminal():
        raise ConfigError(
            "a passphrase is needed and there is no terminal to ask for it",
            key="--passphrase-file",
            hint=f"give this option or set {_ENVIRONMENT}",
        )
    text: str = typer.prompt("Passphrase of the authority", hide_input=True, confirmation_prompt=confirm, err=True)
    return text.encode()


def _read_passphrase(file: Path, option: str = "passphrase_file") -> bytes:
    check_option_files(**{option: file})
    passphrase = file.read_bytes().rstrip(b"\r\n")
    if not passphrase:
        raise ConfigError("the passphrase is empty", file=str(file), hint="write it into the first line")
    return passphrase


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _confirm() -> None:
    if not _is_terminal():
        raise ConfigError(
            "there is no terminal to ask for confirmation", key="--yes", hint="check the request, then add --yes"
        )
    if not typer.confirm("Sign it?"):
        quit_with("nothing was signed", FAILED)


def _show_issued(done: Issued) -> None:
    print_text(
        f"{done.certificate}  the certificate, up to the root; serial {done.serial}, until {done.not_after:%Y-%m-%d}"
    )
    if done.key is not None:
        print_text(f"{done.key}  its key")
    for note in done.notes:
        print_text(f"sealbus: {note}", to_stderr=True)


def _table(certificates: Sequence[IssuedCertificate], now: datetime) -> Iterator[str]:
    rows = [_HEADER, *(_row(one, now) for one in certificates)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    colours = [None, *(_colour(one, now) for one in certificates)]
    for row, colour in zip(rows, colours, strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield typer.style(line, fg=colour) if colour else line


def _row(one: IssuedCertificate, now: datetime) -> tuple[str, ...]:
    end = f"{one.not_after:%Y-%m-%d}"
    return (printable(one.name), _quoted(one.role), one.state.value, end, str(one.days_left(now)), one.serial)


def _colour(one: IssuedCertificate, now: datetime) -> str | None:
    if one.state is not CertificateState.VALID:
        return typer.colors.BRIGHT_BLACK
    days = one.days_left(now)
    return typer.colors.YELLOW if days < _SOON_DAYS else None


def _as_json(status: AuthorityStatus, certificates: Sequence[IssuedCertificate], now: datetime) -> dict[str, object]:
    return {
        "authority": {
            "subject": status.subject,
            "not_after": status.not_after.isoformat(),
            "days_left": (status.not_after - now).days,
            "revocation_list_not_after": status.list_not_after.isoformat() if status.list_not_after else None,
            "problems": list(status.problems),
        },
        "certificates": [
            {
                "name": one.name,
                "serial": one.serial,
                "subject": one.subject,
                "role": one.role,
                "state": one.state.value,
                "not_after": one.not_after.isoformat(),
                "days_left": one.days_left(now),
                "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
            }
            for one in certificates
        ],
    }


def _day(status: AuthorityStatus) -> str:
    return f"{status.list_not_after:%Y-%m-%d}" if status.list_not_after else "no date"


def _quoted(role: str | None) -> str:
    return "none" if role is None else f'"{printable(role, longest=64)}"'


def _encrypted(passphrase: bytes | None) -> str:
    return ", encrypted" if passphrase else ""
