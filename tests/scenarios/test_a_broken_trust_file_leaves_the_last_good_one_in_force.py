"""A trust file or revocation list that cannot be used, or that is older, raises an alarm and changes nothing else."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import pki
from scenarios.plant import Plant, RawClient, adu, open_plant, read_holding, until, words
from sealbus.records import Alarm, AlarmState, EntitlementLost, HandshakeFailed, ReloadFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

READ, ANSWER = adu(1, read_holding(7, 1)), adu(1, words(7))

ROOT = pki.make_root()
LOST = pki.make_leaf(ROOT, "lost", role="Operator")
GOOD_LIST = pki.make_crl(ROOT, [LOST]).public_bytes(Encoding.PEM)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    (tmp_path / "ca.crl").write_bytes(GOOD_LIST)
    async with open_plant(tmp_path, root=ROOT, identity='crl = ["ca.crl"]') as plant:
        yield plant


def list_cut_short(plant: Plant) -> None:
    plant.change("ca.crl", GOOD_LIST[:200])


def list_emptied(plant: Plant) -> None:
    plant.change("ca.crl", "")


def list_deleted(plant: Plant) -> None:
    (plant.folder / "ca.crl").unlink()


def list_is_a_web_page(plant: Plant) -> None:
    plant.change("ca.crl", "<html>404</html>")


def list_of_another_authority(plant: Plant) -> None:
    plant.change("ca.crl", pki.make_crl(pki.make_root("Another root")).public_bytes(Encoding.PEM))


def list_with_a_forged_signature(plant: Plant) -> None:
    plant.change("ca.crl", pki.make_crl(ROOT, key=pki.make_key()).public_bytes(Encoding.PEM))


def list_that_is_older(plant: Plant) -> None:
    """The list from before LOST was revoked: signed, and in date."""
    older = pki.make_crl(ROOT, last_update=pki.LONG_AGO - timedelta(days=1))
    plant.change("ca.crl", older.public_bytes(Encoding.PEM))


def list_of_changes_only(plant: Plant) -> None:
    """A delta list: LOST was revoked by its base list, so it is not on it."""
    delta = pki.make_crl(ROOT, last_update=pki.YESTERDAY, extra=[(x509.DeltaCRLIndicator(1), True)])
    plant.change("ca.crl", delta.public_bytes(Encoding.PEM))


def list_of_authorities_only(plant: Plant) -> None:
    scope = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)
    plant.change("ca.crl", pki.make_crl(ROOT, [LOST], extra=[(scope, True)]).public_bytes(Encoding.PEM))


def list_with_an_unknown_critical_extension(plant: Plant) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.99"), b"\x05\x00")
    plant.change("ca.crl", pki.make_crl(ROOT, [LOST], extra=[(unknown, True)]).public_bytes(Encoding.PEM))


def list_of_tomorrow(plant: Plant) -> None:
    plant.change("ca.crl", pki.make_crl(ROOT, [LOST], last_update=pki.TOMORROW).public_bytes(Encoding.PEM))


def list_that_has_run_out(plant: Plant) -> None:
    short = pki.make_crl(ROOT, [LOST], last_update=pki.YESTERDAY, next_update=pki.NOW - timedelta(hours=1))
    plant.change("ca.crl", short.public_bytes(Encoding.PEM))


def trust_emptied(plant: Plant) -> None:
    plant.change("ca.crt", "")


def trust_without_a_root(plant: Plant) -> None:
    between = pki.make_root("Intermediate", issuer=ROOT)
    plant.change("ca.crt", between.certificate.public_bytes(Encoding.PEM))


def trust_cut_short(plant: Plant) -> None:
    plant.change("ca.crt", (plant.folder / "ca.crt").read_bytes()[:200])


@pytest.mark.parametrize(
    "break_it",
    [
        list_cut_short,
        list_emptied,
        list_deleted,
        list_is_a_web_page,
        list_of_another_authority,
        list_with_a_forged_signature,
        list_that_is_older,
        list_of_changes_only,
        list_of_authorities_only,
        list_with_an_unknown_critical_extension,
        list_of_tomorrow,
        list_that_has_run_out,
        trust_emptied,
        trust_without_a_root,
        trust_cut_short,
    ],
)
async def test_an_alarm_is_raised_and_the_last_good_files_stay_in_force(
    plant: Plant, break_it: Callable[[Plant], None]
) -> None:
    trust = (plant.folder / "ca.crt").read_bytes()
    newcomer, stolen = plant.issue(role="Viewer"), LOST.save(plant.folder, "lost")
    contexts = [plant.client_context(*files) for files in (newcomer, stolen)]
    inside = await plant.connect(role="Viewer")
    assert await inside.request(READ) == ANSWER
    break_it(plant)
    await until(lambda: bool(plant.records(ReloadFailed)))
    (raised,) = plant.records(Alarm)
    assert (raised.name, raised.state) == ("reload of trust", AlarmState.RAISED)
    assert str(plant.folder / "ca.cr") in raised.text
    assert await inside.request(READ) == ANSWER
    assert [await answer_to(plant, context) for context in contexts] == [ANSWER, b""]
    assert plant.records(HandshakeFailed)[-1].reason == "its certificate was revoked"
    plant.change("ca.crt", trust)
    plant.change("ca.crl", GOOD_LIST)
    await until(lambda: plant.process.events.alarms == {})
    assert plant.records(Alarm)[-1].state is AlarmState.CLEARED
    assert await inside.request(READ) == ANSWER
    assert plant.records(EntitlementLost) == []


async def answer_to(plant: Plant, context: ssl.SSLContext) -> bytes:
    try:
        wire = RawClient(*await asyncio.open_connection("127.0.0.1", plant.port, ssl=context))
        plant.wires.append(wire)
        return await wire.request(READ)
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return b""
