"""A small OpenID Connect provider on loopback: code flow with PKCE, an ID token signed with RS256, and whatever lies a
test wants it to tell.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CLIENT_ID", "SECRET", "Provider"]

CLIENT_ID, SECRET = "sealbus", "a shared secret"


@dataclass
class Provider:
    """`with Provider() as provider:`; then `provider.approve(url)` acts as the user who agrees in the browser."""

    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "4711", "preferred_username": "carla"})
    id_token_changes: dict[str, Any] = field(default_factory=dict)
    profile_changes: dict[str, Any] = field(default_factory=dict)
    sends_id_token: bool = True
    requested: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __enter__(self) -> Provider:
        self._key = rsa.generate_private_key(65537, 2048)
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(provider.get(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def _answer(self, content: dict[str, Any] | None) -> None:
                data = json.dumps(content or {"error": "invalid_grant"}).encode()
                self.send_response(200 if content else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def approve(self, url: str) -> str:
        """What the provider's page sends the browser back to."""
        assert url.startswith(f"{self.url}/authorize?")
        self.requested = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert self.requested["response_type"] == "code"
        assert self.requested["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = self.requested
        return f"{self.requested['redirect_uri']}?{urlencode({'code': code, 'state': self.requested['state']})}"

    def get(self, path: str) -> dict[str, Any] | None:
        match urlsplit(path).path:
            case "/.well-known/openid-configuration":
                ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
                content = {f"{name}_endpoint": f"{self.url}/{end}" for name, end in ends.items()}
                return content | {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
            case "/userinfo":
                return self.claims | self.profile_changes
        return None

    def token(self, sent: dict[str, str]) -> dict[str, Any] | None:
        requested = self.codes.pop(sent.get("code", ""), None)
        if requested is None or sent.get("client_secret") != SECRET:
            return None
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != requested["code_challenge"]:
            return None
        now = int(time.time())
        content = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": requested.get("nonce")}
        id_token = jwt.encode(content | self.claims | self.id_token_changes, self._key, "RS256", {"kid": "1"})
        answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
        return answer | ({"id_token": id_token} if self.sends_id_token else {})
