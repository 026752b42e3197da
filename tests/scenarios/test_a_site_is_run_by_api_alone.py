"""From the first start to a year of history by the API alone: a site with a real plant behind a real gateway.

One long scenario, because each step depends on the one before. It runs on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from databases import postgres_server
from ports import free_ports
from scenarios.programs import Programs, run_sealbus, sealbus
from scenarios.site_client import PASSWORD, SiteClient, until_true
from sealbus.history import HistoryRules, SampleBlock, open_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_YEAR_S = 365 * 86_400
_STEP_S = 600


class Site:
    """A running demonstration, and the parameters of its start."""

    def __init__(self, programs: Programs, home: Path, database: str) -> None:
        self.home, first = home / "demo", free_ports(5)
        self.mbaps_port, self.plant_port, self.web_port = first, first + 1, first + 4
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.history = database or f"sqlite:///{self.home / 'history.sqlite3'}"
        self.environment = {"SEALBUS_DATABASE": database} if database else {}
        ports = ("--mbaps-port", self.mbaps_port, "--plant-port", self.plant_port, "--web-port", self.web_port)
        given = [f"{name}={value}" for name, value in self.environment.items()]
        self.program = programs.start("site", "env", *given, *sealbus("up", "--demo", "--home", home, *ports))
        self.secret = self.program.wait_for(r"/setup#(\S+)", within_s=120)[1]

    def shell(self, *words: str) -> str:
        """Run a verb of `sealbus` in the state folder of the site; return its output."""
        os.environ.update(self.environment)
        try:
            done = run_sealbus(*words, "--home", self.home)
        finally:
            for name in self.environment:
                del os.environ[name]
        assert done.status == 0, done.output
        return done.stdout


@pytest.fixture(
    params=["on one machine", pytest.param("on PostgreSQL", marks=pytest.mark.needs("postgres"))], scope="module"
)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    with Programs() as programs:
        if request.param == "on one machine":
            yield Site(programs, home, "")
            return
        with postgres_server() as server:
            yield Site(programs, home, server.database())


@pytest.mark.timeout(400)
async def test_a_site_is_set_up_watched_and_audited_by_api_alone(site: Site) -> None:
    administrator, recovery_code = _first_administrator(site)
    tags = _plant_by_mbaps(site, administrator)
    await _live_values(administrator, tags)
    _a_reading_and_a_test(administrator, tags)
    _a_scan_is_withdrawn(administrator)
    _a_year(site, administrator, tags["tank level"])
    _a_viewer_is_refused(site, administrator, tags)
    _a_token_has_its_own_rights_only(site, administrator, tags)
    _every_action_is_in_the_audit(site, administrator)
    administrator.sign_out()
    administrator.sign_in(
        "administrator", code=recovery_code
    )  # the one-time code of this half minute may have been used


def _first_administrator(site: Site) -> tuple[SiteClient, str]:
    administrator = SiteClient(site.url)
    assert administrator.get("/api/v1/setup") == {"open": True}
    body = {"secret": site.secret, "username": "administrator", "password": PASSWORD}
    assert administrator.refused("POST", "/api/v1/setup", body | {"secret": "x" * 43}) == 403
    administrator.create("/api/v1/setup", body)
    assert SiteClient(site.url).refused("POST", "/api/v1/setup", body | {"username": "second"}) in (403, 409)
    administrator.sign_in("administrator")
    assert administrator.get("/api/v1/me")["rights"] == [], "the role requires a second factor"
    assert administrator.refused("GET", "/api/v1/users") == 403
    secret, recovery_codes = administrator.add_second_factor()
    administrator.sign_out()
    administrator = SiteClient(site.url)
    administrator.sign_in("administrator", secret=secret)
    assert {right["action"] for right in administrator.get("/api/v1/me")["rights"]} >= {
        "administer",
        "configure",
        "audit",
    }
    return administrator, recovery_codes[0]


def _plant_by_mbaps(site: Site, administrator: SiteClient) -> dict[str, int]:
    """Delete the configuration of the demonstration and create it by API: a connection, a device and a table of tags."""
    for connection in administrator.get("/api/v1/connections")["results"]:
        assert administrator.request("DELETE", f"/api/v1/connections/{connection['id']}").status_code == 204
    assert administrator.get("/api/v1/tags")["count"] == 0
    (group,) = administrator.get("/api/v1/groups")["results"]
    url = f"mbaps://127.0.0.1:{site.mbaps_port}"
    wrong = {"group": group["id"], "name": "x", "url": "mbaps://169.254.169.254:802"}
    assert administrator.request("POST", "/api/v1/connections", wrong).status_code == 400
    body = {"group": group["id"], "name": "by hand", "url": url, "identity": "collector"}
    connection = administrator.create("/api/v1/connections", body)
    device = administrator.create(
        "/api/v1/devices", {"group": group["id"], "connection": connection["id"], "name": "meter", "unit_id": 3}
    )
    table = (
        "group;device;name;place;type;order;unit;interval_s\n"
        f"{group['name']};meter;tank level;input:0;float32;CDAB;m;0,2\n"
        f"{group['name']};meter;flow;input:2;float32;CDAB;m³/h;1\n"
    )
    broken = table + f"{group['name']};nowhere;pressure;input:4;float33;CDAB;bar;1\n"
    dry = administrator.request(
        "POST", "/api/v1/tags/import?dry_run=true", content=broken.encode(), headers={"Content-Type": "text/csv"}
    )
    problems = {(each["line"], each["column"]) for each in dry.json()["problems"]}
    assert dry.status_code in (200, 400)
    assert {(4, "device"), (4, "type")} & problems
    done = administrator.request(
        "POST", "/api/v1/tags/import", content=table.encode(), headers={"Content-Type": "text/csv"}
    )
    assert (done.status_code, done.json()["created"]) == (200, 2), done.text
    return {tag["name"]: tag["id"] for tag in administrator.get("/api/v1/tags", device=device["id"])["results"]}


async def _live_values(administrator: SiteClient, tags: dict[str, int]) -> None:
    level = tags["tank level"]

    def good(messages: list[dict[str, Any]]) -> list[Any]:
        samples = [each for message in messages for each in message.get("samples", ())]
        return [value for tag, _, value, quality, _ in samples if tag == level and quality == 0]

    messages = await administrator.receive_live([level, 999_999], lambda messages: len(good(messages)) >= 2)
    assert any(message["type"] == "refused" and message["tags"] == [999_999] for message in messages)
    assert all(0.5 < value < 5.0 for value in good(messages))
    columns = administrator.get("/api/v1/values", tags=str(level))
    assert columns["qualities"] == [0]


def _a_reading_and_a_test(administrator: SiteClient, tags: dict[str, int]) -> None:
    (command,) = administrator.create("/api/v1/tags/read", {"tags": [tags["tank level"]]})["commands"]
    done = administrator.get(f"/api/v1/commands/{command['id']}", wait=10)
    assert done["state"] == "done", done
    (connection,) = administrator.get("/api/v1/connections")["results"]
    command = administrator.create(f"/api/v1/connections/{connection['id']}/test", {"unit_id": 3, "place": "input:0"})
    done = administrator.get(f"/api/v1/commands/{command['id']}", wait=10)
    assert done["state"] == "done", done
    command = administrator.create(f"/api/v1/connections/{connection['id']}/test", {"unit_id": 77})
    assert administrator.get(f"/api/v1/commands/{command['id']}", wait=10)["state"] == "failed"


def _a_scan_is_withdrawn(administrator: SiteClient) -> None:
    """A scan of a device that accepts connections and never answers: it would last for minutes if not withdrawn."""
    (group,) = administrator.get("/api/v1/groups")["results"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        administrator.create("/api/v1/allowed-networks", {"network": "127.0.0.1", "ports": str(port)})
        body = {"group": group["id"], "name": "silent", "url": f"tcp://127.0.0.1:{port}"}
        connection = administrator.create("/api/v1/connections", body)
        command = administrator.create(f"/api/v1/connections/{connection['id']}/scan-units", {})
        until_true("both connections reported", lambda: _states(administrator) in (["up", "up"], ["idle", "up"]))
        until_true("begun", lambda: administrator.get(f"/api/v1/commands/{command['id']}")["done"] >= 1)
        administrator.create(f"/api/v1/commands/{command['id']}/withdraw", {})
        assert administrator.get(f"/api/v1/commands/{command['id']}", wait=10)["state"] == "withdrawn"
        assert administrator.request("DELETE", f"/api/v1/connections/{connection['id']}").status_code == 204


def _states(administrator: SiteClient) -> list[str]:
    return sorted(each["status"] for each in administrator.get("/api/v1/collector")["connections"])


def _a_year(site: Site, administrator: SiteClient, tag: int) -> None:
    """Store a year of ten-minute values beside the collector, and query it for the width of a screen."""
    end_s = int(time.time()) // _STEP_S * _STEP_S - 3600
    times = np.arange(end_s - _YEAR_S, end_s, _STEP_S, dtype=np.int64)
    history = open_history(site.history, rules=HistoryRules())
    values = 2.0 + np.sin(times / 86_400 * 2 * math.pi)
    values[100] = 99.0
    for start in range(0, len(times), 10_000):
        part = slice(start, start + 10_000)
        history.append_block(_block(tag, times[part] * 1_000_000, values[part]))
    history.close()
    answer = administrator.get(
        "/api/v1/history",
        tags=str(tag),
        start=_rfc3339(end_s - _YEAR_S),
        end=_rfc3339(end_s),
        width=800,
    )
    (series,) = answer["series"]
    assert len(series["times_us"]) < 4_000
    assert max(value for value in series["values"] if value is not None) == 99.0, "the peak is kept"
    day = {"tags": str(tag), "start": _rfc3339(end_s - 86_400), "end": _rfc3339(end_s)}
    assert administrator.request("GET", "/api/v1/history/export", params=day | {"format": "csv"}).status_code == 400
    exported = administrator.request("GET", "/api/v1/history/export", params=day | {"file": "csv"})
    assert exported.status_code == 200
    assert exported.text.count("\n") > 100


def _block(tag: int, times_us: Any, values: Any) -> SampleBlock:
    from sealbus.samples import Sample

    return SampleBlock.of([Sample(tag, int(at), float(value)) for at, value in zip(times_us, values, strict=True)])


def _rfc3339(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _a_viewer_is_refused(site: Site, administrator: SiteClient, tags: dict[str, int]) -> None:
    user = administrator.create("/api/v1/users", {"username": "watcher"})
    link = administrator.create(f"/api/v1/users/{user['id']}/password-link", {})
    roles = {role["name"]: role["id"] for role in administrator.get("/api/v1/roles")["results"]}
    administrator.create("/api/v1/assignments", {"user": user["id"], "role": roles["Viewer"], "group": None})
    viewer = SiteClient(site.url)
    secret = link["url"].partition("#")[2]
    assert viewer.request("POST", "/api/v1/password", {"secret": secret, "password": PASSWORD}).status_code in (
        200,
        204,
    )
    viewer.sign_in("watcher")
    assert viewer.get("/api/v1/values", tags=str(tags["flow"]))["qualities"] == [0]
    (connection,) = viewer.get("/api/v1/connections")["results"]
    assert viewer.refused("POST", f"/api/v1/connections/{connection['id']}/test", {}) == 403
    assert viewer.refused("POST", "/api/v1/tags/read", {"tags": [tags["flow"]]}) == 403
    assert viewer.refused("DELETE", f"/api/v1/tags/{tags['flow']}") == 403
    assert viewer.refused("GET", "/api/v1/audit/entries") == 403
    assert viewer.refused("GET", "/api/v1/users") == 403


def _a_token_has_its_own_rights_only(site: Site, administrator: SiteClient, tags: dict[str, int]) -> None:
    (group,) = administrator.get("/api/v1/groups")["results"]
    body = {
        "name": "reporting",
        "actions": ["view"],
        "groups": [group["id"]],
        "all_groups": False,
        "expires_at": _rfc3339(int(time.time()) + 3600),
        "networks": ["127.0.0.0/8"],
    }
    made = administrator.create("/api/v1/tokens", body)
    program = SiteClient(site.url, token=made["secret"])
    assert program.get("/api/v1/values", tags=str(tags["flow"]))["qualities"] == [0]
    assert program.refused("POST", "/api/v1/tags/read", {"tags": [tags["flow"]]}) == 403
    assert program.refused("GET", "/api/v1/users") == 403
    elsewhere = administrator.create("/api/v1/tokens", body | {"name": "elsewhere", "networks": ["10.0.0.0/8"]})
    assert SiteClient(site.url, token=elsewhere["secret"]).refused("GET", "/api/v1/tags") == 401


def _every_action_is_in_the_audit(site: Site, administrator: SiteClient) -> None:
    def actions() -> set[str]:
        page = administrator.get("/api/v1/audit/entries", page_size=1000)
        return {entry["action"] for entry in page["results"]}

    wanted = {"setup.done", "connection.create", "tag.import", "token.create", "user.create", "gateway.started"}
    until_true("the audit", lambda: wanted <= actions())
    names = actions()
    assert any(re.match(r"session\.|login", name) for name in names), names
    refused = administrator.get("/api/v1/audit/entries", result="refused", page_size=1000)["results"]
    assert {"watcher", "administrator/reporting"} <= {entry["actor_name"] for entry in refused}
    assert administrator.get("/api/v1/audit/verify")["good"] is True
    assert "good" in site.shell("web", "audit", "verify")
