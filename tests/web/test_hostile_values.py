"""Hostile input: refused with 400 and a problem document, before it costs anything."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.exceptions import ParseError

from sealbus.errors import ConfigError
from sealbus.plant import SUNSPEC_TYPES, TagPlan, build_conversion, compile_tag, dial_problems
from sealbus.protocol import ValueType
from sealbus.web.config.bodies import BodyBudget, BodyRefused
from sealbus.web.config.limits import ServerLimits
from sealbus.web.devices import csv_table, queries
from sealbus.web.devices.models import AllowedNetwork, Device, SerialPattern, Tag
from sealbus.web.http.json_bodies import JsonBody
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

DEEP = "[" * 100_000 + "]" * 100_000
HALF = '"\\ud800"'


@pytest.fixture
def engineer() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _refused(answer: Any) -> Any:
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return answer.json()


@pytest.mark.parametrize(
    ("table", "member"),
    [("devices", "group"), ("devices", "connection"), ("devices", "connection_group"), ("connections", "group")]
    + [("tags", member) for member in ("group", "device", "retention", "type", "order", "name", "inputs", "stranger")],
)
def test_a_lone_surrogate_is_refused_in_every_member(engineer: APIClient, table: str, member: str) -> None:
    a_device("meter", group=a_group("plant"))
    row = {"group": "plant", "name": "one", "place": "input:0"} | ({"device": "meter"} if table == "tags" else {})
    row = {name: value for name, value in row.items() if name != "place" or table == "tags"}
    body = json.dumps({table: [{**row, member: "?"}]}).replace('"?"', HALF)
    problem = _refused(engineer.post(f"/api/v1/{table}/import", body, content_type="application/json"))
    assert "surrogate" in problem["detail"]


@pytest.mark.parametrize("body", [DEEP, f'{{"tags": {DEEP}}}', '{"a":' * 40 + "1" + "}" * 40])
def test_deeply_nested_json_is_refused(engineer: APIClient, body: str) -> None:
    problem = _refused(engineer.post("/api/v1/tags/import", body, content_type="application/json"))
    assert "nested" in problem["detail"]


def test_json_in_a_cell_is_checked_as_well(engineer: APIClient) -> None:
    a_device("meter", group=a_group("plant"))
    for cell in (f'"{{""a"": "{HALF}"}}"', '"' + "[" * 500 + "]" * 500 + '"'):
        table = f"group,device,name,expression,inputs\nplant,meter,sum,a,{cell}\n"
        problem = _refused(engineer.post("/api/v1/tags/import", table.encode(), content_type="text/csv"))
        assert {each["column"] for each in problem["errors"]} >= {"inputs"}


def test_a_valid_body_is_accepted() -> None:
    class Stream:
        def __init__(self, content: bytes) -> None:
            self._content = content

        def read(self, *_: int) -> bytes:
            content, self._content = self._content, b""
            return content

    def parsed(content: bytes) -> Any:
        return JsonBody().parse(Stream(content), parser_context={})  # type: ignore[arg-type]

    assert parsed('{"name": "Zähler \\ud83d\\ude00", "list": [[1]]}'.encode()) == {"name": "Zähler 😀", "list": [[1]]}
    for content in (b'["\\udfff"]', b'{"\\ud800": 1}', DEEP.encode(), b"[" * 33 + b"]" * 33, b"9" * 5000):
        with pytest.raises(ParseError):
            parsed(content)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"username": "anna", "password": "?"}', None),
        (b"not JSON", None),
        (b"[" * 60_000, HTTPStatus.BAD_REQUEST),
        (b"[" * 30_000 + b"]" * 30_000, HTTPStatus.BAD_REQUEST),
        (b'{"username": "\\ud800"}', HTTPStatus.BAD_REQUEST),
        (b'"' + b"x" * 70_000 + b'"', HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
)
def test_malformed_bodies_do_not_reach_the_library_for_signing_in(body: bytes, status: HTTPStatus | None) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"path": "/_allauth/browser/v1/auth/login", "headers": [(b"cookie", b"sessionid=x")]}
    budget = BodyBudget(ServerLimits(), len(body))
    if status is None:
        taken = asyncio.run(budget.take(scope, receive, group="192.0.2.7", is_known=True))
        assert taken.content == body
        return
    with pytest.raises(BodyRefused) as refused:
        asyncio.run(budget.take(scope, receive, group="192.0.2.7", is_known=True))
    assert refused.value.status is status
    assert budget._left == len(body)


def test_a_table_that_is_too_long_is_refused_before_any_row_is_judged(
    engineer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(*given: object) -> Any:
        raise AssertionError("no row was to be looked at")

    monkeypatch.setattr(csv_table, "_row", judged)
    table = "group,name\n" + "plant,one\n" * 250_000
    problem = _refused(engineer.post("/api/v1/devices/import", table.encode(), content_type="text/csv"))
    assert [each["line"] for each in problem["errors"]] == [20_002]


def _plan(**fields: Any) -> TagPlan:
    return TagPlan(id=1, interval_s=1.0, **fields)


@pytest.mark.parametrize("name", [*SUNSPEC_TYPES, "enum17"])
@pytest.mark.parametrize("kind", ["", *(each for each in ValueType if each is not ValueType.BIT)])
def test_the_form_takes_the_sunspec_types_that_the_collector_takes(engineer: APIClient, name: str, kind: str) -> None:
    for length in (2, 4, 8) if kind == "string" else (0,):
        fields = {"place": "holding:0", "type": kind, "length": length, "sunspec_type": name}
        try:
            build_conversion(compile_tag(_plan(**fields)))
            is_taken = True
        except ConfigError:
            is_taken = False
        body = {"device": _device().pk, "name": f"tag {length}", "interval_s": 1.0, **fields}
        answer = engineer.post("/api/v1/tags", body, format="json")
        assert (answer.status_code == 201) is is_taken, answer.content
        assert is_taken or set(_refused(answer)["errors"]) <= {"sunspec_type", "length"}


def _device() -> Device:
    return Device.objects.filter(name="meter").first() or a_device("meter", group=a_group("plant"))


@pytest.mark.parametrize(
    ("fields", "member"),
    [
        ({"scale": 5e-324}, "scale"),
        ({"scale": -1e-310}, "scale"),
        ({"scale": 1e308}, "scale"),
        ({"scale": -1e300, "type": "uint64"}, "scale"),
        ({"raw_low": 0, "raw_high": 1, "scaled_low": -1e308, "scaled_high": 1e308}, "raw_high"),
        ({"raw_low": -1e308, "raw_high": 1e308, "scaled_low": 0, "scaled_high": 1}, "raw_high"),
        ({"place": "coils:1", "type": "", "low": 0}, "low"),
        ({"type": "string", "length": 4, "high": 1}, "high"),
        ({"bit": 3, "type": "int16"}, "bit"),
        ({"place": "coils:1", "type": "", "sunspec_type": "uint16"}, "sunspec_type"),
        ({"stale_after_s": 1.0, "interval_s": 60.0}, "stale_after_s"),
    ],
)
def test_a_tag_that_no_collector_could_read_is_refused(
    engineer: APIClient, fields: dict[str, Any], member: str
) -> None:
    body = {"device": _device().pk, "name": "odd", "place": "holding:0", "type": "uint16", "interval_s": 1.0, **fields}
    problem = _refused(engineer.post("/api/v1/tags", body, format="json"))
    assert list(problem["errors"]) == [member]
    assert not Tag.objects.exists()


def test_unusual_but_valid_numbers_are_accepted(engineer: APIClient) -> None:
    device = _device()
    limited = {"expression": "1 + 1", "low": 0, "high": 5}
    wide = {"place": "holding:0", "type": "float64", "scale": 1e300, "interval_s": 1.0}
    falling = {"raw_low": 20, "raw_high": 4, "scaled_low": 0, "scaled_high": -5}
    for index, fields in enumerate((limited, wide, {"place": "input:4", "interval_s": 1.0, **falling})):
        answer = engineer.post("/api/v1/tags", {"device": device.pk, "name": f"tag {index}", **fields}, format="json")
        assert answer.status_code == 201, answer.content


@pytest.mark.parametrize(
    "url",
    [
        "rtu:///dev/ttyUSB0%00",
        "tcp://10.0.0.5\n:502",
        "rtu:///dev/tty%0AUSB0",
        "ssh+tcp://a%00b@10.0.0.1:22/10.0.0.2:502",
    ]
    + ["relay://10.0.0.5:443/plant", "tcp://10.0.0.5:502?x=%1b"],
)
def test_a_url_with_invisible_characters_or_an_unknown_scheme_is_refused(engineer: APIClient, url: str) -> None:
    identity = "plant-7" if url.startswith(("ssh", "relay")) else ""
    [problem] = dial_problems(url, identity, queries.network_rules())
    assert problem.hint
    body = {"group": a_group().pk, "name": "line", "url": url}
    refused = _refused(engineer.post("/api/v1/connections", body, format="json"))
    assert list(refused["errors"]) == ["url"]


@pytest.mark.parametrize(
    "pattern",
    ["/etc/*", "/proc/self/fd/*", "/dev/../etc/*", "/dev/tty*\n/etc/*", "/dev/./x", "/dev//x", "dev/x", "/dev/*\t"],
)
def test_serial_patterns_stay_in_their_folder_and_on_their_line(engineer: APIClient, pattern: str) -> None:
    count = SerialPattern.objects.count()
    answer = engineer.post("/api/v1/serial-patterns", {"pattern": f"{pattern}x"}, format="json")
    assert list(_refused(answer)["errors"]) == ["pattern"]
    assert SerialPattern.objects.count() == count
    assert engineer.post("/api/v1/serial-patterns", {"pattern": "/dev/ttyPLANT*"}, format="json").status_code == 201


@pytest.mark.parametrize(
    ("fields", "member"),
    [({"network": "10.0.0.0/8\n0.0.0.0/0"}, "network"), ({"network": "10.9.0.0/16", "ports": "502,\n802"}, "ports")],
)
def test_a_network_is_one_line(engineer: APIClient, fields: dict[str, str], member: str) -> None:
    count = AllowedNetwork.objects.count()
    assert list(_refused(engineer.post("/api/v1/allowed-networks", fields, format="json"))["errors"]) == [member]
    assert AllowedNetwork.objects.count() == count


@pytest.mark.parametrize("file", ["csv", "json"])
def test_an_export_names_no_row_of_a_hidden_group(engineer: APIClient, file: str) -> None:
    plant, elsewhere = a_group("plant"), a_group("elsewhere")
    device = a_device("meter", group=plant, connection=a_connection("hidden line", group=elsewhere))
    other = a_tag(a_device("hidden meter", group=elsewhere, connection=None), "hidden tag")
    own = a_tag(device, "power")
    a_tag(device, "sum", expression="a + b", inputs={"a": own.pk, "b": other.pk}, place="", type="")
    limited = signed_in(a_user("ben", *ALL_ACTIONS, group=plant))
    for table in ("devices", "tags"):
        content = limited.get(f"/api/v1/{table}/export?file={file}").content.decode()
        assert "meter" in content
        assert "hidden" not in content
        assert "elsewhere" not in content
        whole = engineer.get(f"/api/v1/{table}/export?file={file}").content
        assert b"hidden" in whole
        kind = "application/json" if file == "json" else "text/csv"
        report = engineer.post(f"/api/v1/{table}/import", whole, content_type=kind).json()
        assert (report["created"], report["changed"], report["problem_count"]) == (0, 0, 0)


def test_a_document_of_a_user_who_cannot_see_the_connection_does_not_change_it() -> None:
    plant, elsewhere = a_group("plant"), a_group("elsewhere")
    a_device("meter", group=plant, connection=a_connection("hidden line", group=elsewhere))
    limited = signed_in(a_user("ben", *ALL_ACTIONS, group=plant))
    content = limited.get("/api/v1/devices/export?file=json").content
    report = limited.post("/api/v1/devices/import", content, content_type="application/json").json()
    assert report["unchanged"] == 1
    assert Device.objects.get().connection is not None
