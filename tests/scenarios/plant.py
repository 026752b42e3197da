"""The fixture of most scenarios: a real gateway, real TLS on loopback, and a device that is scripted by the test.

    async def test_...(plant: Plant) -> None:
        viewer = await plant.connect(role="Viewer")
        await viewer.send(adu(1, read_holding(0, 2)) + adu(2, write_register(0, 7)))
        assert await viewer.receive(2) == [...]
        assert plant.device.writes == []

`RawClient` sends any bytes in any pieces and returns whole ADUs as they arrive. `ScriptedDevice` answers correctly
unless the test sets another `answer` function. Every wait has a deadline, and no test sleeps for a fixed time.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pki
from sealbus.gateway import GatewayPace, GatewayProcess, load_gateway_file
from sealbus.records import read

if TYPE_CHECKING:
    from pathlib import Path

    from sealbus.records import Record, Stored

__all__ = [
    "POLICY",
    "Plant",
    "RawClient",
    "ScriptedDevice",
    "adu",
    "exception",
    "open_device",
    "open_plant",
    "read_holding",
    "until",
    "words",
    "write_register",
    "write_registers",
]

PATIENCE_S = 30.0
PACE = GatewayPace(watch_s=0.05, settle_s=0.05, sweep_s=0.1)

POLICY = """
[[role]]
name = "Viewer"
[[role.allow]]
units = "1-10"
read = ["holding:0-999"]

[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["coils", "discrete", "holding:0-999", "input:0-999"]
[[role.allow]]
units = "1-10"
write = ["holding:100-109"]
min = 0
max = 1000
[[role.allow]]
units = "1-10"
write = ["holding:200-299", "coils:0-99"]
"""


# -- bytes


def adu(transaction_id: int, pdu: bytes, *, unit: int = 1) -> bytes:
    """An MBAP ADU."""
    return struct.pack(">HHHB", transaction_id, 0, len(pdu) + 1, unit) + pdu


def read_holding(address: int, count: int) -> bytes:
    """Function 03."""
    return struct.pack(">BHH", 3, address, count)


def write_register(address: int, value: int) -> bytes:
    """Function 06."""
    return struct.pack(">BHH", 6, address, value)


def write_registers(address: int, *values: int) -> bytes:
    """Function 16."""
    return struct.pack(f">BHHB{len(values)}H", 16, address, len(values), 2 * len(values), *values)


def words(*values: int) -> bytes:
    """The answer to function 03."""
    return struct.pack(f">BB{len(values)}H", 3, 2 * len(values), *values)


def exception(function_code: int, exception_code: int) -> bytes:
    """An exception answer."""
    return bytes((function_code | 0x80, exception_code))


async def until(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds. Fails after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


# -- the device


Answer = Callable[[bytes], "bytes | list[bytes] | Awaitable[bytes | None] | None"]


class ScriptedDevice:
    """A plain Modbus device. Holding register n holds n until it is written.

    `answer` may be replaced: it takes a request ADU and returns the bytes to send (one chunk, or several
    with a turn of the loop between them), or None for no answer. `requests` are all received ADUs, `writes` those of
    write functions.
    """

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.registers: dict[int, int] = {}
        self.answer: Answer = self.normal_answer
        self.connections = 0
        self.live: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def writes(self) -> list[bytes]:
        return [request for request in self.requests if request[7] in (5, 6, 15, 16, 21, 22, 23)]

    async def start(self, port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen on loopback, without TLS or with this server context."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Abort every connection."""
        for writer in list(self.live):
            writer.transport.abort()

    def normal_answer(self, request: bytes) -> bytes:
        """The answer of a correct device: functions 3, 4, 5, 6, 15, 16; exception 01 for others."""
        function_code = request[7]
        address, value = struct.unpack_from(">HH", request, 8) if len(request) >= 12 else (0, 0)
        if function_code in (3, 4):
            values = [self.registers.get(place, place) for place in range(address, address + value)]
            pdu = struct.pack(f">BB{value}H", function_code, 2 * value, *values)
        elif function_code in (5, 6):
            self.registers[address] = value
            pdu = request[7:]
        elif function_code in (15, 16):
            if function_code == 16:
                for place, word in enumerate(struct.unpack_from(f">{value}H", request, 13)):
                    self.registers[address + place] = word
            pdu = request[7:12]
        else:
            pdu = exception(function_code, 1)
        return request[:4] + struct.pack(">H", len(pdu) + 1) + request[6:7] + pdu

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.live.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(6)
                request = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                self.requests.append(request)
                answer: Any = self.answer(request)
                if asyncio.iscoroutine(answer):
                    answer = await answer
                for chunk in answer if isinstance(answer, list) else [answer]:
                    if chunk is not None:
                        writer.write(chunk)
                        await asyncio.sleep(0)
        self.live.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):  # ssl.SSLError included
            await writer.wait_closed()  # behind TLS the socket closes only when the peer has answered the alert


@contextlib.asynccontextmanager
async def open_device(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedDevice]:
    """A device in addition to that of the plant."""
    device = ScriptedDevice()
    await device.start(tls=tls)
    try:
        yield device
    finally:
        await device.stop()


# -- the client


@dataclass
class RawClient:
    """A client over a TLS (or plain) stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write bytes unchanged."""
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, count: int = 1, *, within_s: float = PATIENCE_S) -> list[bytes]:
        """Return the next `count` whole ADUs. Raises IncompleteReadError if the gateway closes earlier."""
        adus = []
        async with asyncio.timeout(within_s):
            for _ in range(count):
                head = await self.reader.readexactly(6)
                adus.append(head + await self.reader.readexactly(int.from_bytes(head[4:6], "big")))
        return adus

    async def request(self, request: bytes, *, within_s: float = PATIENCE_S) -> bytes:
        """Send one ADU and return its answer."""
        await self.send(request)
        return (await self.receive(within_s=within_s))[0]

    async def closed(self, *, within_s: float = PATIENCE_S) -> bytes:
        """Wait until the gateway closes the connection; return the bytes received before."""
        async with asyncio.timeout(within_s):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                return await self.reader.read()
        return b""

    async def close(self) -> None:
        """Close with close_notify; abort if the peer does not answer it in time. A second call does nothing."""
        if self.writer.is_closing():
            return
        self.writer.close()
        try:
            await asyncio.wait_for(self.writer.wait_closed(), 1.0)
        except TimeoutError:
            self.writer.transport.abort()
        except (ConnectionError, ssl.SSLError):
            pass


# -- the plant


@dataclass
class Plant:
    """A gateway in this process, its device and its authority. Made by `open_plant`."""

    folder: Path
    root: pki.Credential
    device: ScriptedDevice
    process: GatewayProcess
    wires: list[RawClient] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port of the mbaps listener."""
        return next(iter(self.process.gateway.services.values())).port

    @property
    def url(self) -> str:
        return f"mbaps://127.0.0.1:{self.port}"

    def issue(self, **options: Any) -> tuple[Path, Path]:
        """Issue a client certificate of the plant's authority, as files. The options are those of `pki.make_leaf`."""
        leaf = pki.make_leaf(options.pop("issuer", self.root), **options)
        return leaf.save(self.folder, f"client-{len(list(self.folder.glob('client-*.crt')))}")

    def client_context(self, certificate: Path | None, key: Path | None, **limits: Any) -> ssl.SSLContext:
        """A TLS context of a client that trusts the plant. `limits` sets attributes, such as maximum_version."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        for name, value in limits.items():
            setattr(context, name, value)
        return context

    async def connect(self, role: str | None = "Operator", **options: Any) -> RawClient:
        """A client with a fresh certificate with `role` (None for no role)."""
        return await self.connect_with(*self.issue(role=role, **options))

    async def connect_with(self, certificate: Path | None, key: Path | None, **limits: Any) -> RawClient:
        """A client with this certificate."""
        context = self.client_context(certificate, key, **limits)
        wire = RawClient(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context))
        self.wires.append(wire)
        return wire

    async def attempt(self, certificate: Path | None, key: Path | None, **limits: Any) -> bytes:
        """The answer to a client with this certificate that reads a register; b"" if the connection is refused."""
        try:
            wire = await self.connect_with(certificate, key, **limits)
            return await wire.request(adu(1, read_holding(0, 1)))
        except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            return b""

    @property
    def stored(self) -> list[Stored]:
        """All records so far."""
        return list(read(self.folder / "records"))

    def records(self, kind: type[Record]) -> list[Any]:
        """All records of one kind so far."""
        return [each.record for each in self.stored if isinstance(each.record, kind)]

    def change(self, name: str, content: str | bytes) -> None:
        """Replace a file of the plant as an editor does: as a whole, with a new inode."""
        fresh = self.folder / f"{name}.new"
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        fresh.replace(self.folder / name)


@contextlib.asynccontextmanager
async def open_plant(
    folder: Path,
    *,
    policy: str = POLICY,
    device: str = "",
    gateway: str = "",
    limits: str = "",
    identity: str = "",
    root: pki.Credential | None = None,
) -> AsyncIterator[Plant]:
    """A plant with these extra lines in the tables [[listener.device]], [gateway], [limits] ... of gateway.toml.

    If the lines for `identity` name a certificate, it replaces that of the plant. `root` replaces the authority, for
    certificates that are signed before the plant is opened.
    """
    root = root or pki.make_root()
    pki.save_trust(folder / "ca.crt", root)
    pki.make_leaf(root, hosts=["127.0.0.1", "localhost"]).save(folder, "gateway")
    (folder / "policy.toml").write_text(policy)
    scripted = ScriptedDevice()
    await scripted.start()
    url = "" if "url =" in device else f'url = "tcp://127.0.0.1:{scripted.port}"'
    units = "" if "units =" in device else 'units = "1-10"'
    own = "" if "certificate =" in identity else 'certificate = "gateway.crt"\nkey = "gateway.key"'
    (folder / "gateway.toml").write_text(
        f"""
[gateway]
name = "test"
records_mib = 64
{gateway}
[identity]
{own}
trust = ["ca.crt"]
{identity}
[limits]
{limits}
[[listener]]
url = "mbaps://127.0.0.1:0"
policy = "policy.toml"
[[listener.device]]
{units}
{url}
{device}
"""
    )
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(scripted.stop)
        process = GatewayProcess(load_gateway_file(folder / "gateway.toml"), path=folder / "gateway.toml", pace=PACE)
        await process.start()
        closing.push_async_callback(process.stop, "the test is over")
        plant = Plant(folder, root, scripted, process)
        try:
            yield plant
        finally:
            await asyncio.gather(*(wire.close() for wire in plant.wires))
