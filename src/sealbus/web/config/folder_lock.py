"""The state folder, and locks in it, each held by one process at a time. A lock ends with its process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealbus.durable_files import lock_file
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["locked_folder", "own_folder"]


def own_folder(home: Path) -> None:
    """Make the state folder, for this user only. Raises ConfigError where others could read the keys in it."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = home.stat()
    except OSError as error:
        raise ConfigError(
            f"the state folder cannot be used: {error.strerror}", file=str(home), hint="name another folder with --home"
        ) from None
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        home.chmod(0o700)
    elif found.st_uid != os.geteuid() and found.st_mode & 0o077:
        raise ConfigError(
            "the state folder belongs to another user, and others can read it",
            file=str(home),
            hint="run as its owner, or let its owner run chmod 700 on it",
        )


@contextmanager
def locked_folder(home: Path, name: str, *, refusal: str = "") -> Iterator[None]:
    """Hold the lock file `name` in the state folder. Wait for it; with a `refusal` raise ConfigError with it at once."""
    own_folder(home)
    try:
        descriptor = lock_file(home / name, wait=not refusal)
    except BlockingIOError:
        raise ConfigError(refusal, file=str(home), hint="stop that process first, or name another folder") from None
    try:
        yield
    finally:
        os.close(descriptor)
