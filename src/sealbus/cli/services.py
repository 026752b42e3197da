"""`sealbus gateway` and `sealbus wrap`: the processes that carry Modbus."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from sealbus.cli.exits import one_line_errors
from sealbus.cli.home import state_home
from sealbus.cli.log import LogFormat, print_line, print_text, start_log
from sealbus.cli.option_files import check_option_files
from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.gateway import (
    DeviceTable,
    GatewayFile,
    GatewaySecurity,
    GatewayTable,
    IdentityTable,
    ListenerTable,
    load_gateway_file,
    load_policy,
    run_gateway,
    serial_warnings,
)
from sealbus.policy import parse_units
from sealbus.transport import new_event_loop

if TYPE_CHECKING:
    from sealbus.gateway import GatewayProcess

__all__ = ["gateway", "wrap"]

_ALL_UNITS = "0-255"


def gateway(
    file: Annotated[Path, typer.Argument(help="gateway.toml")],
    check: Annotated[
        bool, typer.Option("--check", help="Check the file and all files it names; start nothing")
    ] = False,
    log: Annotated[LogFormat, typer.Option(help="Format of the log")] = LogFormat.PLAIN,
) -> None:
    """Serve devices over mutual TLS, with rights by role and a record of every write and denial."""
    start_log(log)  # first: what is wrong with the file is a line of the log too
    with one_line_errors():
        loaded = load_gateway_file(file)
        if check:
            _check(loaded)
            return
        _run(loaded, path=file)


def wrap(
    listen: Annotated[str, typer.Argument(help="Endpoint for the application: tcp://127.0.0.1:1502")],
    device: Annotated[str, typer.Argument(help="Endpoint of the gateway: mbaps://plant.example")],
    certificate: Annotated[Path, typer.Option(help="Own certificate, leaf first, up to the root")],
    key: Annotated[Path, typer.Option(help="Key of the certificate")],
    trust: Annotated[list[Path], typer.Option(help="Certificates of the authorities to trust")],
    passphrase_file: Annotated[Path | None, typer.Option(help="File with the passphrase of an encrypted key")] = None,
    crl: Annotated[list[Path], typer.Option(help="Revocation lists of those authorities")] = [],  # noqa: B006
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer", min=0.1)] = 5.0,
    records: Annotated[Path | None, typer.Option(help="Folder of the record [default: in the state folder]")] = None,
    log: Annotated[LogFormat, typer.Option(help="Format of the log")] = LogFormat.PLAIN,
    unsafe_plain: Annotated[
        bool, typer.Option("--unsafe-plain", help="Allow plain Modbus to listen off loopback")
    ] = False,
) -> None:
    """Forward plain Modbus from loopback over mutual TLS. The gateway at the far end decides what is allowed."""
    start_log(log)
    with one_line_errors():
        endpoint = parse_endpoint(listen, listening=True)
        if endpoint.scheme is not Scheme.TCP:
            raise ConfigError(f"{listen} is not a tcp:// endpoint", key="LISTEN", hint="write tcp://127.0.0.1:PORT")
        if parse_endpoint(device).scheme is not Scheme.MBAPS:
            raise ConfigError(f"{device} is not an mbaps:// endpoint", key="DEVICE", hint="write mbaps://HOST")
        if not endpoint.is_loopback and not unsafe_plain:
            raise ConfigError("plain Modbus may listen on loopback only", key="LISTEN", hint="use tcp://127.0.0.1:PORT")
        check_option_files(certificate=certificate, key=key, trust=trust, passphrase_file=passphrase_file, crl=crl)
        file = GatewayFile(
            gateway=GatewayTable(name="wrap", records=str(records or state_home() / f"wrap-{endpoint.port}")),
            identity=IdentityTable(
                certificate=[str(certificate)],
                key=[str(key)],
                trust=list(map(str, trust)),
                crl=list(map(str, crl)),
                passphrase_file=str(passphrase_file or ""),
            ),
            listener=[
                ListenerTable(
                    url=listen,
                    unsafe_plain=unsafe_plain,
                    unsafe_no_policy=True,  # the far end decides, by the role in this certificate
                    device=[DeviceTable(units=_ALL_UNITS, url=device, timeout=timeout, in_flight=16)],
                )
            ],
        )
        _run(file)


def _run(file: GatewayFile, *, path: Path | None = None) -> None:
    def ready(process: GatewayProcess) -> None:
        for service in process.gateway.services.values():
            print_line(f"listening on {service.endpoint}")

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run_gateway(file, path=path, ready=ready))


def _check(file: GatewayFile) -> None:
    warnings = serial_warnings(file)
    if file.identity is not None:
        state = GatewaySecurity(file.identity, file)
        warnings += [*state.warnings, *state.list_problems().values()]
    for listener in file.listener:
        reached: set[int] = set()
        rights = "no policy, everything is allowed (unsafe_no_policy)"
        if listener.policy:
            policy = load_policy(listener.policy)
            count = len(policy.roles)
            rights = f"{count} role{'s' if count != 1 else ''} in {listener.policy}"
            reached = {unit for role in policy.roles for rule in role.rules for unit in rule.units}
        print_text(f"{listener.url}: {rights}")
        for device in listener.device:
            print_text(f"  units {device.units} -> {device.url}")
            if listener.policy and (idle := [unit for unit in parse_units(device.units) if unit not in reached]):
                units = ", ".join(map(str, idle[:8])) + (" ..." if len(idle) > 8 else "")
                warnings.append(f"no rule of {listener.policy} names unit {units}: every request to it is denied")
    for warning in warnings:
        print_text(f"warning: {warning}")
    print_text(f"usable, with {len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else "fine")
