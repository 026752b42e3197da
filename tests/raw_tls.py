"""One end of a TLS connection whose records the test may change before they are sent.

    peer = await RawTls.connect(port, context)
    await peer.send(peer.broken("a record with a wrong tag", request))
    assert await peer.last_words() == alert_of("a record with a wrong tag", "TLSv1.3")

TLS runs on memory buffers of `ssl`, so each record passes through the hands of the test. Alerts that come back are
decrypted and named by OpenSSL.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

__all__ = ["BROKEN_RECORDS", "RawTls", "alert_of"]

PATIENCE_S = 30.0
_ALERTS = {
    10: "SSLV3_ALERT_UNEXPECTED_MESSAGE",
    20: "SSLV3_ALERT_BAD_RECORD_MAC",
    22: "TLSV1_ALERT_RECORD_OVERFLOW",
}

BROKEN_RECORDS = {
    "a record with a wrong tag": {"TLSv1.2": 20, "TLSv1.3": 20},
    "a record of an unknown type": {"TLSv1.2": 20, "TLSv1.3": 10},  # in TLS 1.2 the tag covers the type
    "a record that is too long": {"TLSv1.2": 22, "TLSv1.3": 22},
    "a record that is not encrypted": {"TLSv1.2": 20, "TLSv1.3": 20},
}
"""For each kind the number of the alert, by TLS version: RFC 5246, 7.2.2, and RFC 8446, 5.1, 5.2 and 6.2."""


def alert_of(kind: str, version: str) -> str:
    """The alert for a broken record, as `ssl` names one that it received."""
    return _ALERTS[BROKEN_RECORDS[kind][version]]


@dataclass
class RawTls:
    """Made by `connect` or `accept`."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tls: ssl.SSLObject
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext, host: str = "127.0.0.1") -> RawTls:
        """Dial loopback and make the handshake."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
        made = cls(*await asyncio.open_connection("127.0.0.1", port), tls, incoming, outgoing)
        await made._shake_hands()
        return made

    @classmethod
    async def accept(
        cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> RawTls:
        """Make the handshake on an accepted connection."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        made = cls(reader, writer, context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing)
        await made._shake_hands()
        return made

    def seal(self, data: bytes) -> bytes:
        """The record that carries `data`, not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def broken(self, kind: str, data: bytes) -> bytes:
        """A record of a kind of `BROKEN_RECORDS`, which an intact one would make carry `data`."""
        whole, plain = self.seal(data), data.ljust(40, b"\0")
        return {
            "a record with a wrong tag": whole[:-1] + bytes((whole[-1] ^ 1,)),
            "a record of an unknown type": b"\x63" + whole[1:],
            "a record that is too long": whole[:3] + (2**14 + 2049).to_bytes(2, "big") + bytes(2**14 + 2049),
            "a record that is not encrypted": whole[:3] + len(plain).to_bytes(2, "big") + plain,
        }[kind]

    async def send(self, data: bytes) -> None:
        """Send bytes unchanged."""
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> bytes:
        """The data of the next record. b"" after a close_notify; raises ssl.SSLError for an alert."""
        while True:
            try:
                return self.tls.read(2**14)
            except ssl.SSLWantReadError:
                await self._take()

    async def last_words(self) -> str:
        """How the peer ends the connection: the name of its alert, "close_notify", or "nothing"."""
        try:
            while await self.receive():
                pass
        except ssl.SSLEOFError:
            return "nothing"
        except ssl.SSLError as error:
            return str(error.reason)
        finally:
            self.writer.close()
        return "close_notify"

    async def _shake_hands(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send(self.outgoing.read())
                await self._take()
            else:
                await self.send(self.outgoing.read())
                return

    async def _take(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            try:
                data = await self.reader.read(2**16)
            except ConnectionError:
                data = b""
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()
