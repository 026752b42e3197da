"""A PostgreSQL server for tests: fresh, on loopback, in a folder that is deleted at the end.

The programs are those of Debian. As root they run as the user `nobody`, since PostgreSQL refuses root. Data is not
synced to the disk unless `durable` is set: a SIGKILL of the server loses nothing by that, only a loss of power would.
Each `database()` is a fresh one.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from needs import program_path
from ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["PostgresServer", "postgres_server"]

_DEADLINE_S = 60.0
_SETTINGS = ("listen_addresses=127.0.0.1", "shared_buffers=64MB", "max_connections=60", "max_wal_size=2GB")
_NOT_DURABLE = ("fsync=off", "full_page_writes=off")


@dataclass(slots=True)
class PostgresServer:
    """A running server."""

    folder: Path
    port: int
    settings: Sequence[str]
    account: int | None
    _process: subprocess.Popen[bytes] | None = None
    _made: int = 0

    def database(self) -> str:
        """The URL of a fresh, empty database."""
        self._made += 1
        name = f"test{self._made}"
        with self._administrator() as connection:
            connection.execute(f"create database {name}".encode())
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database, even if it is in use."""
        with self._administrator() as connection:
            connection.execute(f"drop database {url.rpartition('/')[2]} with (force)".encode())

    def start(self) -> None:
        """Start the server and wait until it answers; after `kill` or `stop` with the same data and port."""
        command = [_program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += ["-k", str(self.folder)] + [part for setting in self.settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                user=self.account,
                extra_groups=None if self.account is None else [],
            )
        end = time.monotonic() + _DEADLINE_S
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(psycopg.Error), self._administrator():
                return
            time.sleep(0.02)
        raise RuntimeError(f"PostgreSQL does not answer: {(self.folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """Send SIGKILL to all its processes at once, as a machine without memory does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop at once and abort all connections."""
        self._end(signal.SIGINT)

    def freeze(self) -> None:
        """Suspend it: connections stay open and get no answer until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if how is signal.SIGINT:
            self._process.send_signal(how)
        else:
            self._signal(how)
        self._process.wait(_DEADLINE_S)
        self._process = None

    def _signal(self, what: signal.Signals) -> None:
        """Send a signal to the server and each of its backends, which are in sessions of their own."""
        if self._process is None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for process_id in (self._process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, what)

    def _administrator(self) -> psycopg.Connection[tuple[object, ...]]:
        url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        return psycopg.connect(url, autocommit=True, connect_timeout=5)


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server. `durable` syncs to the disk, as in production."""
    folder = Path(tempfile.mkdtemp(prefix="sealbus-postgres-"))
    account = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account, -1)
    settings = _SETTINGS if durable else _SETTINGS + _NOT_DURABLE
    server = PostgresServer(folder, free_ports(1), settings, account)
    try:
        command = [_program("initdb"), "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            user=account,
            extra_groups=None if account is None else [],
        )
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr}")
        server.start()
        yield server
    finally:
        server.thaw()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = program_path(name)
    if found is None:
        raise RuntimeError(f"{name} is missing; install the Debian package postgresql")
    return found
