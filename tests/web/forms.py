"""Forms of pages, in tests: sent as a browser without JavaScript sends them, with the CSRF token of the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from web.browsers import PASSWORD

if TYPE_CHECKING:
    from django.http import HttpResponse

    from web.browsers import Browser

__all__ = ["codes_of", "confirm", "enter", "location_of", "submit", "text_of"]


def submit(browser: Browser, path: str, **fields: Any) -> HttpResponse:
    """POST these fields as a form."""
    if "sealbus-csrf" not in browser.client.cookies:
        browser.get("/login")
    token = {"csrfmiddlewaretoken": browser.client.cookies["sealbus-csrf"].value}
    return browser.client.post(path, token | fields)  # type: ignore[return-value]


def enter(browser: Browser, name: str, password: str = PASSWORD, **more: str) -> HttpResponse:
    """The first step of signing in."""
    return submit(browser, "/login", login=name, password=password, **more)


def confirm(browser: Browser, next_page: str = "/account") -> HttpResponse:
    """Send the password again."""
    return submit(browser, "/confirm", password=PASSWORD, next=next_page)


def codes_of(page: HttpResponse) -> list[str]:
    """The recovery codes that a page shows."""
    found = re.search(r'(?s)<pre class="codes"[^>]*>(.*?)</pre>', page.content.decode())
    assert found
    return found[1].split()


def location_of(answer: HttpResponse) -> str:
    """Where a redirect goes."""
    assert answer.status_code in (302, 303), (answer.status_code, text_of(answer))
    return str(answer.headers["Location"])


def text_of(answer: HttpResponse) -> str:
    """What a page says, without its markup."""
    body = answer.content.decode()
    body = re.sub(r"(?s)<script.*?</script>|<head>.*?</head>", " ", body)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)).strip()
