"""What is trusted, and the checks that are repeated for peers already connected."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki import (
    FAR_OFF,
    LONG_AGO,
    NOW,
    TOMORROW,
    YESTERDAY,
    Credential,
    make_crl,
    make_key,
    make_leaf,
    make_root,
    save_crl,
    save_trust,
)
from sealbus.errors import ConfigError
from sealbus.security import Peer, Trust, role_of

if TYPE_CHECKING:
    from pathlib import Path

ROOT = make_root()
ISSUER = make_root("Test issuer", issuer=ROOT)


def _peer(credential: Credential) -> Peer:
    chain = credential.chain
    return Peer(
        subject="CN=peer",
        serial="01",
        fingerprint="00",
        role=role_of(chain[0]),
        not_before=max(one.not_valid_before_utc for one in chain),
        not_after=min(one.not_valid_after_utc for one in chain),
        chain=tuple(one.public_bytes(Encoding.DER) for one in chain),
    )


def _trust(folder: Path, *roots: Credential) -> Path:
    return save_trust(folder / "ca.crt", *roots)


def test_a_peer_of_an_anchor_is_entitled(tmp_path: Path) -> None:
    trust = Trust.load(_trust(tmp_path, ROOT))
    assert trust.objection(_peer(make_leaf(ROOT)), NOW) is None
    assert trust.objection(_peer(make_leaf(ISSUER)), NOW) is None


def test_a_dozen_anchors_are_in_force_together(tmp_path: Path) -> None:
    roots = [make_root(f"Root {number}") for number in range(12)]
    trust = Trust.load([save_trust(tmp_path / f"{number}.crt", root) for number, root in enumerate(roots)])
    assert len(trust.anchors) == 12
    assert all(trust.objection(_peer(make_leaf(root)), NOW) is None for root in roots)


def test_a_peer_whose_anchor_was_removed_is_not_entitled(tmp_path: Path) -> None:
    trust = Trust.load(_trust(tmp_path, make_root("Another root")))
    assert trust.objection(_peer(make_leaf(ROOT)), NOW) == "the root of its chain is not trusted"


def test_a_root_of_the_same_name_and_another_key_is_another_root(tmp_path: Path) -> None:
    trust = Trust.load(_trust(tmp_path, make_root()))
    assert trust.objection(_peer(make_leaf(ROOT)), NOW) == "the root of its chain is not trusted"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (LONG_AGO - timedelta(days=1), "is not valid before"),
        (FAR_OFF, None),
        (FAR_OFF + timedelta(seconds=1), "expired on"),
    ],
)
def test_a_peer_is_entitled_within_the_dates_of_its_whole_chain(
    tmp_path: Path, now: datetime, words: str | None
) -> None:
    objection = Trust.load(_trust(tmp_path, ROOT)).objection(_peer(make_leaf(ISSUER)), now)
    assert objection is None if words is None else objection is not None and words in objection


def test_an_intermediate_certificate_is_not_an_anchor(tmp_path: Path) -> None:
    trust = Trust.load(_trust(tmp_path, ROOT, ISSUER))
    assert [one.certificate for one in trust.anchors] == [ROOT.certificate]


def test_trust_files_without_a_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hold no root") as caught:
        Trust.load(_trust(tmp_path, ISSUER))
    assert caught.value.hint == "add the certificate of CN=Test root"


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_broken_trust_file_or_list_is_named(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Trust.load(broken)
    assert caught.value.file == str(broken)
    with pytest.raises(ConfigError, match="revocation list") as caught:
        Trust.load(_trust(tmp_path, ROOT), broken)
    assert caught.value.file == str(broken)


def test_without_a_trust_file_nothing_is_trusted() -> None:
    with pytest.raises(ConfigError, match="no trust file"):
        Trust.load([])


def test_der_is_read_as_well_as_pem(tmp_path: Path) -> None:
    (tmp_path / "ca.der").write_bytes(ROOT.der)
    (tmp_path / "ca.crl").write_bytes(make_crl(ROOT).public_bytes(Encoding.DER))
    trust = Trust.load(tmp_path / "ca.der", tmp_path / "ca.crl")
    assert trust.objection(_peer(make_leaf(ROOT)), NOW) is None


def test_a_revoked_peer_is_not_entitled_and_its_neighbour_is(tmp_path: Path) -> None:
    revoked, good = make_leaf(ROOT, "stolen"), make_leaf(ROOT)
    trust = Trust.load(_trust(tmp_path, ROOT), save_crl(tmp_path / "ca.crl", make_crl(ROOT, [revoked])))
    assert trust.objection(_peer(revoked), NOW) == "the certificate of CN=stolen was revoked"
    assert trust.objection(_peer(good), NOW) is None


def test_the_peers_of_a_revoked_issuer_are_not_entitled(tmp_path: Path) -> None:
    lists = save_crl(tmp_path / "ca.crl", make_crl(ROOT, [ISSUER]), make_crl(ISSUER))
    trust = Trust.load(_trust(tmp_path, ROOT), lists)
    assert trust.objection(_peer(make_leaf(ISSUER)), NOW) == "the certificate of CN=Test issuer was revoked"
    assert trust.objection(_peer(make_leaf(ROOT)), NOW) is None


def test_each_issuer_of_a_chain_needs_a_list(tmp_path: Path) -> None:
    trust = Trust.load(_trust(tmp_path, ROOT), save_crl(tmp_path / "ca.crl", make_crl(ROOT)))
    assert trust.objection(_peer(make_leaf(ISSUER)), NOW) == "there is no revocation list of CN=Test issuer"


def test_a_file_may_hold_several_lists(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crl"
    lists = save_crl(tmp_path / "ca.crl", make_crl(ROOT), make_crl(ISSUER))
    bundle.write_bytes(b"a comment\n" + b"".join(path.read_bytes() for path in lists))
    trust = Trust.load(_trust(tmp_path, ROOT), bundle)
    assert len(trust.revocation.lists) == 2
    assert trust.objection(_peer(make_leaf(ISSUER)), NOW) is None


def test_a_list_that_another_key_signed_does_not_count(tmp_path: Path) -> None:
    leaf = make_leaf(ROOT)
    forged = make_crl(ROOT, [leaf], key=make_key())
    trust = Trust.load(_trust(tmp_path, ROOT), save_crl(tmp_path / "ca.crl", forged))
    assert trust.objection(_peer(leaf), NOW) == "there is no revocation list of CN=Test root"


@pytest.mark.parametrize(
    ("dates", "words"), [((LONG_AGO, YESTERDAY), "is out of date"), ((TOMORROW, FAR_OFF), "is not yet valid")]
)
def test_with_an_outdated_list_no_peer_is_entitled(
    tmp_path: Path, dates: tuple[datetime, datetime], words: str
) -> None:
    old = make_crl(ROOT, last_update=dates[0], next_update=dates[1])
    trust = Trust.load(_trust(tmp_path, ROOT), save_crl(tmp_path / "ca.crl", old))
    assert trust.objection(_peer(make_leaf(ROOT)), NOW) == f"the revocation list of CN=Test root {words}"


def test_one_list_in_date_is_enough_and_an_older_one_still_revokes(tmp_path: Path) -> None:
    leaf, other = make_leaf(ROOT), make_leaf(ROOT)
    old = make_crl(ROOT, [leaf], next_update=YESTERDAY)
    trust = Trust.load(_trust(tmp_path, ROOT), save_crl(tmp_path / "ca.crl", old, make_crl(ROOT)))
    assert trust.objection(_peer(other), NOW) is None
    assert trust.objection(_peer(leaf), NOW) == "the certificate of CN=peer was revoked"


def test_an_authority_without_a_list_is_a_problem_once_lists_are_used(tmp_path: Path) -> None:
    path = _trust(tmp_path, ROOT, ISSUER, make_root("Another root"))
    assert Trust.load(path).list_problems(NOW) == {}
    assert Trust.load(path, save_crl(tmp_path / "ca.crl", make_crl(ROOT))).list_problems(NOW) == {
        "CN=Test issuer": "there is no revocation list of CN=Test issuer",
        "CN=Another root": "there is no revocation list of CN=Another root",
    }


def test_an_authority_whose_list_has_run_out_is_a_problem(tmp_path: Path) -> None:
    old = make_crl(ROOT, next_update=YESTERDAY)
    trust = Trust.load(_trust(tmp_path, ROOT), save_crl(tmp_path / "ca.crl", old))
    problem = f"the revocation list of CN=Test root ran out on {YESTERDAY:%Y-%m-%d %H:%M} UTC"
    assert trust.list_problems(NOW) == {"CN=Test root": problem}
    newer = save_crl(tmp_path / "ca.crl", old, make_crl(ROOT))
    assert Trust.load(_trust(tmp_path, ROOT), newer).list_problems(NOW) == {}
