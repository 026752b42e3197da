"""Which bus URLs are accepted, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealbus.bus import BusKind, BusUrl, parse_bus_url
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_local_is_the_whole_url_of_the_local_bus() -> None:
    assert parse_bus_url("local:") == BusUrl(BusKind.LOCAL)


def test_a_redis_url_has_user_password_host_port_database_and_trust(tmp_path: Path) -> None:
    trust = tmp_path / "ca.pem"
    trust.touch()
    assert parse_bus_url(f"rediss://user:p%40ss%2F:word@Redis.Plant.:7000/3?trust={trust}") == BusUrl(
        BusKind.REDIS, "redis.plant", 7000, tls=True, user="user", password="p@ss/:word", database=3, trust=trust
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "[::1]"])
def test_on_loopback_a_plain_redis_is_accepted(host: str) -> None:
    url = parse_bus_url(f"redis://{host}")
    assert url.is_loopback
    assert (url.port, url.database, url.password) == (6379, 0, "")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("redis://:secret@10.0.0.5", "write rediss://"),
        ("redis://10.0.0.5", "write rediss://"),
        ("redis://:secret@redis.plant", "write rediss://"),
        ("redis://:secret@127.1", "write rediss://"),
        ("redis://:secret@0.0.0.0", "write rediss://"),
        ("redis://:secret@localhost.evil.example", "write rediss://"),
        ("redis://:secret@[fe80::1]", "write rediss://"),
        ("rediss://10.0.0.5", "user:password@"),
        ("rediss://10.0.0.5?unsafe_plain_redis=0", "user:password@"),
    ],
)
def test_off_loopback_a_redis_without_tls_or_password_is_refused(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="unsafe_plain_redis=1") as refused:
        parse_bus_url(text)
    assert hint in str(refused.value)
    assert "secret" not in str(refused.value)


def test_off_loopback_a_plain_redis_is_accepted_with_the_unsafe_option() -> None:
    assert parse_bus_url("redis://10.0.0.5?unsafe_plain_redis=1").unsafe_plain_redis
    assert not parse_bus_url("rediss://:secret@10.0.0.5").unsafe_plain_redis


@pytest.mark.parametrize(
    "text",
    [
        "",
        "local",
        "local:/run/bus",
        "tcp://127.0.0.1",
        "redis:127.0.0.1",
        "redis://",
        "redis://127.0.0.1:0",
        "redis://127.0.0.1:65536",
        "redis://127.0.0.1:٦٣",
        "redis://127.0.0.1/x",
        "redis://127.0.0.1/-1",
        "redis://127.0.0.1/1024",
        "redis://127.0.0.1/99999999999999999999",
        "redis://::1",
        "redis://[::x]",
        "redis://[1:2]",
        "redis://user@127.0.0.1",
        "redis://user:se/cret@127.0.0.1",
        "redis://user:se?cret@127.0.0.1",
        "redis://user:se#cret@127.0.0.1",
        "redis://user:cret",
        "redis://user:cret:6379",
        "redis://[cret]",
        "redis://127.0.0.1/cret",
        "redis://127.0.0.1:cret",
        "redis://127.0.0.1?cret=1",
        "redis://127.0.0.1?password=cret",
        "redis://127.0.0.1?unsafe_plain_redis=cret",
        "redis://127.0.0.1#x",
        "redis://127.0.0.1?verify=0",
        "redis://127.0.0.1?unsafe_plain_redis=yes",
        "redis://127.0.0.1?unsafe_plain_redis=1&unsafe_plain_redis=1",
        "redis://127.0.0.1?trust=/etc/ca.pem",
        "rediss://127.0.0.1?trust=ca.pem",
        "rediss://127.0.0.1?trust=/does/not/exist.pem",
        "redis://127.0.0.1 ",
        "redis://127.0.0.1\n",
    ],
)
def test_an_invalid_url_is_refused_with_a_hint_and_without_the_password(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_bus_url(text)
    assert refused.value.hint
    assert "cret" not in str(refused.value)


def test_a_password_is_never_shown() -> None:
    url = parse_bus_url("redis://user:secret@[::1]:7000/2")
    assert str(url) == "redis://[::1]:7000/2"
    assert "secret" not in repr(url)
