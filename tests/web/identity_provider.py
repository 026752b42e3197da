"""A small OpenID Connect provider on loopback: code flow with PKCE, an ID token signed with RS256, and whatever lies a
test wants it to tell.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

__all__ = ["CLIENT_ID", "SECRET", "Provider", "forge_with_public_key", "unsigned"]

CLIENT_ID, SECRET = "sealbus", "a shared secret"


@dataclass
class Provider:
    """`with Provider() as provider:`; then `provider.approve(url)` acts as the user who agrees in the browser."""

    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "4711", "preferred_username": "carla"})
    id_token_changes: dict[str, Any] = field(default_factory=dict)
    """Claims of the ID token. None leaves one out."""
    profile_changes: dict[str, Any] = field(default_factory=dict)
    discovery_changes: dict[str, Any] = field(default_factory=dict)
    token_changes: dict[str, Any] = field(default_factory=dict)
    """Members of the answer of the token endpoint. None leaves one out."""
    sign: Callable[[Provider, dict[str, Any]], str] | None = None
    """Makes the ID token instead of the provider."""
    replies: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    """By path: what happens there instead of an answer."""
    kid: str = "1"
    certificate: tuple[Path, Path] | None = None
    """Certificate and key: then it serves HTTPS."""
    requested: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """How often each path was requested."""

    def __enter__(self) -> Provider:
        self.key = rsa.generate_private_key(65537, 2048)
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply(lambda: provider.get(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._reply(lambda: provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def _reply(self, answer: Callable[[], Any]) -> None:
                path = urlsplit(self.path).path
                provider.counts[path] += 1
                if path in provider.replies:
                    provider.replies[path](self)
                    return
                content = answer()
                data = json.dumps({"error": "invalid_grant"} if content is None else content).encode()
                self.send_response(400 if content is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"{'http' if self.certificate is None else 'https'}://127.0.0.1:{self._server.server_port}"

    def approve(self, url: str) -> str:
        """What the provider's page sends the browser back to."""
        assert url.startswith(f"{self.url}/authorize?")
        self.requested = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert self.requested["response_type"] == "code"
        assert self.requested["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = self.requested
        return f"{self.requested['redirect_uri']}?{urlencode({'code': code, 'state': self.requested['state']})}"

    def get(self, path: str) -> Any:
        match urlsplit(path).path:
            case "/.well-known/openid-configuration":
                ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
                content = {f"{name}_endpoint": f"{self.url}/{end}" for name, end in ends.items()}
                return content | {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"} | self.discovery_changes
            case "/userinfo":
                return self.claims | self.profile_changes
            case "/jwks":
                return {"keys": [self.public_key()]}
        return None

    def public_key(self) -> dict[str, Any]:
        """The public key as a JWK."""
        jwk: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return jwk | {"kid": self.kid, "use": "sig", "alg": "RS256"}

    def token(self, sent: dict[str, str]) -> Any:
        requested = self.codes.pop(sent.get("code", ""), None)
        if requested is None or sent.get("client_secret") != SECRET:
            return None
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != requested["code_challenge"]:
            return None
        now = int(time.time())
        content = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": requested.get("nonce")}
        if "max_age" in requested:
            content["auth_time"] = now
        content = _without_none(content | self.claims | self.id_token_changes)
        id_token = self.sign(self, content) if self.sign else self.signed(content)
        answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}
        return _without_none(answer | self.token_changes)

    def signed(self, content: dict[str, Any], key: Any = None, algorithm: str = "RS256") -> str:
        """An ID token, by default with the key of this provider."""
        return jwt.encode(content, key or self.key, algorithm, {"kid": self.kid})


def unsigned(provider: Provider, content: dict[str, Any]) -> str:
    """An ID token with alg "none"."""
    parts = [_text(json.dumps(part).encode()) for part in ({"alg": "none", "kid": provider.kid}, content)]
    return ".".join([*parts, ""])


def forge_with_public_key(provider: Provider, content: dict[str, Any]) -> str:
    """An ID token with HS256, the public key as the shared secret."""
    pem = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [_text(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": provider.kid}, content)]
    return ".".join([*parts, _text(hmac.digest(pem, ".".join(parts).encode(), "sha256"))])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
