"""The folder of the sockets. A process that can connect to the local bus can fake live values, so only our user may
enter it.

The folder is created with mode 0700. An existing one must be a folder (no link), owned by our user, and closed to group
and others; otherwise it is refused and left unchanged. Processes of other users cannot list it.

The path of a socket has at most 107 bytes. If the path of the folder is too long, the sockets go to a short folder in
XDG_RUNTIME_DIR, or else in the system's folder for temporary files. Its name is made of our user id and a hash of the
long path, so that all processes find the same one. The name can be guessed, and the parent is shared: another user may
have created a folder or link of that name. So the same checks apply, and the parent must not allow replacing the
folder: it belongs to root or to us, and is closed to writing by others or sticky. Something that another user created
is refused by an error that names it: this can stop the bus, but never connect it to another user.
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
_MAX_NAME = "/subscribe.ipc"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def socket_folder(folder: Path) -> Path:
    """The folder for the sockets of the bus that `folder` names, created if necessary. Raises ConfigError when it is
    not ours alone.
    """
    folder = folder.absolute()
    if _fits(folder):
        _make(folder, parents=True)
        return folder
    parent = Path(os.environ.get("XDG_RUNTIME_DIR", "") or tempfile.gettempdir())
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = parent / f"sealbus-{os.getuid()}-{name}"
    if not short.is_absolute() or not _fits(short):
        raise ConfigError(
            "the path is too long for sockets, and so is that of the folder for temporary files",
            file=str(folder),
            hint="choose a shorter folder, or set XDG_RUNTIME_DIR",
        )
    _check_parent(parent)
    _make(short, parents=False)
    return short


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + len(_MAX_NAME) <= _SOCKET_PATH_BYTES


def _make(folder: Path, *, parents: bool) -> None:
    try:
        if parents:
            folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()  # not stat: a link that another user placed here must be refused
    except OSError as error:
        raise ConfigError(
            f"the folder for the sockets of the bus cannot be created: {error.strerror}",
            file=str(folder),
            hint="name a folder that this user can create",
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(
            "this is a file or a link, not a folder", file=str(folder), hint="remove it, or name another folder"
        )
    if found.st_uid != os.getuid():
        raise ConfigError(
            f"the folder of the bus belongs to another user ({found.st_uid})",
            file=str(folder),
            hint="remove it, name another, or run all of Sealbus as one user",
        )
    if found.st_mode & _OTHERS:
        raise ConfigError(
            f"other users can enter the folder of the bus (mode {stat.S_IMODE(found.st_mode):o})",
            file=str(folder),
            hint=f"chmod 700 {folder}",
        )


def _check_parent(parent: Path) -> None:
    try:
        found = parent.stat()
    except OSError as error:
        raise ConfigError(
            f"the folder for temporary files cannot be read: {error.strerror}", file=str(parent), hint="create it"
        ) from None
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if found.st_uid not in (0, os.getuid()) or (writable and not found.st_mode & stat.S_ISVTX):
        raise ConfigError(
            "other users can replace files in this folder",
            file=str(parent),
            hint="chmod +t, or set XDG_RUNTIME_DIR to a folder of this user",
        )
