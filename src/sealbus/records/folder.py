"""The directory of records: one process writes at a time, and no other user may write."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from sealbus.durable_files import lock_file
from sealbus.errors import ConfigError
from sealbus.records.segments import LOCK_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lock_folder"]

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def lock_folder(directory: Path) -> int:
    """Create the directory (mode 700) if it is missing, and lock it. The descriptor holds the lock until it is closed.

    Raises ConfigError: it cannot be created, other users may write to it, or another process holds the lock.
    """
    holder = ""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = directory.stat().st_mode
        if mode & _OTHERS_MAY_WRITE:
            raise ConfigError(
                f"other users than the owner may write to the records (mode {stat.S_IMODE(mode):o})",
                file=str(directory),
                hint=f"chmod 700 {directory}",
            )
        lock = lock_file(directory / LOCK_NAME)
    except BlockingIOError:
        with suppress(OSError):
            holder = (directory / LOCK_NAME).read_bytes()[:20].decode("ascii", "replace").strip()
        raise ConfigError(
            f"another process writes its records here{f' (process {holder})' if holder else ''}",
            file=str(directory),
            hint="stop it, or give each gateway its own directory of records",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"records cannot be kept here: {error.strerror}",
            file=str(directory),
            hint="name a directory that this user may write to",
        ) from error
    with suppress(OSError):  # the process id is only for the message above; a full disk must not prevent locking
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock
