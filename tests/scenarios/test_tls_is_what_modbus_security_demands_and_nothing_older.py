"""The TLS of a gateway as OpenSSL's client finds it: the versions and suites of MODBUS/TCP Security v36 and no others.

R-01, R-12 to R-14, R-32 to R-40, R-46, R-48 to R-55, R-59 to R-64. A refusal is a fatal alert, and the reason is
recorded.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.openssl_client import SClientResult, openssl, s_client
from scenarios.plant import PATIENCE_S, Plant, adu, open_plant, read_holding, words
from sealbus.records import Connected, HandshakeFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.needs("openssl")

READ = adu(0x5EA1, read_holding(7, 1))
ANSWER = adu(0x5EA1, words(7))

HANDSHAKE_FAILURE, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 40, 70, 86

ECDSA_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-CCM8",
)
RSA_SUITES = (
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
NOT_OFFERED = ":".join(f"!{suite}" for suite in ECDSA_SUITES + RSA_SUITES)
NO_COMMON_SUITE = "there is no cipher suite in common"
OLD_VERSION = "the peer supports no TLS version that is allowed here: TLS 1.2 or 1.3 is needed"
EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


@pytest.fixture
async def ecdsa_and_rsa(tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant whose gateway has an ECDSA and an RSA certificate on one listener."""
    root = pki.make_root()
    pki.make_leaf(root, hosts=["127.0.0.1"], key=pki.rsa_key()).save(tmp_path, "rsa")
    identity = 'certificate = ["gateway.crt", "rsa.crt"]\nkey = ["gateway.key", "rsa.key"]'
    async with open_plant(tmp_path, identity=identity, root=root) as plant:
        yield plant


@pytest.fixture
async def rsa_only(tmp_path: Path) -> AsyncIterator[Plant]:
    root = pki.make_root(key=pki.rsa_key())
    pki.make_leaf(root, hosts=["127.0.0.1"], key=pki.rsa_key()).save(tmp_path, "rsa")
    async with open_plant(tmp_path, identity='certificate = "rsa.crt"\nkey = "rsa.key"', root=root) as plant:
        yield plant


async def request_register(plant: Plant, *options: str) -> SClientResult:
    """Read one register as a viewer, with these options of s_client."""
    return await s_client(plant, *options, identity=plant.issue(role="Viewer"), requests=[READ])


def assert_refused(plant: Plant, result: SClientResult, alert: int, reason: str) -> None:
    """The client received this alert, the record has this reason, and the device received no request."""
    assert (result.alert, result.answers) == (alert, [])
    assert [each.reason for each in plant.records(HandshakeFailed)] == [reason]
    assert (plant.records(Connected), plant.device.requests) == ([], [])


async def test_a_modern_client_gets_the_suite_of_the_specification(plant: Plant) -> None:
    result = await request_register(plant, "-tls1_2")
    assert (result.version, result.cipher, result.answers) == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", [ANSWER])
    result = await request_register(plant)
    assert (result.version, result.answers) == ("TLSv1.3", [ANSWER])
    assert [each.tls_version for each in plant.records(Connected)] == ["TLSv1.2", "TLSv1.3"]


async def test_an_rsa_gateway_offers_the_rsa_suite_of_the_specification(rsa_only: Plant) -> None:
    result = await request_register(rsa_only, "-tls1_2")
    assert (result.cipher, result.answers) == ("ECDHE-RSA-AES128-GCM-SHA256", [ANSWER])


async def test_one_listener_serves_ecdsa_and_rsa_clients(ecdsa_and_rsa: Plant) -> None:
    for suite in ECDSA_SUITES + RSA_SUITES:
        result = await request_register(ecdsa_and_rsa, "-tls1_2", "-cipher", suite)
        assert (result.cipher, result.answers) == (suite, [ANSWER])
        assert f"Peer signature type: {'ECDSA' if suite in ECDSA_SUITES else 'RSA-PSS'}" in result.text
    for key, signature, shown in (
        (pki.make_key(), "ECDSA+SHA256", "ECDSA"),
        (pki.rsa_key(), "RSA-PSS+SHA256", "RSA-PSS"),
    ):
        identity = ecdsa_and_rsa.issue(role="Viewer", key=key)
        result = await s_client(ecdsa_and_rsa, "-tls1_3", "-sigalgs", signature, identity=identity, requests=[READ])
        assert (result.version, result.answers) == ("TLSv1.3", [ANSWER])
        assert f"Peer signature type: {shown}" in result.text


async def test_the_gateway_and_not_the_client_chooses_the_suite(ecdsa_and_rsa: Plant) -> None:
    result = await request_register(ecdsa_and_rsa, "-tls1_2", "-cipher", ":".join(reversed(RSA_SUITES + ECDSA_SUITES)))
    assert result.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"


async def test_a_client_that_offers_every_other_suite_there_is_is_refused(ecdsa_and_rsa: Plant) -> None:
    offered = (await openssl("ciphers", "-s", "-tls1_2", f"{NOT_OFFERED}:{EVERYTHING}")).strip().split(":")
    assert {"AES128-SHA256", "AES128-GCM-SHA256", "NULL-SHA256", "ECDHE-RSA-AES128-SHA256"} <= set(offered)
    assert not set(offered) & {*ECDSA_SUITES, *RSA_SUITES}
    result = await request_register(ecdsa_and_rsa, "-tls1_2", "-cipher", f"{NOT_OFFERED}:{EVERYTHING}")
    assert_refused(ecdsa_and_rsa, result, HANDSHAKE_FAILURE, NO_COMMON_SUITE)


@pytest.mark.parametrize(
    "suite", ["AES128-SHA256", "AES128-GCM-SHA256", "NULL-SHA256", "ECDHE-RSA-AES128-SHA256", "ADH-AES128-GCM-SHA256"]
)
async def test_static_rsa_cbc_null_and_anonymous_suites_are_refused_one_by_one(
    ecdsa_and_rsa: Plant, suite: str
) -> None:
    result = await request_register(ecdsa_and_rsa, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
    assert_refused(ecdsa_and_rsa, result, HANDSHAKE_FAILURE, NO_COMMON_SUITE)


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
async def test_older_versions_are_refused(ecdsa_and_rsa: Plant, version: str) -> None:
    result = await request_register(ecdsa_and_rsa, version, "-cipher", EVERYTHING)
    assert_refused(ecdsa_and_rsa, result, PROTOCOL_VERSION, OLD_VERSION)


@pytest.mark.parametrize(
    "hello",
    [
        pytest.param("1603000029 01000025 0300" + "5a" * 32 + "00 0002 0035 0100".replace(" ", ""), id="SSL 3.0"),
        pytest.param("802b 01 0002 0012 0000 0010 010080 030080 0700c0 050080 060040 020080" + "5a" * 16, id="SSL 2.0"),
    ],
)
async def test_obsolete_versions_get_an_alert_or_no_answer(plant: Plant, hello: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", plant.port)
    writer.write(bytes.fromhex(hello))
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    assert answer[:1] in (b"", b"\x15"), "the answer is neither empty nor an alert record"
    assert len(plant.records(HandshakeFailed)) == 1


async def test_a_downgraded_client_gets_an_alert(plant: Plant) -> None:
    result = await request_register(plant, "-tls1_2", "-fallback_scsv")
    assert (result.alert, result.answers) == (INAPPROPRIATE_FALLBACK, [])
    assert (await request_register(plant, "-tls1_2")).answers == [ANSWER]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_the_chain_is_sent_up_to_the_root_even_if_the_file_does_not_contain_it(
    tmp_path: Path, version: str
) -> None:
    root = pki.make_root("Plant root")
    issuing = pki.make_root("Issuing authority", issuer=root)
    leaf = pki.make_leaf(issuing, "gateway", hosts=["127.0.0.1"])
    pki.Credential(leaf.chain[:2], leaf.key).save(tmp_path, "short")
    async with open_plant(tmp_path, identity='certificate = "short.crt"\nkey = "short.key"', root=root) as plant:
        result = await request_register(plant, version)
    assert re.findall(r"^ *\d s:CN = (.*)$", result.text, re.MULTILINE) == [
        "gateway",
        "Issuing authority",
        "Plant root",
    ]
    assert "Verify return code: 0 (ok)" in result.text


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_with_only_p_256_is_served(plant: Plant, version: str) -> None:
    result = await request_register(plant, version, "-groups", "P-256", "-sigalgs", "ECDSA+SHA256")
    assert "Server Temp Key: ECDH, prime256v1, 256 bits" in result.text
    assert result.answers == [ANSWER]


async def test_nothing_is_compressed(plant: Plant) -> None:
    assert "Compression: NONE" in (await request_register(plant, "-tls1_2", "-comp")).text


async def test_renegotiation_is_indicated_and_refused(plant: Plant) -> None:
    result = await request_register(plant, "-tls1_2")
    assert "Secure Renegotiation IS supported" in result.text
    result = await s_client(plant, "-tls1_2", "-msg", identity=plant.issue(role="Viewer"), requests=[b"R\n"])
    assert "RENEGOTIATING" in result.text
    assert "<<< TLS 1.2, Alert [length 0002], warning no_renegotiation" in result.text
    assert result.handshake_messages().count("ServerHello") == 1
    assert (await request_register(plant, "-tls1_2")).answers == [ANSWER]
