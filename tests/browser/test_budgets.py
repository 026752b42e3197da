"""The pages against their budget in bytes, requests, layout shift and memory."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sealbus.web.pages
from browser.driving import collecting
from sealbus.samples import Sample
from web.live_site import now_us

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser.driving import Window
    from web.live_site import Site

_BUDGETS = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
_VENDOR = Path(sealbus.web.pages.__file__).parent / "vendor.toml"
_SHIFT = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_PATHS = ("/", "/devices", "/login")


def _sent(page: Page) -> list[tuple[str, int]]:
    return page.evaluate(  # type: ignore[no-any-return]
        """[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .map((entry) => [entry.name, entry.transferSize])"""
    )


@pytest.mark.parametrize("name", _BUDGETS["files"])
def test_a_built_file_is_within_its_budget(name: str) -> None:
    sent = {file["name"]: file["sent"] for file in tomllib.loads(_VENDOR.read_text())["file"]}
    assert sent[name] <= _BUDGETS["files"][name]


def _a_plant(site: Site, name: str, tags: int = 100) -> dict[str, Any]:
    made: dict[str, Any] = site.do(
        "device", name=name, group=site.do("group", name=name), tags=tags, is_key=True, normal_low=0, normal_high=10
    )
    user = site.do("user", name=name, actions=["view", "configure", "administer", "audit"])
    return made | {"session": site.do("session", user=user)}


def test_the_first_load_and_each_further_page_are_within_their_budget(window: Window, site: Site) -> None:
    plant = _a_plant(site, "bytes")
    page = window.open("/", session=plant["session"])
    page.wait_for_load_state("networkidle")
    first = _sent(page)
    assert sum(size for _, size in first) <= _BUDGETS["first_load"]["bytes"], first
    assert len(first) <= _BUDGETS["first_load"]["requests"], first
    page.goto(f"/devices/{plant['device']}")
    page.wait_for_load_state("networkidle")
    further = _sent(page)
    html = further[0][1]
    assert html <= _BUDGETS["further_page"]["html_bytes"], further
    assert sum(size for _, size in further) <= _BUDGETS["further_page"]["new_bytes"], further


@pytest.mark.parametrize("path", _PATHS)
def test_nothing_jumps_while_a_page_loads(window: Window, site: Site, path: str) -> None:
    plant = _a_plant(site, f"shift {path}", tags=30)
    samples = [Sample(tag, now_us(), 5.0) for tag in plant["tags"]]
    with collecting(site, *samples):
        is_entry = path == "/login"
        page = window.open(path if is_entry else "/more", session="" if is_entry else plant["session"])
        page.context.add_init_script(_SHIFT)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)
        assert page.evaluate("window.shift") <= _BUDGETS["browser"]["layout_shift"]


def test_values_leave_no_memory_behind(window: Window, site: Site) -> None:
    """A hundred minutes of fifty values each second, as fast as the page takes them."""
    plant = _a_plant(site, "day", tags=50)
    samples = [Sample(tag, now_us(), 5.0) for tag in plant["tags"]]
    with collecting(site, *samples):
        page = window.open("/", session=plant["session"])
        page.wait_for_selector("html[data-link=live]")
        before = _heap(page)
        nodes = page.evaluate("document.getElementsByTagName('*').length")
        page.evaluate(_REPLAY, plant["tags"])
        after = _heap(page)
        assert page.evaluate("document.getElementsByTagName('*').length") == nodes
        assert after - before <= _BUDGETS["browser"]["heap_growth_bytes"]


_REPLAY = """async (tags) => {
  const elements = [...document.querySelectorAll('sb-value')];
  for (let second = 0; second < 6000; second += 1) {
    for (const element of elements) element.take([Number(element.getAttribute('tag')), 1e15 + second, second % 97, 0, 0]);
    if (second % 200 === 0) await new Promise((done) => requestAnimationFrame(done));
  }
}"""


def _heap(page: Page) -> int:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return int(metrics["JSHeapUsedSize"])
