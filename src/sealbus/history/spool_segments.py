"""The files of the spool: frames one after the other, in segments that are only appended to.

A frame is a header (magic, length, CRC-32 of the payload, number of samples) and an encoded block. A run never appends
to a segment of an earlier run, so a frame torn by a kill is the end of its segment, and is skipped there.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.history.sample_block import SampleBlock

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HEADER", "SpoolFrame", "encode_frame", "frame_counts", "numbers", "read_frame", "segment_path"]

HEADER = struct.Struct("<IIII")
_MAGIC = 0x31484253  # SBH1
_MAX = 64 * 1024 * 1024
_NAME = re.compile(r"(\d{12})\.samples")


@dataclass(frozen=True, slots=True)
class SpoolFrame:
    """A block, and the offset of the next frame."""

    block: SampleBlock
    end: int


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:012}.samples"


def numbers(folder: Path) -> list[int]:
    """The numbers of the existing segments, sorted."""
    return sorted(int(found[1]) for path in folder.iterdir() if (found := _NAME.fullmatch(path.name)))


def encode_frame(block: SampleBlock) -> bytes:
    """The frame of a block."""
    payload = block.encode()
    return HEADER.pack(_MAGIC, len(payload), zlib.crc32(payload), len(block)) + payload


def read_frame(descriptor: int, offset: int) -> SpoolFrame | None:
    """The frame at an offset; None if there is no complete one. Raises OSError."""
    header = os.pread(descriptor, HEADER.size, offset)
    if len(header) < HEADER.size:
        return None
    magic, length, checksum, _ = HEADER.unpack(header)
    if magic != _MAGIC or length > _MAX:
        return None
    payload = os.pread(descriptor, length, offset + HEADER.size)
    if len(payload) != length or zlib.crc32(payload) != checksum:
        return None
    return SpoolFrame(SampleBlock.decode(payload), offset + HEADER.size + length)


def frame_counts(path: Path, offset: int) -> int:
    """How many samples the frames from an offset on contain according to their headers. Raises OSError."""
    count = 0
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while len(header := os.pread(file.fileno(), HEADER.size, offset)) == HEADER.size:
            magic, length, _, samples = HEADER.unpack(header)
            offset += HEADER.size + length
            if magic != _MAGIC or offset > size:
                break
            count += samples
    return count
