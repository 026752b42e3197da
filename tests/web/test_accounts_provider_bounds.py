"""What an identity provider can cost a site, and where the site may be sent by one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.sessions.models import Session

from pki import make_leaf, make_root, save_trust
from sealbus.errors import ConfigError, PeerError
from sealbus.web.accounts.models import User
from sealbus.web.accounts.single_sign_on.allowance import Allowance
from sealbus.web.accounts.single_sign_on.metadata import KnownProvider, issuer_of, parse_metadata
from sealbus.web.accounts.single_sign_on.outbound import MAX_AT_ONCE, Busy, Conversation, conversation
from sealbus.web.config.environment import load_environment
from web.browsers import Browser, entries
from web.identity_provider import Provider
from web.single_sign_on import answer_of, ask_to_start, set_up_for, sign_in, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from pytest import MonkeyPatch


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that the site is set up for."""
    with Provider() as running:
        set_up_for(running, settings)
        yield running


ISSUER = "https://idp.example/realms/plant"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://idp.example/authorize?realm=plant",
    "token_endpoint": "https://tokens.example/token",
    "jwks_uri": "https://idp.example/jwks",
    "userinfo_endpoint": "https://idp.example/userinfo",
}


def test_endpoints_by_https_are_taken_as_the_provider_states_them() -> None:
    metadata = parse_metadata(DOCUMENT, ISSUER)
    assert metadata.token_endpoint == "https://tokens.example/token"
    assert parse_metadata({**DOCUMENT, "userinfo_endpoint": None}, ISSUER).userinfo_endpoint == ""
    assert issuer_of(f"{ISSUER}/.well-known/openid-configuration") == issuer_of(ISSUER) == ISSUER


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/x",
        "http://127.0.0.1:8080/x",
        "http://127.0.0.1@idp.example/x",
        "https://user:secret@idp.example/x",
        "https://idp.example/x#part",
        "https:///x",
        "https://[/x",
        "file:///etc/passwd",
        "ftp://idp.example/x",
        "https://idp.example/\r\nHost: x",
        "https://idp.example:port/",
        5,
        ["https://idp.example/x"],
    ],
)
def test_an_endpoint_that_is_not_https_is_refused(name: str, url: object) -> None:
    with pytest.raises(PeerError, match=name):
        parse_metadata({**DOCUMENT, name: url}, ISSUER)


@pytest.mark.parametrize("issuer", [None, 5, "https://evil.example", f"{ISSUER}/", "https://IDP.example/realms/plant"])
def test_a_document_of_another_issuer_is_refused_and_the_reason_says_what_to_write(issuer: object) -> None:
    with pytest.raises(PeerError, match="SEALBUS_OIDC_URL"):
        parse_metadata({**DOCUMENT, "issuer": issuer}, ISSUER)


def test_a_provider_on_loopback_may_use_http_on_loopback_only(provider: Provider) -> None:
    document = provider.get("/.well-known/openid-configuration")
    assert parse_metadata(document, provider.url).jwks_uri == f"{provider.url}/jwks"
    with pytest.raises(PeerError, match="jwks_uri"):
        parse_metadata({**document, "jwks_uri": "http://192.0.2.1/jwks"}, provider.url)


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://idp.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080/realms/x", True),
        ("http://[::1]:8080", True),
        ("http://idp.example", False),
        ("http://localhost:80@idp.example/", False),
        ("http://127.0.0.1:80@idp.example/", False),
        ("http://localhost.idp.example/", False),
        ("https://user@idp.example/", False),
        ("idp.example", False),
    ],
)
def test_the_configured_provider_is_https_or_on_loopback(tmp_path: Path, url: str, is_taken: bool) -> None:
    variables = {
        "SEALBUS_HOME": str(tmp_path),
        "SEALBUS_OIDC_URL": url,
        "SEALBUS_OIDC_CLIENT_ID": "x",
        "SEALBUS_OIDC_SECRET": "y",
    }
    if is_taken:
        assert load_environment(variables).oidc is not None
    else:
        with pytest.raises(ConfigError, match="SEALBUS_OIDC_URL"):
            load_environment(variables)


def _redirect(location: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return reply


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/userinfo", "/jwks"])
def test_a_redirect_of_a_provider_is_not_followed(provider: Provider, path: str) -> None:
    provider.replies[path] = _redirect(f"{provider.url}/elsewhere")
    browser = Browser()
    location = start(browser)
    if location.startswith(provider.url):
        location = str(browser.get(provider.approve(location)).headers["Location"])
    assert "error=" in location
    assert provider.counts["/elsewhere"] == 0
    assert "307" in entries("session.single-sign-on")[0].detail["reason"]
    assert not User.objects.exists()


@contextlib.contextmanager
def _serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with its one connection; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with contextlib.suppress(OSError):
            opened, _ = listener.accept()
            with opened:
                serve(opened)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(60)


def _until_closed(opened: socket.socket, data: bytes = b"") -> None:
    """Send this again and again until the other side has closed."""
    opened.settimeout(0.05)
    while True:
        with contextlib.suppress(TimeoutError):
            if data:
                opened.sendall(data)
            if opened.recv(65536) == b"" and not data:
                return


def _then(head: bytes, data: bytes) -> Callable[[socket.socket], None]:
    def serve(opened: socket.socket) -> None:
        opened.sendall(head)
        _until_closed(opened, data)

    return serve


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "serve",
    [
        _until_closed,
        _then(b"", b"H"),
        _then(HEAD, b"X-a: b\r\n"),
        _then(HEAD + b"\r\n", b" "),
        _then(HEAD + b"Content-Length: 9\r\n\r\n{", b""),
        _then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["silent", "status line", "headers", "body", "rest of the body", "chunks"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_provider_that_answers_byte_by_byte_ends_at_the_deadline(
    scheme: str, serve: Callable[[socket.socket], None]
) -> None:
    with _serving(serve) as place, Conversation(most_seconds=0.5) as talk, pytest.raises(PeerError):
        talk.get(f"{scheme}://{place}/")


@pytest.mark.parametrize(
    "head",
    [HEAD + b"\r\n", HEAD + b"Content-Length: 99999999\r\n\r\n", HEAD + b"X-a: ", b"HTTP/1.1 200 " + b"x" * 60_000],
)
def test_a_provider_that_sends_without_end_is_cut_off(head: bytes) -> None:
    with (
        _serving(_then(head, b"x" * 60_000)) as place,
        Conversation(most_seconds=60, most_bytes=100_000) as talk,
        pytest.raises(PeerError),
    ):
        talk.get(f"http://{place}/")


def test_all_requests_of_a_conversation_share_its_bytes(provider: Provider) -> None:
    provider.replies["/jwks"] = answer_of({"keys": ["x" * 50_000]})
    with Conversation(most_seconds=60, most_bytes=110_000) as talk:
        talk.get(f"{provider.url}/jwks")
        talk.get(f"{provider.url}/jwks")
        with pytest.raises(PeerError, match="more than"):
            talk.get(f"{provider.url}/jwks")


def test_a_compressed_answer_is_not_read(provider: Provider) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()

    provider.replies["/jwks"] = reply
    with Conversation(most_seconds=60) as talk, pytest.raises(PeerError, match="compressed"):
        talk.get(f"{provider.url}/jwks")


@pytest.mark.django_db
def test_a_provider_is_reached_by_https_with_a_certificate_of_a_trusted_authority(
    settings: Any, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    root = make_root()
    trust = save_trust(tmp_path / "trust.pem", root)
    certificate, key = make_leaf(root, hosts=["127.0.0.1"]).save(tmp_path, "provider")
    with Provider(certificate=(certificate, key)) as provider:
        set_up_for(provider, settings)
        assert "error=" in start(Browser())
        assert "CERTIFICATE_VERIFY_FAILED" in entries("session.single-sign-on")[0].detail["reason"]
    with Provider(certificate=(certificate, key)) as provider:
        set_up_for(provider, settings)
        monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(trust))
        assert sign_in(Browser(), provider) == "/"


@pytest.mark.django_db
def test_many_starts_are_one_question_to_the_provider(provider: Provider) -> None:
    for number in range(20):
        start(Browser(f"192.0.2.{number}"))
    assert provider.counts == {"/.well-known/openid-configuration": 1}


def test_a_provider_that_failed_is_asked_again_only_after_some_seconds(provider: Provider) -> None:
    provider.replies["/.well-known/openid-configuration"] = answer_of({}, status=500)
    known = KnownProvider(provider.url)
    for now in (0.0, 9.9):
        with pytest.raises(PeerError, match="500"):
            known.metadata(conversation, now)
    assert provider.counts.total() == 1
    provider.replies.clear()
    assert known.metadata(conversation, 10.1).issuer == provider.url
    assert known.metadata(conversation, 3600.0).issuer == provider.url
    assert provider.counts.total() == 2
    known.metadata(conversation, 3611.0)
    assert provider.counts.total() == 3


@pytest.mark.django_db
def test_starts_above_the_allowance_of_an_address_are_refused_before_anything_is_stored(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sealbus.web.accounts.single_sign_on.provider.ALLOWANCE", Allowance(window_s=1e9)
    )  # none comes back while a busy machine asks
    answers = [ask_to_start(Browser()) for _ in range(60)]
    assert {answer.status_code for answer in answers} == {302, 429}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 20
    assert refused[0].headers["Retry-After"] == "60"
    assert Session.objects.count() == 40
    assert Browser().get("/accounts/oidc/sso/login/callback/?code=x&state=y").status_code == 429
    other = Browser("192.0.2.8")
    assert sign_in(other, provider) == "/"


def test_an_allowance_counts_addresses_by_their_network_and_all_together() -> None:
    allowance = Allowance(per_address=2, in_all=5, most_addresses=3)
    assert [allowance.take("2001:db8::1", 0), allowance.take("2001:db8::2", 0)] == [True, True]
    assert not allowance.take("2001:db8::3", 0)
    assert [allowance.take(f"192.0.2.{n // 2}", 0) for n in range(4)] == [True, True, True, False]
    assert not allowance.take("192.0.2.9", 0), "no room for another address"
    assert allowance.take("192.0.2.9", 60), "the others are whole again"


@pytest.mark.django_db
def test_only_some_workers_wait_for_the_provider_and_a_refused_answer_can_be_tried_again(provider: Provider) -> None:
    browser = Browser()
    back = provider.approve(start(browser))
    with contextlib.ExitStack() as running:
        for _ in range(MAX_AT_ONCE):
            running.enter_context(conversation())
        with pytest.raises(Busy):
            running.enter_context(conversation())
        answer = browser.get(back)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert browser.get("/health/live").status_code == 200
    assert browser.get(back).headers["Location"] == "/"
