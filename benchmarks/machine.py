"""The machine: cores, compiled tools, processes and the resources they used, and the description for the report."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "PROJECT",
    "Cores",
    "NotMeasuredError",
    "OtherLoad",
    "choose_cores",
    "compile_tools",
    "cpu_seconds",
    "describe_machine",
    "find_program",
    "free_port",
    "process_tree",
    "proportional_set_bytes",
    "python_versions",
    "running",
    "wait_for_port",
]

_HERE = Path(__file__).resolve().parent
PROJECT = _HERE.parent
_START_DEADLINE_S = 20.0
_STOP_DEADLINE_S = 10.0


class NotMeasuredError(Exception):
    """This row has no figure. The text names the reason and what to install or correct."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core runs what. With two cores the device shares one with the load generator."""

    generator: int
    device: int
    tested: int


class OtherLoad:
    """CPU time that other processes used since construction: that of all cores minus that of our processes."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._busy_s = self._busy() - self._ours()

    def others_share(self) -> float:
        """Share of all cores, 0 to 1. Our processes count as ours only after they have ended."""
        used = self._busy() - self._ours() - self._busy_s
        return max(used, 0.0) / ((time.monotonic() - self._began_s) * (os.cpu_count() or 1))

    @staticmethod
    def _busy() -> float:
        user, nice, system = (int(field) for field in _lines("/proc/stat")[0].split()[1:4])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _ours() -> float:
        return sum(os.times()[:4])


def choose_cores() -> Cores:
    """The last core for the process under test, the first ones for load generator and device."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise NotMeasuredError("only one core; the process under test needs one for itself: run with two or more")
    return Cores(generator=usable[0], device=usable[1] if len(usable) > 2 else usable[0], tested=usable[-1])


def find_program(name: str, package: str) -> str:
    """The path of a program of a Debian package. Daemons are in sbin, which is often not in PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise NotMeasuredError(f"{name} is not installed; install the Debian package {package}")
    return found


def compile_tools(folder: Path) -> tuple[Path, Path]:
    """Compile the load generator and the device into `folder`."""
    compiler = find_program("cc", "gcc (and libssl-dev)")
    tools = (folder / "load", folder / "device")
    for tool in tools:
        source = _HERE / f"{tool.name}.c"
        command = [compiler, "-O2", "-Wall", "-Wextra", str(source), "-o", str(tool), "-lssl", "-lcrypto"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotMeasuredError(f"{source.name} does not compile; install gcc and libssl-dev\n{done.stderr.strip()}")
    return tools


def free_port() -> int:
    """A loopback port that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], *, core: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` on one core, with its output in `log`, and stop it afterwards, by SIGTERM and then by SIGKILL."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the port accepts. NotMeasuredError with the last line of the log if the process ends first."""
    end = time.monotonic() + _START_DEADLINE_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    lines = log.read_text(errors="replace").strip().splitlines() or ["no output"]
    how = "did not listen in time" if process.poll() is None else f"ended with status {process.returncode}"
    raise NotMeasuredError(f"{how}: {lines[-1]}")


def process_tree(process_id: int) -> list[int]:
    """The process and all its descendants: nginx does its work in a forked worker."""
    tree, waiting = [], [process_id]
    while waiting:
        parent = waiting.pop()
        tree.append(parent)
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += [int(child) for child in children.read_text().split()]
    return tree


def proportional_set_bytes(processes: Sequence[int]) -> int:
    """Memory of processes as PSS: pages that several processes share are split between them."""
    total = 0
    for process_id in processes:
        for line in Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(process_id: int) -> float:
    """CPU time of a process so far: user and system, all threads."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def describe_machine() -> dict[str, str]:
    """CPU model, number of cores and kernel."""
    models = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0))
    system = next((line.split("=", 1)[1].strip('"') for line in _lines("/etc/os-release") if "PRETTY_NAME" in line), "")
    return {
        "cpu": f"{models[0] if models else platform.machine()}, {cores} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": system or "unknown",
    }


def python_versions() -> dict[str, str]:
    """Versions of Python, its OpenSSL, and the measured packages."""
    versions = {"Python": platform.python_version(), "OpenSSL of Python": ssl.OPENSSL_VERSION}
    for name in ("sealbus", "uvloop", "pymodbus"):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    commit = subprocess.run(
        ["git", "-C", str(_HERE), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    if commit.returncode == 0 and "sealbus" in versions:
        versions["sealbus"] += f" ({commit.stdout.strip()})"
    return versions


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


if sys.platform != "linux":
    raise SystemExit("the benchmarks run on Linux only: they read /proc and pin processes to cores")
