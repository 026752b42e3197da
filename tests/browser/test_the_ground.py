"""Everything that a browser of Sealbus may run, on one page under the policy of the site: nothing is violated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser.driving import PATIENCE_MS, collecting
from sealbus.samples import Quality, Reason, Sample
from sealbus.web.pages.values import DASH
from web.live_site import now_us

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from browser.driving import Window
    from web.live_site import Site

_BUILT = Path(__file__).parents[2] / "build" / "frontend" / "static" / "pages" / "harness.js"
_PAGE = """<!doctype html><html lang="en"><head><title>harness</title>
<script type="application/json" id="page">{{"csrf":"sealbus-csrf","signedIn":true,"words":{{}},"reasons":[]}}</script>
<script type="module" src="/harness.js"></script></head><body><main>
<div id="rows"><p id="row-1"><sb-value tag="{tag}" data-q="bad"><b></b><small></small></sb-value>
<input id="typed"></p></div>
<button id="swap" hx-get="/harness-rows" hx-target="#rows" hx-swap="morph" hx-ext="morph">swap</button>
<x-gauge></x-gauge><div id="plot"></div><div class="grid-stack"></div></main></body></html>"""
_ROWS = """<div id="rows"><p id="row-0">new</p>
<p id="row-1"><sb-value tag="{tag}" data-q="bad"><b></b><small></small></sb-value>
<input id="typed"></p></div>"""


@pytest.mark.needs("node")
def test_all_that_runs_in_a_browser_keeps_to_the_policy_of_the_site(window: Window, site: Site) -> None:
    assert _BUILT.exists(), "make frontend builds it"
    anna = site.do("user", name="ground", actions=["view"])
    [tag] = site.do("device", name="ground", group=site.do("group", name="ground"), tags=1)["tags"]
    with collecting(site, Sample(tag, now_us(), 21.5)) as collector:
        page = window.open("/", session=site.do("session", user=anna))
        policy = _policy_of(page)
        assert "unsafe" not in policy
        assert "nonce" not in policy
        assert "data:" not in policy
        assert "require-trusted-types-for 'script'" in policy
        _serve(page, tag, policy)
        page.goto("/harness")
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        expect(page.locator("sb-value b")).to_have_text("21.5")
        assert page.locator("#plot canvas").count() == 1
        assert page.locator(".grid-stack-item").count() == 2
        assert page.evaluate("document.querySelector('x-gauge').shadowRoot.querySelector('div').style.width") == "80px"
        page.locator("#typed").fill("half typed")
        page.evaluate("htmx.trigger('#swap', 'click')")
        page.locator("#row-0").wait_for()
        assert page.locator("#typed").input_value() == "half typed"
        assert page.evaluate("document.activeElement.id") == "typed"
        assert page.locator("sb-value b").inner_text() == "21.5", "a live element keeps its value over a swap"
        collector.say(Sample(tag, now_us(), 22.0))
        expect(page.locator("sb-value b")).to_have_text("22")


def test_a_violation_of_the_policy_is_noticed_by_these_tests(window: Window, site: Site) -> None:
    """Else none of them could fail for one."""
    page = window.open("/login")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', `<p style='color:red'>x</p>`)")
    page.wait_for_timeout(100)
    problems, window.problems = window.problems, []
    assert any("VIOLATION style-src" in problem for problem in problems)


@pytest.mark.parametrize(
    ("quality", "reason", "shown", "text"),
    [
        (Quality.GOOD, Reason.NONE, "good", "21.5"),
        (Quality.UNCERTAIN, Reason.OUT_OF_RANGE, "uncertain", "21.5"),
        (Quality.STALE, Reason.NOT_REFRESHED, "stale", "21.5"),
        (Quality.BAD, Reason.TIMEOUT, "bad", DASH),
    ],
)
def test_each_quality_looks_different_and_says_why(
    window: Window, site: Site, quality: Quality, reason: Reason, shown: str, text: str
) -> None:
    anna = site.do("user", name=f"quality {shown}", actions=["view"])
    made = site.do("device", name=f"quality {shown}", group=site.do("group", name=f"quality {shown}"), tags=1)
    [tag] = made["tags"]
    value = None if quality is Quality.BAD else 21.5
    with collecting(site, Sample(tag, now_us(), 1.0)) as collector:
        page = window.open(f"/devices/{made['device']}", session=site.do("session", user=anna))
        expect(page.locator("sb-value b")).to_have_text("1")
        collector.say(Sample(tag, now_us(), value, quality, reason))
        page.wait_for_selector(f"sb-value[data-q={shown}]")
        expect(page.locator("sb-value b")).to_have_text(text)
        if quality is not Quality.GOOD:
            assert page.locator("sb-value").get_attribute("title")


def test_a_cut_connection_is_said_and_mended_by_itself(window: Window, site: Site) -> None:
    window.allow("WebSocket connection", "ERR_INTERNET_DISCONNECTED")
    anna = site.do("user", name="cut", actions=["view"])
    made = site.do("device", name="cut", group=site.do("group", name="cut"), tags=1)
    [tag] = made["tags"]
    with collecting(site, Sample(tag, now_us(), 1.0)) as collector:
        page = window.open(f"/devices/{made['device']}", session=site.do("session", user=anna))
        page.wait_for_selector("html[data-link=live]")
        page.context.set_offline(True)
        page.wait_for_selector("html[data-link=cut]", timeout=PATIENCE_MS)
        assert page.locator("#link-banner").inner_text().startswith("Cut off since")
        collector.say(Sample(tag, now_us(), 2.0))
        page.context.set_offline(False)
        page.wait_for_selector("html[data-link=live]")
        expect(page.locator("sb-value b")).to_have_text("2")
        assert page.locator("#link-banner").is_hidden()


def test_a_collector_that_falls_silent_is_said(window: Window, site: Site) -> None:
    anna = site.do("user", name="silent", actions=["view"])
    made = site.do("device", name="silent", group=site.do("group", name="silent"), tags=1)
    with collecting(site, Sample(made["tags"][0], now_us(), 1.0)) as collector:
        page = window.open(f"/devices/{made['device']}", session=site.do("session", user=anna))
        page.wait_for_selector("html[data-link=live]")
        collector.fall_silent()
        page.wait_for_selector("html[data-link=behind]")
        assert "collector is silent" in page.locator("#link-banner").inner_text()


def _policy_of(page: Page) -> str:
    answer = page.request.get("/")
    return answer.headers["content-security-policy"]


def _serve(page: Page, tag: int, policy: str) -> None:
    """The page of the harness, at the origin of the site and with its policy."""

    def answer(route: Route) -> None:
        path = re.sub(r"^https?://[^/]+", "", route.request.url)
        if path == "/harness.js":
            route.fulfill(path=_BUILT, content_type="text/javascript")
        else:
            body = (_PAGE if path == "/harness" else _ROWS).format(tag=tag)
            route.fulfill(
                body=body, content_type="text/html; charset=utf-8", headers={"content-security-policy": policy}
            )

    page.route("**/harness*", answer)


def test_a_page_of_another_version_says_so_when_its_connection_is_back(window: Window, site: Site) -> None:
    window.allow("WebSocket connection", "ERR_INTERNET_DISCONNECTED")
    anna = site.do("user", name="version", actions=["view"])
    with collecting(site):
        page = window.open("/", session=site.do("session", user=anna))
        page.wait_for_selector("html[data-link=live]")
        for version, is_shown in (("", False), ("another", True)):
            if version:
                page.route("**/version", lambda route: route.fulfill(body="another"))
            page.context.set_offline(True)
            page.wait_for_selector("html[data-link=cut]")
            page.context.set_offline(False)
            page.wait_for_selector("html[data-link=live]")
            if is_shown:
                expect(page.locator("#version-banner")).to_be_visible()
            else:
                expect(page.locator("#version-banner")).to_be_hidden()
