"""A real OpenSSH server for tests, with keys, configuration and port of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from needs import program_path
from ports import free_ports
from sealbus.endpoints import parse_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.endpoints import Endpoint

__all__ = ["Bastion", "running_bastion"]


@dataclass
class Bastion:
    """An OpenSSH server that this test started, for one user, who may only forward."""

    folder: Path
    user: str
    port: int

    def url(self, target: str, *, known_hosts: str = "known_hosts", key: str = "user_key") -> Endpoint:
        files = f"known_hosts={self.folder / known_hosts}&key={self.folder / key}"
        return parse_endpoint(f"ssh+tcp://{self.user}@127.0.0.1:{self.port}/{target}?{files}")


@contextlib.contextmanager
def running_bastion() -> Iterator[Bastion]:
    """As root, sshd wants a system folder for its privilege separation: then it runs as `daemon`, else as ourselves."""
    user = "daemon" if os.geteuid() == 0 else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="sshd-"))
    port = free_ports(1)
    _write_keys(folder, port)
    (folder / "sshd_config").write_text(
        f"""
        ListenAddress 127.0.0.1:{port}
        HostKey {folder}/host_key
        AuthorizedKeysFile {folder}/authorized_keys
        PidFile none
        UsePAM no
        StrictModes no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        AllowTcpForwarding local
        PermitOpen 127.0.0.1:*
        """
    )
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, user)
    program = program_path("sshd")
    assert program is not None
    as_user: dict[str, Any] = (
        {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    process = subprocess.Popen([program, "-D", "-f", folder / "sshd_config", "-E", folder / "log"], **as_user)
    try:
        _await_port(port, process, folder)
        yield Bastion(folder, user, port)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _write_keys(folder: Path, port: int) -> None:
    for name in ("host_key", "changed_host_key", "user_key", "strange_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        (folder / name).touch(mode=0o600)
        key.write_private_key(str(folder / name))
        key.write_public_key(str(folder / f"{name}.pub"))
    encrypted = folder / "encrypted_key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(encrypted), "pkcs8-pem", passphrase="secret")
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    for file, key_file in (("known_hosts", "host_key.pub"), ("changed_hosts", "changed_host_key.pub")):
        (folder / file).write_text(f"[127.0.0.1]:{port} {(folder / key_file).read_text()}")
    (folder / "empty_hosts").touch()


def _await_port(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(1200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    pytest.fail(f"sshd does not run: {(folder / 'log').read_text()}")
