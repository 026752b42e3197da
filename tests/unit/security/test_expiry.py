"""What runs out is known in time, and only in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pki import FAR_OFF, NOW, make_crl, make_leaf, make_root, save_crl, save_trust
from sealbus.security import ExpiryKind, Identity, Trust, expiries_of, near_expiry

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
ROOT = make_root()


def _all(folder: Path, *, list_days: int = 300) -> tuple[Identity, Trust]:
    identity = Identity.load(*make_leaf(ROOT, "plc", not_after=NOW + 40 * DAY).save(folder, "plc"))
    crl = make_crl(ROOT, last_update=NOW, next_update=NOW + list_days * DAY)
    return identity, Trust.load(save_trust(folder / "ca.crt", ROOT), save_crl(folder / "ca.crl", crl))


def test_everything_that_expires_is_listed_with_its_file(tmp_path: Path) -> None:
    expiries = expiries_of(*_all(tmp_path))
    assert [(one.kind, one.file, one.subject, one.days_left(NOW)) for one in expiries] == [
        (ExpiryKind.CERTIFICATE, str(tmp_path / "plc.crt"), "CN=plc", 40),
        (ExpiryKind.CERTIFICATE, str(tmp_path / "plc.crt"), "CN=Test root", 300),
        (ExpiryKind.ANCHOR, str(tmp_path / "ca.crt"), "CN=Test root", 300),
        (ExpiryKind.REVOCATION_LIST, str(tmp_path / "ca0.crl"), "CN=Test root", 300),
    ]


def test_a_certificate_is_listed_in_its_last_thirty_days(tmp_path: Path) -> None:
    expiries = expiries_of(_all(tmp_path)[0])
    assert near_expiry(expiries, NOW) == []
    assert near_expiry(expiries, NOW + 10 * DAY - timedelta(seconds=1)) == []
    (near,) = near_expiry(expiries, NOW + 10 * DAY)
    assert near.subject == "CN=plc"


def test_the_first_to_expire_is_listed_first_and_expired_ones_stay(tmp_path: Path) -> None:
    near = near_expiry(expiries_of(*_all(tmp_path)), FAR_OFF + DAY)
    assert near[0].days_left(FAR_OFF + DAY) == -261
    assert len(near) == 4


def test_a_revocation_list_of_a_week_is_listed_only_in_its_last_third(tmp_path: Path) -> None:
    expiries = expiries_of(trust=_all(tmp_path, list_days=6)[1])
    assert near_expiry(expiries, NOW + 4 * DAY - timedelta(seconds=1)) == []
    (near,) = near_expiry(expiries, NOW + 4 * DAY)
    assert near.kind is ExpiryKind.REVOCATION_LIST


def test_the_warning_names_the_object_the_file_and_the_time(tmp_path: Path) -> None:
    one = expiries_of(_all(tmp_path)[0])[0]
    end = f"{NOW + 40 * DAY:%Y-%m-%d %H:%M} UTC"
    assert one.sentence(NOW) == f"{tmp_path}/plc.crt: the certificate of CN=plc ends on {end} (40 days)"
    assert " ended on " in one.sentence(NOW + 41 * DAY)
