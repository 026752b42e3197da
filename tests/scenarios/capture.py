"""Check bytes with Wireshark: they are written into a capture file and decoded by tshark.

    dissected = dissect(tmp_path, [(TO_SERVER, request), (TO_CLIENT, answer)], port=502)
    assert dissected[1]["modbus.regval_uint16"] == ["7"]

The capture is generated and not taken from an interface, so no privilege is needed. Each piece is a TCP segment of
one connection, in raw IPv4 packets without a link layer.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenarios.programs import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

__all__ = ["TO_CLIENT", "TO_SERVER", "Conversation", "Packet", "Segments", "dissect", "recording_proxy"]

TO_SERVER, TO_CLIENT = True, False

Segments = list[tuple[bool, bytes]]
"""Direction and bytes of each segment."""

Packet = dict[str, list[str]]
"""The fields that are present in a packet, each with all its values in the order of their bytes."""

_MAGIC, _RAW_IP = 0xA1B2C3D4, 101
_SYN, _ACK, _PUSH = 0x02, 0x10, 0x08
_CLIENT, _SERVER = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
_CLIENT_PORT = 50000
_PATIENCE_S = 60.0


@dataclass
class Conversation:
    """A TCP connection, segment by segment, as the packets of a capture file."""

    port: int
    _packets: list[bytes] = field(default_factory=list)
    _sequence: dict[bool, int] = field(default_factory=lambda: {TO_SERVER: 1000, TO_CLIENT: 2000})

    def __post_init__(self) -> None:
        self._add(TO_SERVER, b"", _SYN)
        self._add(TO_CLIENT, b"", _SYN | _ACK)
        self._add(TO_SERVER, b"", _ACK)

    def add_segment(self, direction: bool, data: bytes) -> None:
        """One segment with `data`, at most 65,000 bytes."""
        self._add(direction, data, _PUSH | _ACK)

    def save(self, path: Path) -> Path:
        """Write the capture file."""
        header = struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, 65535, _RAW_IP)
        records = (
            struct.pack("<IIII", 1_700_000_000 + number, 0, len(packet), len(packet)) + packet
            for number, packet in enumerate(self._packets)
        )
        path.write_bytes(header + b"".join(records))
        return path

    def _add(self, direction: bool, data: bytes, flags: int) -> None:
        ports = (_CLIENT_PORT, self.port) if direction else (self.port, _CLIENT_PORT)
        acknowledged = self._sequence[not direction] if flags & _ACK else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, self._sequence[direction], acknowledged, 0x50, flags, 65535, 0, 0)
        addresses = _CLIENT + _SERVER if direction else _SERVER + _CLIENT
        length = 20 + len(tcp) + len(data)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, length, len(self._packets), 0x4000, 64, 6, 0) + addresses
        self._packets.append(ip + tcp + data)
        self._sequence[direction] += len(data) + (1 if flags & _SYN else 0)


@contextlib.asynccontextmanager
async def recording_proxy(port: int) -> AsyncIterator[tuple[int, Segments]]:
    """A port on loopback that forwards to `port`, and a growing list of the segments in both directions."""
    segments: Segments = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(16384):
                segments.append((direction, data))
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, far_writer, TO_SERVER), carry(far_reader, writer, TO_CLIENT))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], segments
    finally:
        server.close()
        await asyncio.sleep(0)


def dissect(
    folder: Path,
    segments: Iterable[tuple[bool, bytes]],
    *,
    port: int,
    fields: Sequence[str],
    only: str = "tcp.len > 0",
    options: Sequence[object] = (),
) -> list[Packet]:
    """Decode a connection on `port` with tshark; return `fields` of each segment that passes the filter `only`.

    Fails if tshark reports a malformed packet. `options` are more options of tshark, such as ("-d", "tcp.port==5,mbrtu").
    """
    conversation = Conversation(port)
    for direction, data in segments:
        conversation.add_segment(direction, data)
    wanted = [word for name in (*fields, "_ws.malformed") for word in ("-e", name)]
    command = ("tshark", "-n", "-r", conversation.save(folder / "connection.pcap"), "-Y", only, *options)
    done = run(*command, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=/s", *wanted, within_s=_PATIENCE_S)
    assert done.status == 0, done.output
    packets = [_packet(line, (*fields, "_ws.malformed")) for line in done.stdout.splitlines()]
    assert not [packet for packet in packets if "_ws.malformed" in packet], packets
    return packets


def _packet(line: str, fields: Sequence[str]) -> Packet:
    return {name: value.split() for name, value in zip(fields, line.split("\t"), strict=True) if value}
