"""The programs of others that tests and benchmarks use: how to find each, and its Debian package.

One table for two users: `tests/setup` installs the missing programs, and the marker `needs("mbpoll")` skips a test if
that was not possible. Standard library only, because the set-up runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NEEDS", "Need", "missing", "program_path"]

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # folders of daemons; not on the PATH of an ordinary user
_POSTGRESQL = Path("/usr/lib/postgresql")  # Debian: a folder for each version with the programs in its bin


@dataclass(frozen=True, slots=True)
class Need:
    """A program on the PATH, a library that pkg-config knows, a file, or a host's name; and the Debian packages for it."""

    packages: tuple[str, ...]
    program: str = ""
    library: str = ""
    file: str = ""
    host: str = ""
    for_tests: bool = True
    for_bench: bool = False

    def is_met(self) -> bool:
        """Whether it is installed on this machine now."""
        if self.host:
            return _resolves(self.host)
        if self.library:
            found = program_path("pkg-config")
            return found is not None and subprocess.run([found, "--exists", self.library], check=False).returncode == 0
        return program_path(self.program) is not None if self.program else Path(self.file).exists()


NEEDS: dict[str, Need] = {
    "gcc": Need(("gcc", "libc6-dev"), program="gcc", for_bench=True),
    "pkg-config": Need(("pkg-config",), program="pkg-config", for_bench=True),
    "libmodbus": Need(("libmodbus-dev",), library="libmodbus"),
    "libssl": Need(("libssl-dev",), library="libssl", for_bench=True),
    "localhost": Need((), host="localhost"),  # a machine without /etc/hosts cannot resolve it
    "openssl": Need(("openssl",), program="openssl", for_bench=True),
    "mbpoll": Need(("mbpoll",), program="mbpoll"),
    "tshark": Need(("tshark",), program="tshark"),
    "ssh": Need(("openssh-client",), program="ssh"),
    "sshd": Need(("openssh-server",), program="sshd"),
    "postgres": Need(("postgresql",), program="initdb", for_bench=True),
    "redis": Need(("redis-server",), program="redis-server"),
    "chromium": Need(("chromium",), program="chromium", for_bench=True),
    "node": Need((), program="npm"),
    "nft": Need(("nftables",), program="nft"),
    "systemd-analyze": Need(("systemd",), program="systemd-analyze"),
    "nginx": Need(("nginx",), program="nginx", for_tests=False, for_bench=True),
    "nginx-stream": Need(
        ("libnginx-mod-stream",), file="/usr/lib/nginx/modules/ngx_stream_module.so", for_tests=False, for_bench=True
    ),
    "haproxy": Need(("haproxy",), program="haproxy", for_tests=False, for_bench=True),
    "stunnel4": Need(("stunnel4",), program="stunnel4", for_tests=False, for_bench=True),
}


def program_path(name: str) -> str | None:
    """The path of a program on the PATH or in the folders of daemons; None if it is missing."""
    versions = sorted(
        map(str, _POSTGRESQL.glob("*/bin")), reverse=True
    )  # looked up at each call: the set-up may have created it
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS, *versions)))


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except socket.gaierror:
        return False


def missing(names: tuple[str, ...]) -> list[str]:
    """The names that this machine lacks. KeyError for a name that is not in the table."""
    return [name for name in names if not NEEDS[name].is_met()]
