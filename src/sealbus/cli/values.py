"""`sealbus read` and `sealbus write`: one value or a range, over any endpoint, for people and scripts."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealbus import sync
from sealbus.cli.exits import FAILED, INTERRUPTED, arguments_checked, one_line_errors, quit_with
from sealbus.cli.log import print_text
from sealbus.cli.option_files import check_option_files, load_identity
from sealbus.client import ChannelRules
from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import DeviceException, LocalError, Unreachable
from sealbus.protocol import FLOAT_TYPES, ExceptionCode, Table, ValueType, WordOrder, parse_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.client import Value

__all__ = ["read", "write"]

_BITS_OF_REGISTER = 16

_Endpoint = Annotated[str, typer.Argument(help="Endpoint: mbaps://host, tcp://host, rtu:///dev/ttyUSB0, ssh+tcp://...")]
_Place = Annotated[
    str, typer.Argument(help="Place: holding:0-9, input:20, coils:3, discrete:0-7; addresses count from 0")
]
_Unit = Annotated[int, typer.Option(help="Unit id", min=0, max=255)]
_Type = Annotated[
    str, typer.Option(help="uint16, int16, uint32, int32, uint64, int64, float32, float64, string, bcd16 ...")
]
_Order = Annotated[str, typer.Option(help="Word and byte order: ABCD, CDAB, BADC or DCBA")]
_Timeout = Annotated[float, typer.Option(help="Seconds to wait for an answer", min=0.01)]
_Certificate = Annotated[Path | None, typer.Option(help="Own certificate, leaf first, up to the root (mbaps)")]
_Key = Annotated[Path | None, typer.Option(help="Key of the certificate (mbaps)")]
_PassphraseFile = Annotated[Path | None, typer.Option(help="File with the passphrase of an encrypted key")]
_Trust = Annotated[list[Path], typer.Option(help="Certificates of the authorities to trust (mbaps)")]
_Crl = Annotated[list[Path], typer.Option(help="Revocation lists of those authorities")]


@dataclass(frozen=True, slots=True)
class _Own:
    """Own certificate and key, as given by the options."""

    certificate: Path | None
    key: Path | None
    passphrase_file: Path | None


def read(
    endpoint: _Endpoint,
    place: _Place,
    unit: _Unit = 1,
    type: _Type = "uint16",
    order: _Order = "ABCD",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
    timeout: _Timeout = 3.0,
    certificate: _Certificate = None,
    key: _Key = None,
    passphrase_file: _PassphraseFile = None,
    trust: _Trust = [],  # noqa: B006 - typer reads it, nothing changes it
    crl: _Crl = [],  # noqa: B006
) -> None:
    """Read a value or a range."""
    with one_line_errors(), arguments_checked():
        where = parse_place(place)  # a wrong place is wrong usage, whether or not the device can be reached
        asked_type, asked_order = _asked(where.table, type), _order(order)
        with (
            _connect(endpoint, timeout, _Own(certificate, key, passphrase_file), (trust, crl)) as modbus,
            _explained(endpoint),
        ):
            values = modbus.read(place, type=asked_type, order=asked_order, unit=unit)
    if as_json:
        print(json.dumps({"place": place, "unit": unit, "type": _type_of(where.table, type), "value": values}))
        return
    if not isinstance(values, list):
        print_text(_shown(values))
        return
    is_bits = where.table in (Table.COILS, Table.DISCRETE)
    step = 1 if is_bits else ValueType(type).registers or 1
    for number, value in enumerate(values):
        if type == ValueType.BIT and not is_bits:
            register, bit = divmod(number, _BITS_OF_REGISTER)
            print_text(f"{where.table}:{where.address + register} bit {bit}\t{_shown(value)}")
        else:
            print_text(f"{where.table}:{where.address + number * step}\t{_shown(value)}")


def write(
    endpoint: _Endpoint,
    place: _Place,
    values: Annotated[list[str], typer.Argument(help="Values; after -- if one is negative")],
    unit: _Unit = 1,
    type: _Type = "uint16",
    order: _Order = "ABCD",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
    timeout: _Timeout = 3.0,
    certificate: _Certificate = None,
    key: _Key = None,
    passphrase_file: _PassphraseFile = None,
    trust: _Trust = [],  # noqa: B006
    crl: _Crl = [],  # noqa: B006
) -> None:
    """Write values to coils or holding registers. A write is never sent twice."""
    with one_line_errors(), arguments_checked():
        table = parse_place(place).table
        asked_type, asked_order = _asked(table, type), _order(order)
        parsed = [_parse_value(value, table, type) for value in values]
        with (
            _connect(endpoint, timeout, _Own(certificate, key, passphrase_file), (trust, crl)) as modbus,
            _explained(endpoint),
        ):
            try:
                modbus.write(place, *parsed, type=asked_type, order=asked_order, unit=unit)
            except KeyboardInterrupt:
                quit_with("interrupted; the write may or may not have been carried out", INTERRUPTED)
    if as_json:
        print(json.dumps({"place": place, "unit": unit, "written": parsed}))
    else:
        print_text(f"written: {place} = {' '.join(_shown(value) for value in parsed)}")


def _connect(endpoint: str, timeout: float, own: _Own, believed: tuple[list[Path], list[Path]]) -> sync.Connection:
    trust, crl = believed
    identity = load_identity(own.certificate, own.key, own.passphrase_file)
    if parse_endpoint(endpoint).scheme is Scheme.MBAPS and not (identity and trust):
        raise LocalError(f"{endpoint} needs mutual TLS; give --certificate, --key and --trust")
    check_option_files(trust=trust, crl=crl)
    rules = ChannelRules(timeout_s=timeout, connect_timeout_s=timeout)
    return sync.connect(endpoint, identity=identity, trust=trust or None, crl=crl, rules=rules)


@contextmanager
def _explained(endpoint: str) -> Iterator[None]:
    """Add what a failure often means.

    Behind a gateway exception 01 usually means a missing right: on the wire it does not differ from a missing function. A
    port that expects TLS closes the connection when plain Modbus arrives.
    """
    asked = parse_endpoint(endpoint)
    try:
        yield
    except Unreachable as error:
        if asked.scheme is not Scheme.TCP or "closed by the device" not in str(error):
            raise
        tls = replace(asked, scheme=Scheme.MBAPS)
        quit_with(f"{asked}: {error}; if this port expects TLS, write {tls}", FAILED)
    except DeviceException as error:
        if error.exception_code != ExceptionCode.ILLEGAL_FUNCTION or asked.scheme is not Scheme.MBAPS:
            raise
        quit_with(
            f"{error}: the policy of the gateway denies it to this certificate, or the device lacks the function",
            FAILED,
        )


def _parse_value(text: str, table: Table, type: str) -> Value:
    if table is Table.COILS:
        known = {"1": True, "on": True, "true": True, "0": False, "off": False, "false": False}
        if text.lower() not in known:
            raise LocalError(f"{text!r} is not a value for a coil; use on or off, 1 or 0")
        return known[text.lower()]
    if type == ValueType.STRING:
        return text
    is_float = type in FLOAT_TYPES
    try:
        value = float(text) if is_float else int(text, 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not text.isascii() or "_" in text:  # 1e400, nan, 7_00 are typing errors
        meant = "" if is_float else "; write a whole number: the raw value of the register, which may be 750 for 75.0"
        raise LocalError(f"{_short(text)} is not a value of type {type}{meant}")
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _asked(table: Table, type: str) -> ValueType | None:
    """The type of the call: coils and discrete inputs have none, and `type` is uint16 where the option is not given."""
    if table in (Table.COILS, Table.DISCRETE) and type == ValueType.UINT16:
        return None
    try:
        return ValueType(type)
    except ValueError:
        raise LocalError(f"unknown type {type!r}: use one of {', '.join(ValueType)}") from None


def _order(order: str) -> WordOrder:
    try:
        return WordOrder(order.upper())
    except ValueError:
        raise LocalError(f"unknown order {order!r}: use one of {', '.join(WordOrder)}") from None


def _type_of(table: Table, type: str) -> str:
    return "bit" if table in (Table.COILS, Table.DISCRETE) else type
