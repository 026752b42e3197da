"""Audit, administration and help in a browser: nothing is wrong for axe or the screen, and what scripts do is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from browser.driving import Window
    from web.live_site import Site

_AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => (await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
.violations.map((each) => each.id + ': ' + each.nodes.map((node) => node.html).join(' | '))"""
_PATHS = (
    "/audit", "/audit?actor=nobody-has-this-name", "/audit/1", "/audit/chain", "/administration",
    "/administration/people/{user}", "/administration/people/{user}/off", "/administration/people/{user}/role",
    "/administration/people/new", "/administration/roles", "/administration/roles/1", "/administration/groups",
    "/administration/tokens", "/administration/sessions", "/administration/networks", "/administration/retention",
    "/administration/retention/1", "/administration/state", "/administration/licences", "/help", "/help/tag-scale",
)  # fmt: skip
_SAID = "#audit-rows tr"


@pytest.fixture(scope="module")
def admin(site: Site) -> dict[str, Any]:
    site.do("group", name="administered")
    for _ in range(12):
        site.do("note", action="group.create")
    user = site.do("user", name="root", actions=["view", "configure", "write", "administer", "audit"])
    return {"user": user, "session": site.do("session", user=user)}


@pytest.mark.needs("node")
@pytest.mark.parametrize("path", _PATHS)
def test_axe_finds_nothing(window: Window, admin: dict[str, Any], path: str) -> None:
    page = window.open(path.format(**admin), session=admin["session"])
    page.evaluate(_AXE.read_text())
    assert page.evaluate(_RUN) == []


@pytest.mark.parametrize("path", _PATHS)
def test_nothing_is_wider_than_a_telephone(window: Window, admin: dict[str, Any], path: str) -> None:
    page = window.open(path.format(**admin), session=admin["session"], viewport={"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_new_entries_come_on_top_and_the_row_in_use_keeps_its_place(
    window: Window, site: Site, admin: dict[str, Any]
) -> None:
    page = window.open("/audit", session=admin["session"])
    used = page.locator(f"{_SAID} a").nth(3)
    used.focus()
    shown, before = page.locator(_SAID).count(), page.evaluate("document.activeElement.getBoundingClientRect().top")
    site.do("note", action="group.change")
    page.locator(_SAID).nth(shown).wait_for()
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") == pytest.approx(before, abs=2)
    assert page.locator(f"{_SAID} a:focus").count() == 1


def test_an_entry_opens_beside_the_list(window: Window, admin: dict[str, Any]) -> None:
    page = window.open("/audit", session=admin["session"])
    page.locator(f"{_SAID} a").first.click()
    page.locator("dialog#faceplate[open] .facts").first.wait_for()
    assert page.url.endswith("/audit")


def test_an_act_is_explained_in_a_dialog_before_it_is_done(window: Window, site: Site, admin: dict[str, Any]) -> None:
    victim = site.do("user", name="leaves", actions=["view"])
    page = window.open(f"/administration/people/{victim}", session=admin["session"])
    page.get_by_role("link", name="Switch off").click()
    dialog = page.locator("dialog#faceplate")
    dialog.get_by_text("signed out everywhere").wait_for()
    dialog.get_by_role("button", name="Switch off").click()
    page.get_by_text("Switched off. The open sessions").wait_for()
    assert page.get_by_role("link", name="Switch on").is_visible()


def test_f1_explains_the_field_beside_the_form(window: Window, admin: dict[str, Any]) -> None:
    page = window.open("/administration/retention/1", session=admin["session"])
    page.get_by_label("Samples are kept for").fill("91")
    page.keyboard.press("F1")
    page.locator("dialog#faceplate[open] .example").wait_for()
    page.keyboard.press("Escape")
    assert page.get_by_label("Samples are kept for").input_value() == "91"
