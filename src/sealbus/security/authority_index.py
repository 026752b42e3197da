"""The index of an authority: every serial it ever issued, for whom, and whether it was revoked.

One JSON file, `index.json`, replaced whole under the lock of the authority, so that issuing processes at the same time
wait for each other and a killed one leaves the old file or the new one. The order of steps makes the rest safe:

* A serial is in the index before the certificate with it exists anywhere, so it can never be issued twice.
* A revocation is in the index before it is in `ca.crl`; a list is always made from the index. If a crash comes
  between, the number of the list is behind the number in the index, and `Authority.status` reports it.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509

from sealbus.durable_files import PRIVATE, write_atomically
from sealbus.errors import ConfigError
from sealbus.security.names import render_serial
from sealbus.security.pem_files import read_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Index", "IndexEntry", "find_entries", "load_index", "save_index", "unused_serial"]


class IndexEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate. `serial` is upper-case hexadecimal; times are UTC; `role` is None for no role."""

    serial: str
    name: str
    subject: str
    role: str | None
    issued_at: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    reason: str = "unspecified"


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the authority has issued. `crl_days` is None for lists that last as long as the root."""

    version: int = 1
    crl_number: int = 0
    crl_days: int | None = None
    entries: tuple[IndexEntry, ...] = ()


def load_index(path: Path) -> Index:
    """Read the index. Raises ConfigError if it is missing or not one."""
    try:
        return msgspec.json.decode(read_file(path, "the index of the authority"), type=Index)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"the index of the authority cannot be read: {error}", file=str(path), hint="restore it from a backup"
        ) from None


def save_index(path: Path, index: Index) -> None:
    """Replace the index as a whole."""
    write_atomically(
        path, msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n", mode=PRIVATE, replace=True
    )


def find_entries(index: Index, name_or_serial: str) -> list[IndexEntry]:
    """All entries of a name, else the one of a serial, with or without leading zeros."""
    named = [entry for entry in index.entries if entry.name == name_or_serial]
    serial = name_or_serial.replace(":", "").upper().removeprefix("0X").lstrip("0")
    return named or [entry for entry in index.entries if entry.serial.lstrip("0") == serial]


def unused_serial(index: Index) -> int:
    """A random serial that the index does not know."""
    used = {entry.serial for entry in index.entries}
    serial = x509.random_serial_number()  # 159 bits: a collision is not expected, but would be fatal
    while render_serial(serial) in used:
        serial = x509.random_serial_number()
    return serial
