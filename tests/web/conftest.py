"""What tests of the site share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from django.core.cache import caches

from sealbus.web.accounts.single_sign_on.allowance import ALLOWANCE
from web.clocks import Clock
from web.live_site import SHORT, Site, running_site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    """Clear the counters of this process between tests. The shared cache is in the database and is rolled back with it."""
    caches["process"].clear()
    ALLOWANCE.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The wall clock of this test; it stands still."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site in a process of its own. Tests share it, so each makes its own people, groups and devices."""
    with running_site(tmp_path_factory.mktemp("site"), SHORT) as running:
        yield running
