"""A browser for tests: it keeps cookies, sends the CSRF token as scripts do, and speaks JSON. CSRF is enforced."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from typing import TYPE_CHECKING, Any

from django.test import Client

from sealbus.web.accounts.models import Assignment, Group, Role, User
from sealbus.web.audit.models import Entry

if TYPE_CHECKING:
    from django.http import HttpResponse

__all__ = ["AUTH", "PASSWORD", "Browser", "entries", "holder", "totp"]

AUTH = "/_allauth/browser/v1/"
PASSWORD = "correct horse battery"


class Browser:
    """One browser, by default at an address of its own."""

    def __init__(self, address: str = "192.0.2.7", **headers: str) -> None:
        self.client = Client(enforce_csrf_checks=True, REMOTE_ADDR=address, **headers)  # type: ignore[arg-type]

    @property
    def session_id(self) -> str:
        """The session cookie; empty without."""
        cookie = self.client.cookies.get("sealbus")
        return cookie.value if cookie else ""

    def get(self, path: str, **headers: Any) -> HttpResponse:
        """GET."""
        return self.client.get(path, **headers)  # type: ignore[return-value]

    def send(self, method: str, path: str, body: Any = None, **headers: Any) -> HttpResponse:
        """With the CSRF token, which is fetched first where there is none yet."""
        if "sealbus-csrf" not in self.client.cookies:
            self.client.get(f"{AUTH}config")
        headers.setdefault("HTTP_X_CSRFTOKEN", self.client.cookies["sealbus-csrf"].value)
        call = getattr(self.client, method.lower())
        return call(path, {} if body is None else body, content_type="application/json", **headers)  # type: ignore[no-any-return]

    def post(self, path: str, body: Any = None, **headers: Any) -> HttpResponse:
        """POST as JSON."""
        return self.send("POST", path, body, **headers)

    def login(self, username: str, password: str = PASSWORD, **headers: Any) -> HttpResponse:
        """The first step of signing in."""
        return self.post(f"{AUTH}auth/login", {"username": username, "password": password}, **headers)

    def reauthenticate(self, password: str = PASSWORD) -> HttpResponse:
        """Send the password again."""
        return self.post(f"{AUTH}auth/reauthenticate", {"password": password})

    def add_totp(self) -> str:
        """Add an authenticator app: its secret."""
        assert self.reauthenticate().status_code == 200
        secret = str(self.get(f"{AUTH}account/authenticators/totp").json()["meta"]["secret"])  # type: ignore[attr-defined]
        answer = self.post(f"{AUTH}account/authenticators/totp", {"code": totp(secret)})
        assert answer.status_code == 200, answer.content
        return secret

    def me(self) -> dict[str, Any]:
        """The subject of this session, by the API."""
        answer = self.get("/api/v1/me")
        assert answer.status_code == 200, answer.content
        return answer.json()  # type: ignore[attr-defined, no-any-return]

    def actions(self) -> set[str]:
        """What I may do somewhere."""
        return {right["action"] for right in self.me()["rights"]}


def holder(name: str, *roles: str, group: Group | None = None, password: str = PASSWORD) -> User:
    """A user with shipped roles."""
    user = User.objects.create_user(name, password)
    for role in roles:
        Assignment.objects.create(user=user, role=Role.objects.get(name=role), group=group)
    return user


def totp(secret: str, at: float | None = None) -> str:
    """RFC 6238, implemented independently of the code under test."""
    counter = int(time.time() if at is None else at) // 30
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1)
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def entries(action: str) -> list[Entry]:
    """The audit's entries of one kind, oldest first."""
    return list(Entry.objects.filter(action=action).order_by("sequence"))
