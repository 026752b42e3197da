"""A complete sealed line as an operator builds it, with `sealbus ca`, `sealbus gateway` and `sealbus wrap`.

    application.c or mbpoll -- tcp --> sealbus wrap -- mbaps --> sealbus gateway -- tcp --> device.c

Everything runs as separate programs; this module imports nothing of Sealbus. The device serves units 1 to 5. The
policy allows units 6 to 10, which have no device.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenarios.programs import Program, Programs, run_sealbus, sealbus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SealedLine", "open_sealed_line"]

POLICY = """
[[role]]
name = "Viewer"
[[role.allow]]
units = "1-10"
read = ["coils", "discrete", "holding", "input"]

[[role]]
name = "Operator"
[[role.allow]]
units = "1-10"
read = ["coils", "discrete", "holding", "input"]
write = ["coils:0-49", "holding:0-49"]
functions = ["report-server-id"]
[[role.allow]]
units = "1"
write = ["holding:100-109"]
min = 0
max = 1000
[[role.allow]]
units = "1"
write = ["holding:110-119"]
type = "int16"
min = -50
max = 50
"""

GATEWAY = """
[gateway]
name = "sealed line"
records = "records"
records_mib = 16

[identity]
certificate = "ca/gateway.crt"
key = "ca/gateway.key"
trust = ["ca/ca.crt"]
crl = ["ca/ca.crl"]

[[listener]]
url = "mbaps://127.0.0.1:0"
policy = "policy.toml"
[[listener.device]]
units = "1-5"
url = "tcp://127.0.0.1:{port}"
timeout = 1.0
"""


@dataclass
class SealedLine:
    """A gateway in front of a device, and the wraps that a test starts in front of the gateway."""

    folder: Path
    programs: Programs
    device: Program
    device_port: str
    gateway: Program
    gateway_port: str
    _wraps: dict[str, str] = field(default_factory=dict)

    def wrap(self, name: str) -> str:
        """Start a wrap with the certificate `name` and return its plain port on loopback."""
        if name not in self._wraps:
            own = ("--certificate", self._ca(f"{name}.crt"), "--key", self._ca(f"{name}.key"))
            trust = ("--trust", self._ca("ca.crt"), "--crl", self._ca("ca.crl"))
            place = (f"mbaps://127.0.0.1:{self.gateway_port}", "--records", self.folder / f"records of {name}")
            wrap = self.programs.start(f"wrap {name}", *sealbus("wrap", "tcp://127.0.0.1:0", *place, *own, *trust))
            self._wraps[name] = wrap.wait_for(r"listening on .*:(\d+)")[1]
        return self._wraps[name]

    @property
    def records(self) -> Path:
        return self.folder / "records"

    def _ca(self, name: str) -> Path:
        return self.folder / "ca" / name


@contextlib.contextmanager
def open_sealed_line(folder: Path, device_program: Path) -> Iterator[SealedLine]:
    """Create the authority and the certificates `gateway`, `operator` and `viewer`, then start device and gateway."""
    _make_certificates(folder / "ca")
    with Programs() as programs:
        device = programs.start("device", device_program)
        port = device.wait_for(r"port (\d+)")[1]
        (folder / "policy.toml").write_text(POLICY)
        (folder / "gateway.toml").write_text(GATEWAY.format(port=port))
        gateway = programs.start("gateway", *sealbus("gateway", folder / "gateway.toml"))
        gateway_port = gateway.wait_for(r"listening on mbaps.*:(\d+)")[1]
        yield SealedLine(folder, programs, device, port, gateway, gateway_port)


def _make_certificates(folder: Path) -> None:
    for words in (
        ("init", folder, "--name", "Test authority"),
        ("issue", folder, "gateway", "--host", "127.0.0.1"),
        ("issue", folder, "operator", "--role", "Operator"),
        ("issue", folder, "viewer", "--role", "Viewer"),
    ):
        done = run_sealbus("ca", *words)
        assert done.status == 0, done.output
