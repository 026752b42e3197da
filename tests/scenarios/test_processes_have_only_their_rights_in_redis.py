"""Collector and site work with the users of deploy/redis/sealbus.conf, each with its own, and with a bus that is down.

API, sign-in and health answer without Redis. A Redis that cannot be used is named at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ports import free_ports
from redis_server import RedisServer
from scenarios.programs import Programs, run, sealbus
from scenarios.site_client import PASSWORD, SiteClient
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


def _administrator(site: SiteProcess) -> SiteClient:
    """The first account, made through the set-up link, with a second factor. Signed in."""
    link = run(*sealbus("web", "setup-link", "--home", site.home)).stdout
    client = SiteClient(site.url)
    setup = {"secret": link.partition("#")[2].strip(), "username": "anna", "password": PASSWORD}
    assert client.request("POST", "/api/v1/setup", setup).status_code == 201
    client.sign_in("anna")
    secret, _ = client.add_second_factor()
    client.close()
    client = SiteClient(site.url)
    client.sign_in("anna", secret=secret)
    return client


def test_api_sign_in_and_health_answer_from_the_first_moment_without_redis(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path / "redis")  # never started
    with open_site(tmp_path, SEALBUS_BUS=redis.url) as site:
        where = f"nothing listens at {redis.url}/0: start Redis there, or write its port into SEALBUS_BUS"
        administrator = _administrator(site)
        health = administrator.get("/api/v1/health")
        assert {part["name"]: part["problem"] for part in health["parts"]}["bus"] == where
        group = administrator.create("/api/v1/groups", {"name": "pumps"})["id"]
        plc = {"group": group, "name": "plc", "url": "tcp://192.168.1.2:502"}
        connection = administrator.create("/api/v1/connections", plc)["id"]
        administrator.create("/api/v1/devices", {"group": group, "name": "pump", "connection": connection})
        assert [each["name"] for each in administrator.get("/api/v1/devices")["results"]] == ["pump"]
        assert administrator.get("/api/v1/values", group=group)
        assert administrator.get("/api/v1/collector")["answers"] is False
        with redis:  # it is used as soon as it is there
            site.program.wait_for("the bus is connected again", within_s=60)
            redis.freeze()  # its connections stay open
            _sign_in_is_judged(site)
            assert administrator.get("/api/v1/devices")["count"] == 1
            assert administrator.get("/api/v1/health")["ready"] is False
            assert site.get("/health/live").status_code == 200
            administrator.sign_out()
            assert administrator.refused("GET", "/api/v1/health") == 401
    assert any(line.endswith(f"the bus is down: {where}") for line in site.program.lines)
    assert "Traceback" not in "\n".join(site.program.lines)


@pytest.mark.parametrize("verb", ["collect", "web serve"])
def test_a_redis_that_wants_a_password_is_named_in_one_line(verb: str, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", password="right") as redis:
        bus = f"SEALBUS_BUS=redis://127.0.0.1:{redis.port}"
        listen = [f"--listen=127.0.0.1:{free_ports(1)}"] if verb == "web serve" else []
        done = run("env", bus, *sealbus(*verb.split(), "--home", tmp_path / "home", *listen), within_s=60)
        assert done.status == 2, done.output
        assert f'"redis://127.0.0.1:{redis.port}/0" wants a password, and the bus URL has none' in done.stderr
        assert "Traceback" not in done.output


def test_up_tells_of_a_redis_that_is_away_while_it_starts(tmp_path: Path) -> None:
    port = free_ports(2)
    with Programs() as programs:
        command = sealbus("up", "--home", tmp_path / "home", "--web-port", port)
        up = programs.start("up", "env", f"SEALBUS_BUS=redis://127.0.0.1:{port + 1}", *command)
        where = f"the bus is down: nothing listens at redis://127.0.0.1:{port + 1}/0"
        up.wait_for_all(f"^collector: .* {where}", f"^site: .* {where}", within_s=45)
