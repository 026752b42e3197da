"""Authentication is always mutual (R-02, R-07, R-10, R-44): a client without a certificate gets a fatal alert.

In TLS 1.3 such a client completes its side of the handshake before the alert. Requests that it sends then must not be
answered either.
"""

from __future__ import annotations

import pytest

import pki
from scenarios.openssl_client import s_client
from scenarios.plant import Plant, adu, read_holding, words
from sealbus.records import Connected, HandshakeFailed

pytestmark = pytest.mark.needs("openssl")

READ = adu(0x5EA1, read_holding(7, 1))
UNKNOWN_CA = 48


@pytest.mark.parametrize(("version", "alert"), [("-tls1_2", 40), ("-tls1_3", 116)])
async def test_a_client_without_a_certificate_is_asked_for_one_and_refused(
    plant: Plant, version: str, alert: int
) -> None:
    result = await s_client(plant, version, "-msg", requests=[READ])
    assert "CertificateRequest" in result.handshake_messages()
    assert (result.alert, result.answers) == (alert, [])
    (failed,) = plant.records(HandshakeFailed)
    assert failed.reason == "no certificate was sent"
    assert (plant.records(Connected), plant.device.requests) == ([], [])


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_with_a_certificate_is_accepted(plant: Plant, version: str) -> None:
    result = await s_client(plant, version, identity=plant.issue(role="Viewer"), requests=[READ])
    assert (result.alert, result.answers) == (None, [adu(0x5EA1, words(7))])


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_with_the_certificate_of_another_authority_is_refused(plant: Plant, version: str) -> None:
    stranger = plant.issue(role="Operator", issuer=pki.make_root("Another root"))
    result = await s_client(plant, version, identity=stranger, requests=[READ])
    assert (result.alert, result.answers) == (UNKNOWN_CA, [])
    assert (plant.records(Connected), plant.device.requests) == ([], [])
