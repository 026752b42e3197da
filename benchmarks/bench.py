"""One run: the compiled tools on their cores, the device, a peer in front of it, and the load."""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.machine import Cores, NotMeasuredError, free_port, running, wait_for_port
from benchmarks.peers import Job, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.certificates import Certificates
    from benchmarks.peers import Peer

__all__ = ["Bench", "Load", "RunningDevice"]

_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Load:
    """Result of the load generator, and CPU time of the watched processes in the same window."""

    transactions: int
    seconds: float
    p50_us: float
    p99_us: float
    cpu_s: tuple[float, ...]
    own_cpu_s: float
    tls: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class RunningDevice:
    """The running device."""

    port: int
    process_id: int


@dataclass(slots=True)
class Bench:
    """The tools of one run, and its settings."""

    folder: Path
    load_tool: Path
    device_tool: Path
    certificates: Certificates
    cores: Cores
    rounds: int
    seconds: float
    warmup_s: float
    idle_connections: int
    tls_seen: set[str] = field(default_factory=set)
    _started: int = 0

    def new_folder(self, name: str) -> Path:
        """An unused path in the folder of this run."""
        self._started += 1
        return self.folder / f"{self._started}-{name.lower()}"

    @contextlib.contextmanager
    def device(self, *, core: int | None = None) -> Iterator[RunningDevice]:
        """Start a device, by default on the core for devices."""
        port, log = free_port(), self.new_folder("device")
        with running(
            [str(self.device_tool), str(port)], core=self.cores.device if core is None else core, log=log
        ) as process:
            wait_for_port(port, process, log)
            yield RunningDevice(port, process.pid)

    @contextlib.contextmanager
    def peer(self, peer: Peer, device: RunningDevice, *, connections: int, in_flight: int) -> Iterator[tuple[int, int]]:
        """Start and probe a peer in front of the device. Yields its port and its process id."""
        port = free_port()
        job = Job(self.new_folder(peer.name), self.certificates, port, device.port, connections, in_flight)
        with serving(peer, job, core=self.cores.tested) as process:
            yield port, process.pid

    def tool(self, mode: str, port: int, connections: int, *, sealed: bool, core: int | None = None) -> list[str]:
        """The command line of the load generator, by default on its own core."""
        files = self.certificates
        on = self.cores.generator if core is None else core
        command = ["taskset", "-c", str(on), str(self.load_tool), mode]
        command += ["--port", str(port), "--connections", str(connections)]
        if sealed:
            command += ["--ca", str(files.anchor), "--certificate", str(files.client), "--key", str(files.client_key)]
        return command

    def load(
        self, port: int, connections: int, *, sealed: bool, watch: Sequence[int] = (), core: int | None = None
    ) -> Load:
        """Load a port in a closed loop. NotMeasuredError if one answer was wrong or missing."""
        command = self.tool("load", port, connections, sealed=sealed, core=core)
        command += ["--seconds", str(self.seconds), "--warmup", str(self.warmup_s)]
        command += [part for process_id in watch for part in ("--account", str(process_id))]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S + self.seconds)
        if done.returncode:
            raise NotMeasuredError(f"the load generator stopped: {done.stderr.strip()}")
        report: dict[str, Any] = json.loads(done.stdout)
        if sealed and (report["certificate_requests"] != connections or report["resumed"]):
            raise NotMeasuredError(
                f"the peer requested a certificate on {report['certificate_requests']} of {connections} connections"
            )
        if sealed:
            self.tls_seen.add(" ".join(report["tls"].values()))
        latency = report["latency_us"]
        accounts = tuple(report["cpu_s"])
        return Load(
            report["transactions"],
            report["seconds"],
            latency["p50"],
            latency["p99"],
            accounts,
            report["own_cpu_s"],
            report["tls"],
        )
