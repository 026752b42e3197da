"""`sealbus ca show` and `sealbus check`: what a file or a server says, and what would be refused.

`check` first looks at what the server presents, then makes the handshake that `sealbus read` would make, and sends no
request. A server of TLS 1.2 that refuses a client refuses the handshake. One of TLS 1.3 does so after it, and an acceptance
sends nothing: so TLS 1.2 is used where the server has it, else a refusal is waited for.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from sealbus.cli.exits import FAILED, arguments_checked, one_line_errors
from sealbus.cli.log import print_text
from sealbus.cli.option_files import check_option_files, load_identity
from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError, PeerError, Unreachable
from sealbus.security import (
    PeerVerifier,
    Side,
    Trust,
    build_client_context,
    describe,
    describe_file,
    explain_tls_error,
    switch_for_suite,
)
from sealbus.transport import dial_blocking, inspect_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.endpoints import Endpoint
    from sealbus.security import Described
    from sealbus.transport import PresentedServer

__all__ = ["check", "show"]


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Certificate, signing request or revocation list")],
) -> None:
    """Show what is in a file: names, role, dates, and who would refuse it."""
    with one_line_errors():
        described = describe_file(file, datetime.now(UTC))
        for place, one in enumerate(described):
            if place:
                print_text("")
            _print(one)


def check(
    url: Annotated[str, typer.Argument(metavar="URL", help="Server to look at: mbaps://plant.example")],
    certificate: Annotated[Path | None, typer.Option(help="Own certificate, leaf first, up to the root")] = None,
    key: Annotated[Path | None, typer.Option(help="Key of the certificate")] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="File with the passphrase of an encrypted key")] = None,
    trust: Annotated[list[Path], typer.Option(help="Certificates of the authorities to trust")] = [],  # noqa: B006
    crl: Annotated[list[Path], typer.Option(help="Revocation lists of those authorities")] = [],  # noqa: B006
    timeout: Annotated[float, typer.Option(help="Seconds for each connection", min=0.1)] = 5.0,
) -> None:
    """Show certificate, dates and suites of a server, and whether both sides accept each other. Sends no request."""
    with one_line_errors(), arguments_checked():
        endpoint = parse_endpoint(url)
        if endpoint.scheme is not Scheme.MBAPS:
            raise ConfigError(f"{url} has no TLS to check", key="URL", hint="write mbaps://HOST")
        identity = load_identity(certificate, key, passphrase_file)
        check_option_files(trust=trust, crl=crl)
        trusted = Trust.load(trust, crl) if trust else None
        if (identity is None) != (trusted is None):
            raise ConfigError(
                "--certificate, --key and --trust belong together", hint="give all three, or none to look only"
            )
        found = _show_server(endpoint, timeout)
        if identity is None or trusted is None:
            print_text("not checked: who trusts whom; give --certificate, --key and --trust")
            return
        print_text("")
        print_text("own certificate")
        _print(describe(identity.pairs[0].chain[0], datetime.now(UTC), Side.CLIENT))
        context = build_client_context(identity, trusted)
        if any(not switch_for_suite(suite) for suite in found.suites_1_2):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        refusal = _refusal(endpoint, context, trusted, timeout)
        print_text("")
        print_text(f"refused: {refusal}" if refusal else "accepted: each side accepts the certificate of the other")
    if refusal:
        raise typer.Exit(FAILED)


def _show_server(endpoint: Endpoint, timeout_s: float) -> PresentedServer:
    found = inspect_server(endpoint, timeout_s=timeout_s)
    if not found.chain:
        raise Unreachable(f"{endpoint} presents no certificate with any suite; is its port plain Modbus (tcp://)?")
    _print(describe(found.chain[0], datetime.now(UTC), Side.SERVER))
    _print_fact("chain", f"{len(found.chain)} certificate{'' if len(found.chain) == 1 else 's'}")
    _print_fact("TLS 1.3", found.suite_1_3 or "not supported")
    _print_fact("TLS 1.2", _suites(found.suites_1_2) or "not supported")
    return found


def _suites(suites: Sequence[str]) -> str:
    switches = {suite: switch_for_suite(suite) for suite in suites}
    return ", ".join(f"{suite} (only with {switch})" if switch else suite for suite, switch in switches.items())


def _refusal(endpoint: Endpoint, context: ssl.SSLContext, trust: Trust, timeout_s: float) -> str:
    """Why one side refuses the other, in one sentence; empty if neither does."""
    try:
        transport = dial_blocking(endpoint, tls=context, timeout_s=timeout_s)
    except Unreachable as error:
        return str(error)
    try:
        session: ssl.SSLObject = transport.get_extra_info("ssl_object")
        PeerVerifier(trust).peer(session, datetime.now(UTC))
        is_decided = session.version() == "TLSv1.2"
        if not is_decided and transport.wait(timeout_s) and transport.receive() == b"":
            return "the server closes the connection after the handshake without giving a reason"
    except PeerError as error:
        return str(error)
    except OSError as error:
        return explain_tls_error(error)
    finally:
        transport.close()
    return ""


def _print(described: Described) -> None:
    for label, text in described.facts:
        _print_fact(label, text)
    for objection in described.objections:
        _print_fact("refused by", objection)


def _print_fact(label: str, text: str) -> None:
    print_text(f"{label + ':':12} {text}")
