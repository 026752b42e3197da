"""A host is the same in all its spellings: for the resolver, the certificate, the authority and the settings of a site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import sealbus
from sealbus import Device, Identity, Unreachable
from sealbus.security import Authority
from sealbus.web.config.environment import load_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("certified", ["localhost", "LocalHost."])
async def test_a_server_is_reached_and_verified_under_every_spelling_of_its_name(
    tmp_path: Path, certified: str
) -> None:
    folder = tmp_path / "ca"
    authority = Authority.create(folder, "Test")
    for name, hosts in (("gateway", (certified,)), ("operator", ())):
        authority.issue(name, role="Operator", hosts=hosts)
    identities = [Identity.load(folder / f"{name}.crt", folder / f"{name}.key") for name in ("gateway", "operator")]
    device = Device({"holding": [7]})
    trust = folder / "ca.crt"
    async with sealbus.serve(
        "mbaps://127.0.0.1:0", device, identity=identities[0], trust=trust, unsafe_no_policy=True
    ) as server:
        for spelling in ("localhost", "LOCALHOST", "localhost.", "\uff4cocalhost\u3002"):
            for url in (f"mbaps://{spelling}:{server.port}", f"mbaps://127.0.0.1:{server.port}?name={spelling}"):
                async with sealbus.connect(url, identity=identities[1], trust=trust) as modbus:
                    assert await modbus.read_holding_registers(0, 1) == [7]
        for other in ("localhost.example.", "local.host"):
            with pytest.raises(Unreachable, match="for another host"):
                async with sealbus.connect(
                    f"mbaps://127.0.0.1:{server.port}?name={other}", identity=identities[1], trust=trust
                ):
                    pass


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://Plant.EXAMPLE.", "https://plant.example"),
        ("https://münchen.example:8443/", "https://xn--mnchen-3ya.example:8443"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
    ],
)
def test_a_site_has_one_public_url(tmp_path: Path, written: str, url: str) -> None:
    environment = load_environment({"SEALBUS_HOME": str(tmp_path), "SEALBUS_PUBLIC_URL": written})
    assert environment.public_url == url


@pytest.mark.parametrize("wrong", ["https://plant..example", "https://*", "https://plant.example:x", "https://a b"])
def test_a_public_url_without_a_host_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(sealbus.ConfigError, match="SEALBUS_PUBLIC_URL"):
        load_environment({"SEALBUS_HOME": str(tmp_path), "SEALBUS_PUBLIC_URL": wrong})


def test_a_database_is_named_by_one_host(tmp_path: Path) -> None:
    given = "postgresql://u:GeheimesLangesWort4711xyz@DB.example./s?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    at = load_environment({"SEALBUS_HOME": str(tmp_path), "SEALBUS_DATABASE": given}).database
    assert at.host == "db.example"
    folder = load_environment({"SEALBUS_HOME": str(tmp_path), "SEALBUS_DATABASE": "postgresql://u@/s?host=/Run/pg"})
    assert folder.database.host == "/Run/pg"
