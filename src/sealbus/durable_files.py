"""Files that are whole or absent, and locks between processes that end with their process.

`write_atomically` writes beside the final place under another name, with the final mode from the first byte on (a key is
never readable by others), syncs it to the disk and only then gives it its name. A crash at any point leaves the old file or
the new one.

`lock_file` and `locked` use flock(2): the kernel releases the lock when the descriptor is closed, however the process ends,
so a lock file that is left behind locks nothing.

`file_stamp` tells a changed file from the one that was read, without reading it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "PRIVATE",
    "PUBLIC",
    "FileStamp",
    "file_stamp",
    "lock_file",
    "locked",
    "make_folder",
    "refuse_open_folder",
    "write_atomically",
]

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
FileStamp: TypeAlias = tuple[int, int, int]

_FOLDER: Final = 0o755
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


def make_folder(path: Path, *, mode: int) -> None:
    """Make a folder and its missing parents, none of them open to writing by others whatever the umask is."""
    if not path.parent.exists():
        make_folder(path.parent, mode=_FOLDER)
    path.mkdir(mode=mode, exist_ok=True)


def refuse_open_folder(path: Path) -> None:
    """Raises ConfigError if `path` is a link, or a folder that another user than its owner may write to."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        # Whoever made the link can lead it elsewhere between two commands.
        raise ConfigError("is not a folder, or a link to one", file=str(path), hint="name the folder itself")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"other users than the owner may write to the folder (mode {stat.S_IMODE(found.st_mode):o})",
            file=str(path),
            hint=f"chmod go-w {path}",
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError("the folder belongs to another user", file=str(path), hint="name a folder of your own")


def write_atomically(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
    """Write `data` to `path`. Raises ConfigError if it exists and `replace` is false, OSError if the disk refuses."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            _give_new_name(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    _sync_directory(path.parent)


def file_stamp(path: Path) -> FileStamp | None:
    """Time of change, size and inode: at least one differs after a file was written or replaced. None: it cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def lock_file(path: Path, *, wait: bool = False) -> int:
    """Lock the file `path`, made with mode 600 where it is missing. Closing the descriptor releases the lock.

    Raises BlockingIOError where another holder has the lock and `wait` is false, OSError where the file cannot be opened;
    a symbolic link is not followed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of the file `path` inside. Raises as `lock_file` does."""
    descriptor = lock_file(path, wait=wait)
    try:
        yield
    finally:
        os.close(descriptor)


def _give_new_name(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)  # unlike a rename it fails if the name is taken
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if path.exists():
            raise _taken(path) from None
        temporary.rename(path)


def _taken(path: Path) -> ConfigError:
    return ConfigError(
        "the file exists and is not overwritten", file=str(path), hint="move it away, or name another folder"
    )


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
