"""Signing in by a provider, in tests: the settings, the way of the browser, and answers that a provider should not give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from web.browsers import AUTH
from web.identity_provider import CLIENT_ID, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

    from django.http import HttpResponse

    from web.browsers import Browser
    from web.identity_provider import Provider

__all__ = ["answer_of", "ask_to_start", "set_up_for", "sign_in", "start"]


def set_up_for(provider: Provider, settings: Any) -> None:
    """The settings of a site that this provider is set up for."""
    app = {
        "provider_id": "sso",
        "name": "Plant login",
        "client_id": CLIENT_ID,
        "secret": SECRET,
        "settings": {"server_url": provider.url},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}


def ask_to_start(browser: Browser, back_to: str = "/", process: str = "login") -> HttpResponse:
    """The answer to the form that starts single sign-on."""
    if "sealbus-csrf" not in browser.client.cookies:
        browser.get(f"{AUTH}config")
    form = {"provider": "sso", "callback_url": back_to, "process": process}
    token = {"HTTP_X_CSRFTOKEN": browser.client.cookies["sealbus-csrf"].value}
    return browser.client.post(f"{AUTH}auth/provider/redirect", form, **token)  # type: ignore[arg-type, return-value]


def start(browser: Browser, back_to: str = "/", process: str = "login") -> str:
    """Where the browser is sent."""
    answer = ask_to_start(browser, back_to, process)
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def sign_in(browser: Browser, provider: Provider) -> str:
    """The whole way: where the browser ends."""
    answer = browser.get(provider.approve(start(browser)))
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def answer_of(content: Any, *, status: int = 200, kind: str = "application/json") -> Callable[..., None]:
    """A reply with this content: bytes as they are, anything else as JSON."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply
