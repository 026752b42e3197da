"""Whose are the sockets? Whoever can connect to the local bus can fake live values, so its folder is ours alone.

The folder is made with mode 0700. One that is there already must be a folder (no link), owned by the user we run as, and
closed to group and others; else it is refused and stays as it is. A process of another user cannot even look inside.

The path of a socket may have 107 bytes. When the folder's path is too long for that, the sockets go to a short folder in
XDG_RUNTIME_DIR, or else in the machine's folder for temporary files, named after our user id and the long path so that
all processes find the same. Its name can be guessed, and that folder is shared: someone may have been there first, with a
folder or a link of his own. So it is held to the same rules, and must besides lie in a folder where nobody can put
another in its place: one that belongs to root or to us, and is either closed to the writing of others or sticky. What
another made beforehand is refused by name: he can keep us from working, never make us talk to him.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from sealbus.errors import ConfigError

__all__ = ["socket_folder"]

_SOCKET_PATH_BYTES = 107  # sun_path of unix(7) without its NUL
_LONGEST_NAME = "/subscribe.ipc"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def socket_folder(folder: Path) -> Path:
    """The folder for the sockets of the bus that `folder` names, made if need be. Raises ConfigError when it is not ours."""
    folder = folder.absolute()
    if _fits(folder):
        _make(folder, parents=True)
        return folder
    above = Path(os.environ.get("XDG_RUNTIME_DIR", "") or tempfile.gettempdir())
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = above / f"sealbus-{os.getuid()}-{name}"
    if not short.is_absolute() or not _fits(short):
        raise ConfigError(
            "the path is too long for sockets, and so is that for temporary files",
            file=str(folder),
            hint="choose a shorter folder, or set XDG_RUNTIME_DIR",
        )
    _check_above(above)
    _make(short, parents=False)
    return short


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + len(_LONGEST_NAME) <= _SOCKET_PATH_BYTES


def _make(folder: Path, *, parents: bool) -> None:
    try:
        if parents:
            folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(
            f"no folder for the sockets of the bus: {error.strerror}",
            file=str(folder),
            hint="name one that we can make",
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError("this is no folder, or a link to one", file=str(folder), hint="remove it or name another")
    if found.st_uid != os.getuid():
        raise ConfigError(
            f"the folder of the bus belongs to another user ({found.st_uid})",
            file=str(folder),
            hint="remove it, name another, or run all of Sealbus as one user",
        )
    if found.st_mode & _OTHERS:
        raise ConfigError(
            f"others can enter the folder of the bus (mode {stat.S_IMODE(found.st_mode):o})",
            file=str(folder),
            hint="chmod 700",
        )


def _check_above(above: Path) -> None:
    try:
        found = above.stat()
    except OSError as error:
        raise ConfigError(f"no folder for temporary files: {error.strerror}", file=str(above), hint="make it") from None
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if found.st_uid not in (0, os.getuid()) or (writable and not found.st_mode & stat.S_ISVTX):
        raise ConfigError(
            "others could swap what lies in this folder",
            file=str(above),
            hint="chmod +t, or set XDG_RUNTIME_DIR to a folder of our own",
        )
