"""Every page for everybody: axe finds nothing, at each size and in each palette; nothing is wider than the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.driving import WIDTHS, collecting
from browser.paths import ENTRY, PATHS
from sealbus.samples import Quality, Reason, Sample
from web.live_site import now_us

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser.driving import Window
    from web.live_site import Site

_AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => (await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
.violations.map((each) => each.id + ': ' + each.nodes.map((node) => node.html).join(' | '))"""
_PALETTES = ("day", "dusk", "night")


@pytest.fixture(scope="module")
def plant(site: Site) -> dict[str, Any]:
    """A device with a value of each quality, and somebody who may do everything."""
    made: dict[str, Any] = site.do(
        "device",
        name="filter 2",
        group=site.do("group", name="filtration"),
        tags=6,
        is_key=True,
        normal_low=0,
        normal_high=4,
    )
    user = site.do("user", name="maria", actions=["view", "configure", "write", "administer", "audit"])
    return made | {"session": site.do("session", user=user)}


def samples(plant: dict[str, Any]) -> list[Sample]:
    good, uncertain, bad, stale, text, high = plant["tags"]
    return [
        Sample(good, now_us(), 2.5),
        Sample(uncertain, now_us(), 2.5, Quality.UNCERTAIN, Reason.OUT_OF_RANGE),
        Sample(bad, now_us(), None, Quality.BAD, Reason.TIMEOUT),
        Sample(stale, now_us() - 300_000_000, 2.5, Quality.STALE, Reason.NOT_REFRESHED),
        Sample(text, now_us(), "a word"),
        Sample(high, now_us(), 1234.5),
    ]


def _show(window: Window, plant: dict[str, Any], path: str, **options: Any) -> Page:
    is_entry = path in ENTRY
    address = path.format(device=plant["device"], tag=plant["tags"][0])
    page = window.open(address, session="" if is_entry else plant["session"], **options)
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.needs("node")
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_page_is_for_everybody_at_every_size(window: Window, site: Site, plant: dict[str, Any], path: str) -> None:
    """axe finds nothing in any palette; nothing is wider than the screen, nor at 400 % (320 pixels; WCAG 2.2, 1.4.10)."""
    with collecting(site, *samples(plant)):
        page = _show(window, plant, path)
        page.evaluate(_AXE.read_text())
        for palette in _PALETTES:
            page.evaluate("(palette) => { document.documentElement.dataset.palette = palette; }", palette)
            assert page.evaluate(_RUN) == [], palette
        for width, height in (*WIDTHS.values(), (320, 256)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/", "/devices", "/tags/{tag}/edit", "/audit", "/account", "/login"])
def test_a_page_can_be_walked_by_keyboard_and_shows_where_one_is(
    window: Window, site: Site, plant: dict[str, Any], path: str
) -> None:
    page = _show(window, plant, path, reduced_motion="reduce", forced_colors="active")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => { const e = document.activeElement; const s = getComputedStyle(e);
            return [e.tagName + '#' + e.id + '.' + (e.getAttribute('href') ?? e.name ?? ''), s.outlineStyle,
                    e.matches(':focus-visible') || e === document.body]; }"""
        )
        if at[0].startswith("BODY") or at[0] in seen:
            break
        seen.add(at[0])
        assert at[2], at
    assert len(seen) >= 2


def test_the_keys_lead_to_the_places_and_can_be_switched_off(window: Window, site: Site, plant: dict[str, Any]) -> None:
    page = _show(window, plant, "/")
    page.keyboard.press("g")
    page.keyboard.press("v")
    page.wait_for_url("**/devices")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.get_by_label("Single keys are switched off").check()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Find or do").wait_for()
    assert page.url.endswith("/devices")


def test_the_command_bar_finds_a_tag_and_shows_its_value(window: Window, site: Site, plant: dict[str, Any]) -> None:
    with collecting(site, *samples(plant)):
        page = _show(window, plant, "/")
        page.keyboard.press("Control+k")
        page.keyboard.type("tag 0 filter")
        page.locator("#found a", has_text="tag 0").wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator("dialog#faceplate sb-value[data-q=good]").wait_for()
