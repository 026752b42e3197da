"""Collector and site work with the users of deploy/redis/sealbus.conf, each with its own, and with a bus that is down."""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redis_server import RedisServer
from scenarios.programs import Programs, sealbus
from scenarios.site_client import SiteClient
from scenarios.site_process import open_site

if TYPE_CHECKING:
    from scenarios.site_process import SiteProcess

pytestmark = [pytest.mark.needs("redis"), pytest.mark.timeout(240)]

_FILE = Path(__file__).resolve().parents[2] / "deploy" / "redis" / "sealbus.conf"
_DEADLINE_S = 90.0


def _wait_for_ready(site: SiteProcess, status: int) -> None:
    end = time.monotonic() + _DEADLINE_S
    while (found := site.get("/health/ready").status_code) != status:
        assert time.monotonic() < end, found
        time.sleep(0.1)


def _sign_in_is_judged(site: SiteProcess) -> None:
    """The limits of requests and of attempts are counted, and the password is looked at."""
    with contextlib.closing(SiteClient(site.url)) as client:
        assert client.request("GET", "/api/v1/setup").status_code == 200
        credentials = {"username": "nobody", "password": "wrong wrong wrong"}
        answer = client.request("POST", "/_allauth/browser/v1/auth/login", credentials)
        assert answer.status_code == 400, answer.text


def _url(server: RedisServer, user: str) -> str:
    return f"redis://{user}:{user}@127.0.0.1:{server.port}?unsafe_plain_redis=1"


def test_live_values_flow_and_the_site_serves_on_without_redis(tmp_path: Path) -> None:
    text = _FILE.read_text(encoding="utf-8")
    for mark, user in (("HASH_OF_THE_COLLECTOR", "sealbus-collector"), ("HASH_OF_THE_WEB_PROCESSES", "sealbus-web")):
        text = text.replace(mark, hashlib.sha256(user.encode()).hexdigest())
    (tmp_path / "sealbus.conf").write_text(text, encoding="utf-8")
    redis = RedisServer(tmp_path / "redis", lines=(f"include {tmp_path / 'sealbus.conf'}",))
    with redis, Programs() as programs:
        command = sealbus("collect", "--home", tmp_path / "home")
        collector = programs.start("collect", "env", f"SEALBUS_BUS={_url(redis, 'sealbus-collector')}", *command)
        collector.wait_for("^listening on", within_s=60)
        with open_site(tmp_path, SEALBUS_BUS=_url(redis, "sealbus-web")) as site:
            site.program.wait_for("live values arrive from the collector", within_s=60)
            _wait_for_ready(site, 200)
            _sign_in_is_judged(site)
            redis.kill()
            site.program.wait_for("no live values: the bus is not connected", within_s=60)
            _wait_for_ready(site, 503)
            _sign_in_is_judged(site)
