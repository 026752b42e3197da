"""A real Redis for tests: on loopback, in its own folder, without persistence. It can be killed and started again.

    with RedisServer(tmp_path, password="secret") as redis:
        url = redis.url
        redis.kill()
        redis.start()  # on the same port

With `certificate` and `key` it accepts TLS only.
"""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from needs import program_path
from ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["RedisServer"]

_PATIENCE_S = 60.0
_READY = b"eady to accept connections"  # Redis writes it with R or r, Valkey too; a probe could reach another program


@dataclass
class RedisServer:
    """Runs from `start` to `kill`, or as a context manager."""

    folder: Path
    password: str = ""
    certificate: Path | None = None
    key: Path | None = None
    lines: tuple[str, ...] = ()
    """Extra lines of redis.conf."""
    port: int = field(default_factory=lambda: free_ports(1))
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL with all rights."""
        login = f":{self.password}@" if self.password else ""
        return f"{'rediss' if self.certificate else 'redis'}://{login}127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it accepts connections. Does nothing if it runs."""
        if self._process is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "redis.conf"
        config.write_text("\n".join(self._config()) + "\n", encoding="utf-8")
        log = self.folder / "redis.log"
        logged_before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program_path("redis-server") or "redis-server", config],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        end = time.monotonic() + _PATIENCE_S
        while _READY not in log.read_bytes()[logged_before:]:
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"redis-server on port {self.port}:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)

    def _config(self) -> list[str]:
        config = ["bind 127.0.0.1", "daemonize no", 'save ""', "appendonly no", f"dir {self.folder}", *self.lines]
        if self.certificate:
            config += ["port 0", f"tls-port {self.port}", f"tls-cert-file {self.certificate}"]
            config += [f"tls-key-file {self.key}", f"tls-ca-cert-file {self.certificate}", "tls-auth-clients no"]
        else:
            config.append(f"port {self.port}")
        return [*config, f'requirepass "{self.password}"'] if self.password else config

    def freeze(self) -> None:
        """Send SIGSTOP: connections stay open, and nothing answers. `kill` ends it too."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
