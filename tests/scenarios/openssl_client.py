"""`openssl s_client` as a client of the plant: a TLS stack with every option, which prints each message it receives.

    result = await s_client(plant, "-tls1_2", identity=plant.issue(role="Viewer"), requests=[adu(1, read_holding(0, 1))])
    assert result.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"
    assert result.answers == [adu(1, words(0))]

It trusts the authority of the plant, sends its input after the handshake, and ends when all requests are answered. If
the gateway refuses the client, `alert` is the number of the fatal alert that it sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from scenarios.gateway_program import GatewayProgram
    from scenarios.plant import Plant

__all__ = ["SClientResult", "openssl", "s_client"]

_PATIENCE_S = 30.0
_PIPE_BYTES = 65536  # bytes that a pipe takes before a write blocks
_HEADER_BYTES = 6


@dataclass(frozen=True)
class SClientResult:
    """The output of s_client, and the answers found in it."""

    output: bytes
    answers: list[bytes]

    @property
    def text(self) -> str:
        return self.output.decode("latin-1")

    @property
    def alert(self) -> int | None:
        """The number of the fatal alert that it received."""
        found = re.search(r"SSL alert number (\d+)", self.text)
        return int(found[1]) if found else None

    @property
    def version(self) -> str:
        return self._negotiated(1)

    @property
    def cipher(self) -> str:
        return self._negotiated(2)

    @property
    def resumed(self) -> bool:
        return "\nReused, " in self.text

    @property
    def received_records(self) -> list[tuple[int, int]]:
        """Content type and length in bytes of each received record, from its header. Needs the option -msg."""
        headers = re.findall(r"<<< .*RecordHeader .*\n +(\w\w) \w\w \w\w (\w\w) (\w\w)", self.text)
        return [(int(kind, 16), int(high + low, 16)) for kind, high, low in headers]

    def handshake_messages(self, direction: str = "<<<") -> list[str]:
        """The names of the handshake messages received (with ">>>": sent). Needs the option -msg."""
        return re.findall(rf"{direction} .*Handshake .*, (\w+)", self.text)

    def _negotiated(self, group: int) -> str:
        found = re.search(r"(?:New|Reused), (TLSv[\d.]+|\(NONE\)), Cipher is (\S+)", self.text)
        assert found, self.text
        return found[group]


async def s_client(
    plant: Plant | GatewayProgram,
    *options: str | Path,
    identity: tuple[Path, Path] | None = None,
    requests: Iterable[bytes] = (),
) -> SClientResult:
    """Connect with these options and send `requests` at once. Requests without an answer in time have none in the result."""
    own = ("-cert", identity[0], "-key", identity[1]) if identity else ()
    words = ("openssl", "s_client", "-connect", f"127.0.0.1:{plant.port}", "-CAfile", plant.folder / "ca.crt")
    wanted = list(requests)
    output, answers = b"", list[bytes]()
    with _filled_pipe(b"".join(wanted)) as (stdin, filled):
        process = await asyncio.create_subprocess_exec(
            *map(str, (*words, *own, *options)), stdin=stdin, stdout=PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            while chunk := await process.stdout.read(65536):
                output += chunk
                answers = [answer for request in wanted if (answer := _answer(output, request))]
                if wanted and len(answers) == len(wanted):
                    filled.close()
            await process.wait()
    return SClientResult(output, answers)


async def openssl(*words: str | Path) -> str:
    """Run another openssl command and return its stdout."""
    process = await asyncio.create_subprocess_exec("openssl", *map(str, words), stdin=DEVNULL, stdout=PIPE)
    stdout, _ = await process.communicate()
    assert process.returncode == 0
    return stdout.decode()


@contextlib.contextmanager
def _filled_pipe(content: bytes) -> Iterator[tuple[int, BinaryIO]]:
    """The read end of a pipe that holds `content`, and its write end. Closing the write end ends the input.

    The pipe is filled before its reader starts and both ends stay open, so a reader that exits cannot break the write.
    """
    assert len(content) <= _PIPE_BYTES
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0), open(writing, "wb", buffering=0) as filled:
        filled.write(content)
        yield reading, filled


def _answer(output: bytes, request: bytes) -> bytes | None:
    """Find the ADU with the transaction id of `request`. s_client prints received bytes between its own messages."""
    start = output.find(request[:4])
    if start < 0 or len(output) < start + _HEADER_BYTES:
        return None
    end = start + _HEADER_BYTES + int.from_bytes(output[start + 4 : start + _HEADER_BYTES], "big")
    return output[start:end] if len(output) >= end else None
