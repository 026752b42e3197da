"""A collector connects through an SSH server with the files of an identity; a URL cannot name files of its machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from scenarios.collecting import connection, neighbours, open_collector
from scenarios.plant import open_device, until
from sealbus.samples import Reason
from unit.transport.openssh import running_bastion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unit.transport.openssh import Bastion

pytestmark = pytest.mark.needs("sshd")


@pytest.fixture(scope="module")
def bastion() -> Iterator[Bastion]:
    with running_bastion() as made:
        yield made


def save_identity(folder: Path, bastion: Bastion, *, key: str = "user_key", hosts: str = "known_hosts") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(bastion.folder / key, folder / "ssh_key")
    shutil.copy(bastion.folder / hosts, folder / "known_hosts")


async def test_it_reads_as_soon_as_the_files_exist(bastion: Bastion, tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        url = f"ssh+tcp://{bastion.user}@127.0.0.1:{bastion.port}/127.0.0.1:{device.port}"
        site.apply(connection(1, url, *neighbours(3), identity="bastion"))
        await site.wait_for_bad(1000, Reason.UNREACHABLE)
        assert "bastion/ssh_key: identity: is missing" in site.collector.state().connections[0].why
        save_identity(site.identities / "bastion", bastion)
        await site.wait_for_good(1002, 2)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"key": "strange_key"}, "the SSH server accepts none of our keys"),
        ({"hosts": "changed_hosts"}, "the connection is intercepted"),
        ({"hosts": "empty_hosts"}, "the host key of the SSH server is not in"),
    ],
)
async def test_a_wrong_key_on_either_side_reads_nothing(
    bastion: Bastion, tmp_path: Path, files: dict[str, str], why: str
) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        save_identity(site.identities / "bastion", bastion, **files)
        url = f"ssh+tcp://{bastion.user}@127.0.0.1:{bastion.port}/127.0.0.1:{device.port}"
        site.apply(connection(1, url, *neighbours(1), identity="bastion"))
        await until(lambda: why in site.collector.state().connections[0].why)
        assert device.connections == 0


async def test_a_url_that_names_files_is_not_used(bastion: Bastion, tmp_path: Path) -> None:
    async with open_device() as device, open_collector(tmp_path) as site:
        save_identity(site.identities / "bastion", bastion)
        url = str(bastion.url(f"127.0.0.1:{device.port}"))
        site.apply(connection(1, url, *neighbours(1), identity="bastion"))
        (problem,) = site.collector.state().problems
        assert "a file cannot be named in this URL" in problem.text
        assert device.connections == 0
