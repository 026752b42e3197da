"""A client of a running site, over real HTTP: cookies, CSRF, tokens, second factors and the live socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import struct
import time
from typing import TYPE_CHECKING, Any

import httpx
import websockets

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PASSWORD", "SiteClient", "one_time_code", "until_true"]

PASSWORD = "correct horse battery 7"
_AUTH = "/_allauth/browser/v1"
_PATIENCE_S = 30.0


class SiteClient:
    """One caller. With a token it sends the token and no cookies."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.url = url
        self._token = token
        self._http = httpx.Client(base_url=url, timeout=_PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0))
        if token:
            self._http.headers["Authorization"] = f"Token {token}"

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a request. Unsafe methods carry the CSRF token of the cookie."""
        headers = dict(options.pop("headers", {}))
        if not self._token and method != "GET":
            headers |= {"X-CSRFToken": self._csrf(), "Origin": self.url}
        if body is not None:
            options["json"] = body
        return self._http.request(method, path, headers=headers, **options)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a successful GET."""
        answer = self.request("GET", path, params=query)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def create(self, path: str, body: Any) -> Any:
        """POST and return the created object."""
        answer = self.request("POST", path, body)
        assert answer.status_code in (200, 201, 202), (path, answer.status_code, answer.text)
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None) -> int:
        """The status of a refused request; its body must be a problem document."""
        answer = self.request(method, path, body)
        assert answer.status_code in (401, 403, 404, 409, 429), (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code

    # -- signing in

    def sign_in(self, username: str, *, secret: str = "", code: str = "", password: str = PASSWORD) -> None:
        """Sign in with password and, if given, a one-time code from `secret` or the recovery code `code`."""
        first = self.request("POST", f"{_AUTH}/auth/login", {"username": username, "password": password})
        if not secret and not code:
            assert first.status_code == 200, first.text
            return
        assert first.status_code == 401, first.text
        self._show_code(f"{_AUTH}/auth/2fa/authenticate", lambda: code or one_time_code(secret))

    def sign_out(self) -> None:
        """End the session."""
        self.request("DELETE", f"{_AUTH}/auth/session")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def add_second_factor(self) -> tuple[str, list[str]]:
        """Add an authenticator app; return its secret and the recovery codes."""
        self.request("POST", f"{_AUTH}/auth/reauthenticate", {"password": PASSWORD})
        begun = self.request("GET", f"{_AUTH}/account/authenticators/totp")
        secret = str(begun.json()["meta"]["secret"])
        self._show_code(f"{_AUTH}/account/authenticators/totp", lambda: one_time_code(secret))
        codes = self.request("GET", f"{_AUTH}/account/authenticators/recovery-codes").json()["data"]["unused_codes"]
        return secret, list(codes)

    def _show_code(self, path: str, code: Callable[[], str]) -> None:
        """Send a code; a second time if refused, since a one-time code may expire on the way."""
        answer = self.request("POST", path, {"code": code()})
        if answer.status_code != 200:
            answer = self.request("POST", path, {"code": code()})
        assert answer.status_code == 200, answer.text

    # -- live values

    async def receive_live(
        self, tags: list[int], enough: Callable[[list[dict[str, Any]]], bool]
    ) -> list[dict[str, Any]]:
        """Subscribe to tags and collect messages until `enough` accepts them."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        headers = {"Authorization": f"Token {self._token}"} if self._token else {"Cookie": cookies, "Origin": self.url}
        messages: list[dict[str, Any]] = []
        url = self.url.replace("http://", "ws://") + "/ws/live"
        async with (
            asyncio.timeout(_PATIENCE_S),
            websockets.connect(
                url, additional_headers=headers, subprotocols=[websockets.Subprotocol("sealbus.v1")]
            ) as socket,
        ):
            await socket.send(json.dumps({"type": "subscribe", "id": 1, "tags": tags}))
            async for message in socket:
                messages.append(json.loads(message))
                if enough(messages):
                    break
        return messages

    def _csrf(self) -> str:
        if "sealbus-csrf" not in self._http.cookies:
            self._http.get(f"{_AUTH}/config")
        return str(self._http.cookies["sealbus-csrf"])


def one_time_code(secret: str) -> str:
    """The current code of RFC 6238."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def until_true(what: str, test: Callable[[], Any]) -> Any:
    """Call `test` until its result is true, for at most half a minute; return the result."""
    end = time.monotonic() + _PATIENCE_S
    while not (answer := test()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return answer
