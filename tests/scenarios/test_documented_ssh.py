"""The rules of docs/ssh-and-vpn.md for an account at an SSH server allow reading one device and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sealbus
from needs import program_path
from sealbus.endpoints import parse_endpoint
from unit.transport.openssh import Bastion, running_bastion

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOCUMENT = (Path(__file__).parents[2] / "docs" / "ssh-and-vpn.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```text\n(.*?)^```$", _DOCUMENT, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.needs("sshd", "ssh")


@pytest.fixture(scope="module")
def bastion() -> Iterator[Bastion]:
    with running_bastion() as made:
        yield made


def _restrict(bastion: Bastion, device: str) -> None:
    """Give the account the documented line, with this device and the key of the test."""
    (line,) = [block for block in _BLOCKS if block.startswith("restrict")]
    options = line.partition(" ssh-ed25519 ")[0].replace("10.0.0.5:502", device)
    (bastion.folder / "authorized_keys").write_text(f"{options} {(bastion.folder / 'user_key.pub').read_text()}")


def _ssh(bastion: Bastion, *words: str) -> subprocess.CompletedProcess[str]:
    program = program_path("ssh")
    assert program is not None
    files = (f"UserKnownHostsFile={bastion.folder}/known_hosts", f"IdentityFile={bastion.folder}/user_key")
    options = [word for option in (*files, "BatchMode=yes", "ExitOnForwardFailure=yes") for word in ("-o", option)]
    command = [program, "-F", "none", *options, "-p", str(bastion.port), *words, f"{bastion.user}@127.0.0.1"]
    return subprocess.run(command, capture_output=True, text=True, timeout=15, check=False, stdin=subprocess.DEVNULL)


async def test_the_restricted_account_reads_its_device_and_no_other(bastion: Bastion) -> None:
    device = sealbus.Device({"holding": [7, 8, 9]})
    async with (
        sealbus.serve("tcp://127.0.0.1:0", device, unsafe_no_policy=True) as meant,
        sealbus.serve("tcp://127.0.0.1:0", device, unsafe_no_policy=True) as other,
    ):
        _restrict(bastion, f"127.0.0.1:{meant.port}")
        async with sealbus.connect(str(bastion.url(f"127.0.0.1:{meant.port}"))) as modbus:
            assert await modbus.read_holding_registers(0, 3) == [7, 8, 9]
        with pytest.raises(sealbus.Unreachable, match="does not allow a forward"):
            await sealbus.connect(str(bastion.url(f"127.0.0.1:{other.port}"))).open()


async def test_the_restricted_account_listens_nowhere_and_has_no_terminal(bastion: Bastion) -> None:
    _restrict(bastion, "127.0.0.1:502")
    backwards = _ssh(bastion, "-N", "-R", "0:127.0.0.1:502")
    assert backwards.returncode != 0
    assert "remote port forwarding failed" in backwards.stderr
    terminal = _ssh(bastion, "-tt")
    assert "PTY allocation request failed" in terminal.stderr


async def test_the_server_accepts_the_documented_rules_for_the_account(bastion: Bastion) -> None:
    (rules,) = [block for block in _BLOCKS if block.startswith("Match User")]
    file = bastion.folder / "documented"
    file.write_text((bastion.folder / "sshd_config").read_text() + rules)
    program = program_path("sshd")
    assert program is not None
    connection_spec = "user=sealbus,host=client,addr=192.0.2.1"
    account = bastion.user if os.geteuid() == 0 else None  # as root, sshd needs a system folder
    done = subprocess.run(
        [program, "-T", "-f", file, "-C", connection_spec], capture_output=True, text=True, check=False, user=account
    )
    assert done.returncode == 0, done.stderr
    effective = set(done.stdout.splitlines())
    expected = {line.strip().lower() for line in rules.splitlines()[1:]}
    assert expected <= {line.lower() for line in effective}


async def test_the_documented_endpoint_is_valid() -> None:
    endpoint = parse_endpoint(_BLOCKS[0].strip())
    assert endpoint.forward is not None
    assert (endpoint.forward.user, endpoint.port, endpoint.forward.target_port) == ("sealbus", 22, 502)
    assert endpoint.forward.key == "/etc/sealbus/bastion_key"
