"""One site and one Chromium for all browser tests of a process; a watched window for each test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.driving import PATIENCE_MS, Window
from needs import program_path
from web.live_site import SHORT, Site, running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them need the browser."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.needs("chromium"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site in a process of its own. Tests share it, so each makes its own people, groups and devices."""
    with running_site(tmp_path_factory.mktemp("site"), SHORT) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """It ends with the module: while it runs, its event loop is the one of this thread, and no asynchronous test can run."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program_path("chromium"),
            args=[
                "--disable-features=LocalNetworkAccessChecks"
            ],  # a page that a test fulfils has no address of its own
        )
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Browser, site: Site) -> Iterator[Window]:
    """A browser for one test."""
    window = Window(chromium, site)
    yield window
    window.close()
