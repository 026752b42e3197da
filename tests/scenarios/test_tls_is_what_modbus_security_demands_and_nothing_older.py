"""The TLS of a gateway as OpenSSL's client finds it: the versions and suites of MODBUS/TCP Security v36 and no others.

R-01, R-12 to R-14, R-32 to R-40, R-46, R-48 to R-55, R-59 to R-64. A refusal is a fatal alert, and the reason is
recorded.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING

import pytest

import pki
from scenarios.openssl_client import SClientResult, openssl, s_client
from scenarios.plant import PATIENCE_S, Plant, adu, open_plant, read_holding, words
from sealbus.records import Connected, HandshakeFailed
from sealbus.security import Identity, Trust, build_client_context, build_server_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.needs("openssl")

READ = adu(0x5EA1, read_holding(7, 1))
ANSWER = adu(0x5EA1, words(7))

HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, DECODE_ERROR, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 40, 47, 50, 70, 86
ALERT, FATAL = b"\x15", 2
NO_COMPRESSION, DEFLATE = 0, 1

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
RSA_ONLY = "RSA+SHA256:RSA-PSS+SHA256"
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


async def answer_to(port: int, hello: bytes) -> bytes:
    """The bytes of the gateway after a ClientHello: all of them if it closes, else those of the first read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(hello)
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read(2**16)
    writer.close()
    return answer


def hello_with_compression(version: ssl.TLSVersion, *methods: int) -> bytes:
    """The ClientHello of OpenSSL with these compression methods instead of its own. Positions: RFC 5246, 7.4.1.2."""
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1").do_handshake()
    hello = outgoing.read()[9:]
    suites = 35 + hello[34]
    place = suites + 2 + int.from_bytes(hello[suites : suites + 2], "big")
    assert hello[place : place + 2] == b"\x01\x00"
    body = hello[:place] + bytes((len(methods), *methods)) + hello[place + 2 :]
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


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


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_with_rsa_only_is_served_below_an_rsa_authority(rsa_only: Plant, version: str) -> None:
    identity = rsa_only.issue(role="Viewer", key=pki.rsa_key())
    result = await s_client(rsa_only, version, "-sigalgs", RSA_ONLY, identity=identity, requests=[READ])
    assert result.answers == [ANSWER]


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


SSL_3 = "002d 01 000029 0300" + "5a" * 32 + "00 0002 0035 01 00"
SSL_2 = "802b 01 0002 0012 0000 0010 010080 030080 0700c0 050080 060040 020080" + "5a" * 16


@pytest.mark.parametrize(
    ("hello", "alert"),
    [
        # RFC 6101, 5.4: SSL 3.0 has no alert 70, so OpenSSL sends its nearest one
        pytest.param("16 0300" + SSL_3, HANDSHAKE_FAILURE, id="SSL 3.0"),
        pytest.param("16 0301" + SSL_3, HANDSHAKE_FAILURE, id="SSL 3.0 in a record of TLS 1.0"),
        pytest.param(SSL_2, PROTOCOL_VERSION, id="SSL 2.0"),
    ],
)
async def test_obsolete_versions_get_a_fatal_alert(plant: Plant, hello: str, alert: int) -> None:
    answer = await answer_to(plant.port, bytes.fromhex(hello))
    assert (answer[:1], answer[5:]) == (ALERT, bytes((FATAL, alert)))
    assert [each.reason for each in plant.records(HandshakeFailed)] == [OLD_VERSION]


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


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_that_offers_compression_gets_none(plant: Plant, version: ssl.TLSVersion) -> None:
    answer = await answer_to(plant.port, hello_with_compression(version, DEFLATE, NO_COMPRESSION))
    if version is ssl.TLSVersion.TLSv1_3:  # RFC 8446, 4.1.2: anything but the one method is illegal
        assert (answer[:1], answer[5:]) == (ALERT, bytes((FATAL, ILLEGAL_PARAMETER)))
    else:
        session_bytes = answer[43]
        assert answer[43 + 1 + session_bytes + 2] == NO_COMPRESSION


async def test_a_client_that_accepts_nothing_but_compression_is_refused(plant: Plant) -> None:
    answer = await answer_to(plant.port, hello_with_compression(ssl.TLSVersion.TLSv1_2, DEFLATE))
    assert (answer[:1], answer[5:]) == (ALERT, bytes((FATAL, DECODE_ERROR)))
    assert [each.reason for each in plant.records(HandshakeFailed)] == ["the peer accepts compressed records only"]


async def test_a_client_refuses_a_server_that_chooses_compression(plant: Plant) -> None:
    own = plant.issue(role="Viewer")
    trust = Trust.load(plant.folder / "ca.crt")
    server = build_server_context(Identity.load(plant.folder / "gateway.crt", plant.folder / "gateway.key"), trust)
    client = build_client_context(Identity.load(*own), trust)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    to_server, to_client, received = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(received, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for end in ends:
        with pytest.raises(ssl.SSLWantReadError):
            end.do_handshake()
    flight = bytearray(to_client.read())
    flight[43 + 1 + flight[43] + 2] = DEFLATE
    received.write(flight)
    with pytest.raises(ssl.SSLError, match="COMPRESSION"):
        ends[0].do_handshake()


async def test_renegotiation_is_indicated_and_refused(plant: Plant) -> None:
    result = await request_register(plant, "-tls1_2")
    assert "Secure Renegotiation IS supported" in result.text
    result = await s_client(plant, "-tls1_2", "-msg", identity=plant.issue(role="Viewer"), requests=[b"R\n"])
    assert "RENEGOTIATING" in result.text
    assert "<<< TLS 1.2, Alert [length 0002], warning no_renegotiation" in result.text
    assert result.handshake_messages().count("ServerHello") == 1
    assert (await request_register(plant, "-tls1_2")).answers == [ANSWER]
