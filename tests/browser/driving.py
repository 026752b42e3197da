"""A real Chromium against a real site. Every page that a test opens is watched: a violation of the content policy, a
console error or an error of a script fails the test, unless the test names it.

    page = browser.open("/devices", session=site.do("session", user=anna))
    page.get_by_role("heading", name="Devices").wait_for()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

    from sealbus.samples import Sample
    from web.live_site import Collector, Site

__all__ = ["PATIENCE_MS", "WIDTHS", "Window", "collecting"]

PATIENCE_MS = 30_000
WIDTHS = {"phone": (360, 740), "tablet": (768, 1024), "desk": (1440, 900), "wall": (3840, 2160)}
_WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("VIOLATION", event.violatedDirective, event.blockedURI, event.sample));
"""


@dataclass
class Window:
    """One browser with one set of cookies. `problems` collects what must not happen."""

    chromium: Browser
    site: Site
    problems: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        path: str,
        *,
        session: str = "",
        palette: str = "",
        width: str = "desk",
        cookies: Any = None,
        **options: Any,
    ) -> Page:
        """A page in a context of its own."""
        wide, high = WIDTHS[width]
        options.setdefault("viewport", {"width": wide, "height": high})
        context = self.chromium.new_context(base_url=self.site.origin, **options)
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        chosen = {"sealbus": session, "sealbus-palette": palette} | (cookies or {})
        context.add_cookies(
            [{"name": name, "value": value, "url": self.site.origin} for name, value in chosen.items() if value]
        )
        context.add_init_script(_WATCH)
        context.on("page", self._watch)
        page = context.new_page()
        page.goto(path)
        return page

    def allow(self, *texts: str) -> None:
        """Console errors with one of these texts are what the test is about."""
        self.allowed += texts

    def close(self) -> None:
        """Close all, and fail for what must not happen."""
        for context in self.contexts:
            context.close()
        assert not self.problems, self.problems

    def _watch(self, page: Page) -> None:
        page.on(
            "console",
            lambda message: self._note(f"{message.type}: {message.text}") if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: self._note(f"script: {error}"))

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(message.text)

    def _note(self, text: str) -> None:
        if not any(allowed in text for allowed in self.allowed):
            self.problems.append(text)


@dataclass
class _Running:
    loop: asyncio.AbstractEventLoop
    collector: Collector

    def say(self, *samples: Sample) -> None:
        """Publish samples."""
        self.loop.call_soon_threadsafe(self.collector.say, *samples)

    def fall_silent(self) -> None:
        """Publish nothing any more."""
        self.loop.call_soon_threadsafe(self.collector.stop_publishing)


@contextlib.contextmanager
def collecting(site: Site, *latest: Sample) -> Iterator[_Running]:
    """This process as the collector of the site, in a thread of its own."""
    ready, ended = threading.Event(), asyncio.Event()
    running: list[_Running] = []
    failure: list[BaseException] = []

    async def run() -> None:
        try:
            async with site.collector(*latest) as collector:
                running.append(_Running(asyncio.get_running_loop(), collector))
                ready.set()
                await ended.wait()
        except BaseException as error:  # noqa: BLE001 - the test gets it
            failure.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    ready.wait()
    if failure:
        raise failure[0]
    try:
        yield running[0]
    finally:
        stop: Callable[[], object] = ended.set
        running[0].loop.call_soon_threadsafe(stop)
        thread.join()
