"""A gateway as a separate process, `sealbus gateway`, in front of a device in the test process.

    async with open_gateway_program(tmp_path) as gateway:
        client = await gateway.connect()
        gateway.program.process.send_signal(signal.SIGTERM)
        assert await gateway.wait_for_exit() == 0

It uses the certificates and the policy of `plant`. Blocking calls run in a thread, so that the device keeps
answering.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pki
from scenarios.plant import PATIENCE_S, POLICY, RawClient, ScriptedDevice, open_device
from scenarios.programs import Program, Programs, sealbus
from sealbus.records import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from sealbus.records import Record, Stored

__all__ = ["GatewayProgram", "open_gateway_program", "write_gateway_files"]


def write_gateway_files(
    folder: Path, *, device_port: int, device: str = "", gateway: str = "", limits: str = ""
) -> pki.Credential:
    """Write certificates, policy.toml, and gateway.toml with these extra lines in its tables. Returns the authority."""
    root = pki.make_root()
    pki.save_trust(folder / "ca.crt", root)
    pki.make_leaf(root, hosts=["127.0.0.1"]).save(folder, "gateway")
    (folder / "policy.toml").write_text(POLICY)
    (folder / "gateway.toml").write_text(
        f"""
[gateway]
name = "program"
records_mib = 16
{gateway}
[identity]
certificate = "gateway.crt"
key = "gateway.key"
trust = ["ca.crt"]
[limits]
{limits}
[[listener]]
url = "mbaps://127.0.0.1:0"
policy = "policy.toml"
[[listener.device]]
units = "1-10"
url = "tcp://127.0.0.1:{device_port}"
{device}
"""
    )
    return root


@dataclass
class GatewayProgram:
    """A running `sealbus gateway`, its device and its files."""

    folder: Path
    root: pki.Credential
    device: ScriptedDevice
    programs: Programs
    program: Program
    port: int
    wires: list[RawClient] = field(default_factory=list)

    async def connect(self, role: str = "Operator", **options: Any) -> RawClient:
        """A client with a fresh certificate; the options are those of `pki.make_leaf`."""
        leaf = pki.make_leaf(self.root, role=role, **options)
        certificate, key = leaf.save(self.folder, f"client-{len(self.wires)}")
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(certificate, key)
        wire = RawClient(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context))
        self.wires.append(wire)
        return wire

    async def wait_for_line(self, pattern: str) -> str:
        """Wait for the next line that contains `pattern` and return it."""
        return (await asyncio.to_thread(self.program.wait_for, pattern)).string

    async def wait_for_exit(self) -> int:
        """Wait until it has ended and return its exit status."""
        return await asyncio.to_thread(self.program.process.wait, 2 * PATIENCE_S)

    async def wait_until_refused(self) -> None:
        """Wait until connections are refused."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionError:
                    return
                writer.close()
                await asyncio.sleep(0.01)

    @property
    def stored(self) -> list[Stored]:
        """All records so far."""
        return list(read(self.folder / "records"))

    def records(self, kind: type[Record]) -> list[Any]:
        """All records of one kind so far."""
        return [each.record for each in self.stored if isinstance(each.record, kind)]


@contextlib.asynccontextmanager
async def open_gateway_program(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None, **lines: str
) -> AsyncIterator[GatewayProgram]:
    """Start a gateway with these options. `lines` go to `write_gateway_files`."""
    async with open_device() as device:
        root = write_gateway_files(folder, device_port=device.port, **lines)
        programs = Programs()
        try:
            variables = [f"{name}={value}" for name, value in (environment or {}).items()]
            program = programs.start(
                "gateway", "env", *variables, *sealbus("gateway", folder / "gateway.toml", *options)
            )
            listening = await asyncio.to_thread(program.wait_for, r"listening on mbaps://127.0.0.1:(\d+)")
            gateway = GatewayProgram(folder, root, device, programs, program, int(listening[1]))
            try:
                yield gateway
            finally:
                await asyncio.gather(*(wire.close() for wire in gateway.wires))
        finally:
            await asyncio.to_thread(programs.__exit__, None, None, None)
