"""Zones come from the pinned package, whatever the system has."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sealbus.time_zones import rules_of, zone_of

if TYPE_CHECKING:
    from pathlib import Path

SUMMER = datetime(2026, 7, 1)  # noqa: DTZ001  # a local time


def test_a_zone_is_that_of_the_package_and_not_that_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe/Zurich").write_bytes(b"the rules of another release")
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        rules_of.cache_clear()
        zone_of.cache_clear()
        assert zone_of("Europe/Zurich").utcoffset(SUMMER) == timedelta(hours=2)
    finally:
        zoneinfo.reset_tzpath(to=before)


def test_rules_as_text_give_the_same_zone_again() -> None:
    assert zone_of(rules_of("Asia/Kolkata")).utcoffset(SUMMER) == timedelta(hours=5.5)
    kept = "Europe/Berlin " + rules_of("Europe/London").partition(" ")[2]
    assert zone_of(kept).utcoffset(SUMMER) == timedelta(hours=1)
    assert zone_of("Europe/Berlin").utcoffset(SUMMER) == timedelta(hours=2)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../zones", "zoneinfo", "europe/berlin", "Europe", "__init__.py"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        rules_of(name)
