"""An older revocation list is recognised, also after a restart, by its number or by the time at which it was made."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki import LONG_AGO, NOW, TOMORROW, make_crl, make_leaf, make_root, save_crl, save_trust
from sealbus.errors import ConfigError
from sealbus.security import SeenLists, Trust

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)
ROOT = make_root()
ISSUER = make_root("Test issuer", issuer=ROOT)
SCOPED = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)


def trust_with(folder: Path, *lists: x509.CertificateRevocationList, issuer_known: bool = True) -> Trust:
    roots = (ROOT, ISSUER) if issuer_known else (ROOT,)
    return Trust.load(save_trust(folder / "ca.crt", *roots), save_crl(folder / "ca.crl", *lists))


def list_of(hours: int = 0, number: int | None = None, **options: Any) -> x509.CertificateRevocationList:
    """The list of the root that was made so many hours after LONG_AGO."""
    return make_crl(ROOT, last_update=LONG_AGO + hours * HOUR, number=number, **options)


def remember(folder: Path, *lists: x509.CertificateRevocationList) -> None:
    seen = SeenLists.load(folder / "seen.json")
    trust = trust_with(folder, *lists)
    seen.check(trust.revocation)
    seen.record(trust.revocation, NOW)
    seen.save()


def check(folder: Path, *lists: x509.CertificateRevocationList) -> None:
    """As a process that has just started."""
    SeenLists.load(folder / "seen.json").check(trust_with(folder, *lists).revocation)


@pytest.mark.parametrize(
    ("seen", "older", "words"),
    [
        (list_of(2, 7), list_of(1, 6), "it has the number 6, that one had 7"),
        (list_of(2, 7), list_of(2, 6), "it has the number 6, that one had 7"),
        (list_of(2, 7), list_of(3, 6), "it has the number 6, that one had 7"),
        (list_of(2, 7), list_of(1, 8), "it was made on"),
        (list_of(2, 7), list_of(1), "it was made on"),
        (list_of(2), list_of(1), "it was made on"),
        (list_of(2, 2**150), list_of(3, 2**150 - 1), "it has the number"),
    ],
)
def test_a_smaller_number_or_an_earlier_time_is_older(
    tmp_path: Path, seen: x509.CertificateRevocationList, older: x509.CertificateRevocationList, words: str
) -> None:
    remember(tmp_path, seen)
    with pytest.raises(ConfigError, match="is older than one used here before") as caught:
        check(tmp_path, older)
    assert words in caught.value.problem
    assert caught.value.file == str(tmp_path / "ca0.crl")
    assert f"delete {tmp_path}/seen.json" in caught.value.hint


@pytest.mark.parametrize(
    "newer",
    [list_of(2, 7), list_of(2, 8), list_of(3, 7), list_of(3, 8), list_of(3)],
    ids=["the same", "a larger number", "a later time", "both", "a later one without a number"],
)
def test_the_same_list_and_a_newer_one_are_taken(tmp_path: Path, newer: x509.CertificateRevocationList) -> None:
    remember(tmp_path, list_of(2, 7))
    check(tmp_path, newer)


def test_a_list_without_a_number_between_two_with_one_does_not_hide_the_largest(tmp_path: Path) -> None:
    remember(tmp_path, list_of(1, 7))
    remember(tmp_path, list_of(2))
    with pytest.raises(ConfigError, match="number 6, that one had 7"):
        check(tmp_path, list_of(3, 6))


def test_an_older_list_beside_the_newest_is_allowed(tmp_path: Path) -> None:
    remember(tmp_path, list_of(2, 7))
    check(tmp_path, list_of(1, 6), list_of(2, 7))


def test_each_scope_of_an_issuer_is_counted_alone(tmp_path: Path) -> None:
    users = list_of(1, 3, extra=[(SCOPED, True)])
    remember(tmp_path, list_of(2, 7), users)
    check(tmp_path, list_of(2, 7), users)
    with pytest.raises(ConfigError, match="number 2, that one had 3"):
        check(tmp_path, list_of(2, 7), list_of(2, 2, extra=[(SCOPED, True)]))


def test_a_renewed_certificate_of_the_same_key_goes_on_counting(tmp_path: Path) -> None:
    remember(tmp_path, list_of(2, 7))
    renewed = make_root(key=ROOT.key, not_before=LONG_AGO + HOUR)
    trust = Trust.load(save_trust(tmp_path / "ca.crt", renewed), save_crl(tmp_path / "ca.crl", list_of(1, 6)))
    with pytest.raises(ConfigError, match="is older"):
        SeenLists.load(tmp_path / "seen.json").check(trust.revocation)


def test_the_list_of_an_issuer_that_only_a_peer_showed_is_counted_too(tmp_path: Path) -> None:
    newest, older = make_crl(ISSUER, number=2), make_crl(ISSUER, number=1)
    trust = trust_with(tmp_path, list_of(), newest, issuer_known=False)
    leaf = make_leaf(ISSUER).certificate
    assert trust.revocation.objection(leaf, ISSUER.certificate, NOW) is None  # as for a peer that connects
    seen = SeenLists.load(tmp_path / "seen.json")
    seen.record(trust.revocation, NOW)
    seen.save()
    replayed = trust_with(tmp_path, list_of(), older, issuer_known=False)
    with pytest.raises(ConfigError, match="CN=Test issuer is older"):
        SeenLists.load(tmp_path / "seen.json").check(replayed.revocation)


def test_a_list_that_is_not_in_force_yet_is_not_remembered(tmp_path: Path) -> None:
    remember(tmp_path, make_crl(ROOT, last_update=TOMORROW, number=99))
    check(tmp_path, list_of(2, 7))
    seen = SeenLists.load(tmp_path / "seen.json")
    seen.record(trust_with(tmp_path, make_crl(ROOT, last_update=TOMORROW, number=99)).revocation, TOMORROW)
    assert seen.is_unsaved


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    remember(tmp_path, list_of(2, 7))
    seen = SeenLists.load(tmp_path / "seen.json")
    seen.record(trust_with(tmp_path, list_of(2, 7)).revocation, NOW)
    assert not seen.is_unsaved


def test_the_number_of_entries_has_a_bound_and_those_in_force_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealbus.security.seen_lists._MAX_ENTRIES", 3)
    seen = SeenLists(tmp_path / "seen.json")
    for number in range(5):
        root = make_root(f"Root {number}")
        paths = save_crl(tmp_path / "ca.crl", list_of(2, 7), make_crl(root))
        seen.record(Trust.load(save_trust(tmp_path / "ca.crt", root, ROOT), paths).revocation, NOW)
    seen.save()
    assert (tmp_path / "seen.json").read_text().count('"issuer"') == 3
    with pytest.raises(ConfigError, match="is older"):
        check(tmp_path, list_of(1, 6))


@pytest.mark.parametrize("content", [b"", b"{", b'{"lists": [{}]}', b'{"lists": [], "format": 1, "more": 1}', b"\xff"])
def test_a_damaged_file_is_an_error_and_not_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "seen.json").write_bytes(content)
    with pytest.raises(ConfigError, match="changed or damaged") as caught:
        SeenLists.load(tmp_path / "seen.json")
    assert caught.value.file == str(tmp_path / "seen.json")


def test_the_file_is_private_and_its_last_content_survives_a_failed_write(tmp_path: Path) -> None:
    remember(tmp_path, list_of(2, 7))
    assert (tmp_path / "seen.json").stat().st_mode & 0o777 == 0o600
    seen = SeenLists(tmp_path / "gone" / "seen.json")
    seen.record(trust_with(tmp_path, list_of(2, 7)).revocation, NOW)
    with pytest.raises(OSError, match=os.strerror(2)):
        seen.save()
    assert seen.is_unsaved


def test_der_and_pem_of_one_list_are_the_same_list(tmp_path: Path) -> None:
    remember(tmp_path, list_of(2, 7))
    (tmp_path / "list.der").write_bytes(list_of(2, 7).public_bytes(Encoding.DER))
    trust = Trust.load(save_trust(tmp_path / "ca.crt", ROOT), tmp_path / "list.der")
    SeenLists.load(tmp_path / "seen.json").check(trust.revocation)
