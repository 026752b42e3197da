"""The configuration of OpenSSL in docs/certificates.md leaves the accepted signature algorithms in the offer and no others.

Without it OpenSSL also lists DSA, SHA-224 and Ed448, which Python's `ssl` cannot change; such peers are refused later.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.gateway_program import GatewayProgram, open_gateway_program
from scenarios.openssl_client import s_client
from scenarios.plant import adu, read_holding, words

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOCUMENT = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
_READ, _ANSWER = adu(0x5EA1, read_holding(7, 1)), adu(0x5EA1, words(7))

pytestmark = pytest.mark.needs("openssl")


async def _offer(gateway: GatewayProgram, version: str) -> set[str]:
    """The signature algorithms that the gateway requests of a client, which is served with one of them."""
    identity = pki.make_leaf(gateway.root, role="Viewer").save(gateway.folder, "viewer")
    result = await s_client(gateway, version, identity=identity, requests=[_READ])
    assert result.answers == [_ANSWER]
    found = re.search(r"^Requested Signature Algorithms: (\S+)$", result.text, re.MULTILINE)
    assert found
    return set(found[1].split(":"))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_only_the_accepted_algorithms_are_offered(tmp_path: Path, version: str) -> None:
    (block,) = re.findall(r"^```ini\n(openssl_conf .*?)^```$", _DOCUMENT, re.MULTILINE | re.DOTALL)
    (tmp_path / "openssl.cnf").write_text(block)
    environment: Mapping[str, str] = {"OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
    async with open_gateway_program(tmp_path, environment=environment) as gateway:
        assert await _offer(gateway, version) == {
            *("ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512", "ed25519"),
            *("RSA-PSS+SHA256", "RSA-PSS+SHA384", "RSA-PSS+SHA512"),
            *("rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512"),
            *("RSA+SHA256", "RSA+SHA384", "RSA+SHA512"),
        }
