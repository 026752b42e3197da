"""gateway.toml: from the text of the operator to valid values, or one error that names the place and what to write.

All errors of the file itself are found here and by `--check`: unknown keys, a unit id of two devices, a plain listener
off loopback, two listeners that describe one device differently. Paths are relative to the file, those in URLs of devices
too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec

from sealbus.client import ChannelRules
from sealbus.document import parse_document
from sealbus.endpoints import Endpoint, Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.gateway.config_errors import check_tables, explain_value
from sealbus.gateway.named_files import check_named_files
from sealbus.policy import parse_units
from sealbus.server import ServiceLimits
from sealbus.text_files import decode_text

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.document import Document

__all__ = [
    "DeviceTable",
    "GatewayFile",
    "GatewayTable",
    "IdentityTable",
    "LimitsTable",
    "ListenerTable",
    "load_gateway_file",
    "parse_gateway_file",
]

_Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)]
_Timeout = Annotated[float, msgspec.Meta(gt=0.0, le=3_600.0)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class GatewayTable(_Table, frozen=True):
    """[gateway]: its name, the place of the records, the address of the metrics."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "gateway"
    records: str = "records"
    records_mib: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 512
    metrics: str = ""
    unsafe_write_without_record: bool = False


class IdentityTable(_Table, frozen=True):
    """[identity]: certificate and key (one, or a list of each for ECDSA and RSA), anchors, revocation lists.

    `crl_grace`: seconds that open sessions go on after a list ran out.
    """

    certificate: str | list[str]
    key: str | list[str]
    trust: Annotated[list[str], msgspec.Meta(min_length=1)]
    crl: list[str] = []
    crl_grace: _Seconds = 3600.0
    passphrase_file: str = ""
    unsafe_v21_cbc: bool = False
    unsafe_null_encryption: bool = False


# The defaults of the tables below.
_SERVICE = ServiceLimits()
_LISTENER = _SERVICE.listener
_CHANNEL = ChannelRules()


class LimitsTable(_Table, frozen=True):
    """[limits]: per client, per address and in all. Times in seconds; `idle` 0 means never."""

    connections: _Count = _LISTENER.connections
    connections_per_identity: _Count = _SERVICE.sessions_per_identity
    pending: _Count = _LISTENER.pending
    pending_per_address: _Count = 64  # twice that of a server in Python
    handshake: _Timeout = _LISTENER.handshake_timeout_s
    first_request: _Timeout = _SERVICE.session.first_request_s
    frame: _Timeout = _SERVICE.session.frame_s
    idle: _Seconds = _SERVICE.session.idle_s
    stalled: _Timeout = _SERVICE.session.stalled_s
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=256)] = _SERVICE.session.in_flight


class DeviceTable(_Table, frozen=True):
    """[[listener.device]]: the unit ids of a device, its URL, and its limits. Times in seconds."""

    units: str | int | list[str | int]
    url: str
    connections: Annotated[int, msgspec.Meta(ge=1, le=1024)] = _CHANNEL.connections
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=256)] = _CHANNEL.in_flight
    timeout: _Timeout = _CHANNEL.timeout_s
    deadline: _Seconds = 0.0
    gap: _Seconds = _CHANNEL.gap_s
    connect_delay: _Seconds = _CHANNEL.connect_delay_s
    connect_timeout: _Timeout = _CHANNEL.connect_timeout_s
    turnaround: _Seconds = _CHANNEL.turnaround_s
    queue: _Count = _CHANNEL.queue
    lenient_transaction_id: bool = _CHANNEL.lenient_transaction_id
    lenient_unit_id: bool = _CHANNEL.lenient_unit_id
    local_echo: bool = _CHANNEL.local_echo

    @property
    def rules(self) -> ChannelRules:
        return ChannelRules(
            connections=self.connections,
            in_flight=self.in_flight,
            timeout_s=self.timeout,
            gap_s=self.gap,
            connect_delay_s=self.connect_delay,
            connect_timeout_s=self.connect_timeout,
            turnaround_s=self.turnaround,
            queue=self.queue,
            lenient_transaction_id=self.lenient_transaction_id,
            lenient_unit_id=self.lenient_unit_id,
            local_echo=self.local_echo,
        )

    @property
    def max_wait_s(self) -> float:
        """How long a request may wait to be sent: the deadline (two time-outs unless set), minus one time-out for the
        answer.
        """
        return max((self.deadline or 2 * self.timeout) - self.timeout, 0.0)


class ListenerTable(_Table, frozen=True):
    """[[listener]]: where to listen, the policy of this listener, and the devices behind it."""

    url: str
    device: Annotated[list[DeviceTable], msgspec.Meta(min_length=1)]
    policy: str = ""
    unsafe_plain: bool = False
    unsafe_no_policy: bool = False


class GatewayFile(_Table, frozen=True):
    """A whole gateway.toml. `identity` may be left out if no URL in the file is `mbaps`."""

    listener: Annotated[list[ListenerTable], msgspec.Meta(min_length=1)]
    gateway: GatewayTable = GatewayTable()
    identity: IdentityTable | None = None
    limits: LimitsTable = LimitsTable()


def load_gateway_file(path: Path) -> GatewayFile:
    """Read and check a gateway.toml; every file that it names can be read. Raises ConfigError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = "name a readable gateway.toml"
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path), hint=hint) from None
    document, file = _parse(decode_text(data, file=str(path)), path)
    check_named_files(document, file)
    return file


def parse_gateway_file(text: str, *, path: Path) -> GatewayFile:
    """Parse the text of the gateway.toml at `path`. Opens no other file. Raises ConfigError."""
    return _parse(text, path)[1]


def _parse(text: str, path: Path) -> tuple[Document, GatewayFile]:
    document = parse_document(text, file=str(path))
    check_tables(document, _KEYS)
    try:
        file = msgspec.convert(document.values, GatewayFile)
    except msgspec.ValidationError as error:
        raise explain_value(document, str(error)) from None
    _check_metrics(document, file.gateway.metrics)
    _check_listeners(document, file)
    return document, _with_paths_from(file, path.parent)


def _check_metrics(document: Document, address: str) -> None:
    if not address:
        return
    where = ("gateway", "metrics")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise document.error(where, f"{address!r} is not HOST:PORT", hint='write metrics = "127.0.0.1:9802"')
    if host not in ("127.0.0.1", "[::1]", "localhost"):
        raise document.error(where, f"{host} is off loopback", hint="metrics are not encrypted: use 127.0.0.1")


def _check_listeners(document: Document, file: GatewayFile) -> None:
    rules_of_url: dict[str, ChannelRules] = {}
    listened: set[str] = set()
    for number, listener in enumerate(file.listener):
        at: tuple[str | int, ...] = ("listener", number)
        endpoint = _endpoint(document, (*at, "url"), listener.url, listening=True)
        if str(endpoint) in listened:
            raise document.error(
                (*at, "url"), f"{endpoint} is listened on twice", hint="give each listener its own address"
            )
        listened.add(str(endpoint))
        needs_identity = endpoint.scheme is Scheme.MBAPS
        if endpoint.scheme is Scheme.TCP and not endpoint.is_loopback and not listener.unsafe_plain:
            raise document.error(
                (*at, "url"),
                "plain Modbus off loopback",
                hint="use mbaps:// or 127.0.0.1, or write unsafe_plain = true",
            )
        if bool(listener.policy) == listener.unsafe_no_policy:
            raise document.error(
                (*at, "policy"),
                "no policy, so nothing would be allowed" if not listener.policy else "both policy and unsafe_no_policy",
                hint='write policy = "policy.toml"; unsafe_no_policy = true, instead, allows everything to everyone',
            )
        taken: dict[int, int] = {}
        for device_number, device in enumerate(listener.device):
            where = (*at, "device", device_number)
            needs_identity |= _check_device(document, where, device, rules_of_url)
            for unit in _units(document, (*where, "units"), device.units):
                if unit in taken:
                    raise document.error(
                        (*where, "units"),
                        f"unit {unit} already goes to device {taken[unit] + 1} of this listener",
                        hint="give each unit id to one device",
                    )
                taken[unit] = device_number
        if needs_identity and file.identity is None:
            raise document.error(
                (*at, "url"), "mbaps needs an [identity]", hint="add [identity] with certificate, key and trust"
            )


def _check_device(
    document: Document, where: tuple[str | int, ...], device: DeviceTable, rules_of_url: dict[str, ChannelRules]
) -> bool:
    endpoint = _endpoint(document, (*where, "url"), device.url, listening=False)
    if device.deadline and device.deadline < device.timeout:
        raise document.error(
            (*where, "deadline"),
            f"{device.deadline} is shorter than timeout {device.timeout}",
            hint="the deadline covers waiting for the device and its answer: make it longer than timeout",
        )
    try:
        rules = device.rules
    except ConfigError as error:
        raise document.error((*where, error.key or ""), error.problem, hint=error.hint) from None
    if rules.local_echo and endpoint.scheme.has_transaction_ids:
        raise document.error(
            (*where, "local_echo"),
            f"{endpoint.scheme} has no local echo: only rtu://, ascii:// and rtu+tcp:// can have one",
            hint="leave local_echo out",
        )
    if rules_of_url.setdefault(str(endpoint), rules) != rules:
        raise document.error(
            (*where, "url"),
            "another listener describes this device differently",
            hint="write the same connections, in_flight, timeout and so on at each listener",
        )
    return endpoint.scheme is Scheme.MBAPS


def _endpoint(document: Document, where: tuple[str | int, ...], url: str, *, listening: bool) -> Endpoint:
    try:
        endpoint = parse_endpoint(url, listening=listening)
    except ConfigError as error:
        raise document.error(where, error.problem, hint=error.hint) from None
    if listening and endpoint.scheme not in (Scheme.TCP, Scheme.MBAPS):
        raise document.error(where, f"a gateway does not listen on {endpoint.scheme}", hint="use mbaps:// or tcp://")
    if endpoint.scheme is Scheme.RELAY:
        raise document.error(where, "this version has no relay", hint="use tcp://, mbaps://, rtu:// or ssh+tcp://")
    return endpoint


def _units(document: Document, where: tuple[str | int, ...], units: str | int | list[str | int]) -> tuple[int, ...]:
    try:
        return parse_units(units)
    except ConfigError as error:
        raise document.error(where, error.problem, hint=error.hint) from None


def _with_paths_from(file: GatewayFile, folder: Path) -> GatewayFile:
    def absolute(name: str) -> str:
        return str(folder / name) if name else ""

    def each(names: str | list[str]) -> list[str]:
        return [absolute(name) for name in ([names] if isinstance(names, str) else names)]

    identity = file.identity
    if identity is not None:
        identity = msgspec.structs.replace(
            identity,
            certificate=each(identity.certificate),
            key=each(identity.key),
            trust=each(identity.trust),
            crl=each(identity.crl),
            passphrase_file=absolute(identity.passphrase_file),
        )
    return msgspec.structs.replace(
        file,
        gateway=msgspec.structs.replace(file.gateway, records=absolute(file.gateway.records)),
        identity=identity,
        listener=[
            msgspec.structs.replace(
                each,
                policy=absolute(each.policy),
                device=[
                    msgspec.structs.replace(device, url=_with_ssh_files_from(device.url, folder))
                    for device in each.device
                ],
            )
            for each in file.listener
        ],
    )


def _with_ssh_files_from(url: str, folder: Path) -> str:
    """The URL with the files for SSH found from `folder`; those of the user (~) stay."""
    endpoint = parse_endpoint(url)
    if endpoint.forward is None:
        return url

    def absolute(name: str) -> str:
        return name if not name or name.startswith("~") else str(folder.absolute() / name)

    forward = endpoint.forward
    found = replace(forward, key=absolute(forward.key), known_hosts=absolute(forward.known_hosts))
    return str(replace(endpoint, forward=found))


_KEYS = {
    "": GatewayFile.__struct_fields__,
    "gateway": GatewayTable.__struct_fields__,
    "identity": IdentityTable.__struct_fields__,
    "limits": LimitsTable.__struct_fields__,
    "listener": ListenerTable.__struct_fields__,
    "listener.device": DeviceTable.__struct_fields__,
}
"""The keys of each table, by its name."""
