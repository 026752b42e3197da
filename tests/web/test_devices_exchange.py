"""Import and export of tables: all or nothing, every problem named, and an exported table is imported unchanged."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts.services import archive_group
from sealbus.web.audit.models import Entry
from sealbus.web.coordination.versions import bump_version, read_version
from sealbus.web.devices.columns import COLUMNS, Cell, Table
from sealbus.web.devices.csv_table import read_csv, write_csv
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Connection, Device, RetentionClass, Tag
from sealbus.web.devices.services import importing
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def engineer() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _import(client: APIClient, table: str, content: str | bytes, *, dry_run: bool = False, status: int = 200) -> Any:
    data = content.encode() if isinstance(content, str) else content
    path = f"/api/v1/{table}/import" + ("?dry_run=true" if dry_run else "")
    answer = client.post(path, data, content_type="text/csv")
    assert answer.status_code == status, answer.content
    return answer.json()


def _export(client: APIClient, table: str, query: str = "") -> bytes:
    answer = client.get(f"/api/v1/{table}/export{query}")
    assert answer.status_code == 200, answer.content
    return bytes(answer.content)


def test_a_plant_is_imported_as_three_tables(engineer: APIClient) -> None:
    a_group("plant")
    assert _import(engineer, "connections", "group,name,url\nplant,line,tcp://10.0.0.5\n")["created"] == 1
    assert _import(engineer, "devices", "group,name,connection,unit_id\nplant,meter,line,3\n")["created"] == 1
    tags = (
        "group,device,name,place,type,order,scale,unit,expression,inputs\n"
        "plant,meter,power,input:0,float32,CDAB,0.001,kW,,\n"
        'plant,meter,twice,,,,,kW,2 * p,"{""p"": ""power""}"\n'
    )
    assert _import(engineer, "tags", tags)["created"] == 2
    power, twice = Tag.objects.get(name="power"), Tag.objects.get(name="twice")
    assert (power.place, power.type, power.scale, power.device.unit_id) == ("input:0", "float32", 0.001, 3)
    assert twice.inputs == {"p": power.pk}
    entry = Entry.objects.get(action="tag.import")
    assert entry.detail["created"] == 2
    assert entry.detail["names"] == ["power", "twice"]
    again = _import(engineer, "tags", tags)
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 2)
    changed = _import(engineer, "tags", "group,device,name,unit\nplant,meter,power,W\n")
    assert changed["changed"] == 1
    power.refresh_from_db()
    assert (power.unit, power.scale, power.version) == ("W", 0.001, 2)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
def test_an_empty_table_is_refused_as_a_table(engineer: APIClient, content: bytes) -> None:
    problem = _import(engineer, "tags", content, status=400)
    hint = "write the names of the columns into the first line"
    assert problem["errors"] == [{"line": 1, "column": "", "problem": "the table is empty", "hint": hint}]
    empty = engineer.post("/api/v1/tags/import", b"", content_type="application/json")
    assert '{"tags": [...]}' in empty.json()["errors"][0]["hint"]


def test_a_dry_run_names_every_problem_and_changes_nothing(engineer: APIClient) -> None:
    a_device("meter", group=a_group("plant"))
    before = read_version("plan")
    table = (
        "group,device,name,place,type,scale,writable,colour\n"
        "plant,meter,good,input:0,uint16,1,false,red\n"
        "plant,meter,good,input:1,uint16,1,false,red\n"
        "plant,meter,bad place,input:70000,uint16,1,false,red\n"
        "plant,meter,bad scale,input:2,uint16,one,false,red\n"
        "plant,meter,bad write,input:2,uint16,1,true,red\n"
        "plant,nowhere,lost,input:2,uint16,1,false,red\n"
        "atlantis,meter,lost,input:2,uint16,1,false,red\n"
        "plant,meter,,input:2,uint16,1,false,red\n"
        "plant,meter,bad truth,input:2,uint16,1,perhaps,red\n"
    )
    report = _import(engineer, "tags", table, dry_run=True)
    assert [(each["line"], each["column"]) for each in report["problems"]] == [
        (1, "colour"),
        (3, "name"),
        (4, "place"),
        (5, "scale"),
        (6, "writable"),
        (7, "device"),
        (8, "group"),
        (9, "name"),
        (10, "writable"),
    ]
    assert all(each["problem"] and each["hint"] for each in report["problems"]), report["problems"]
    refused = _import(engineer, "tags", table, status=400)
    assert refused["errors"] == report["problems"]
    assert (Tag.objects.count(), read_version("plan")) == (0, before)


def test_columns_and_lines_that_a_spreadsheet_left_empty_are_none(engineer: APIClient) -> None:
    a_device("meter", group=a_group("plant"))
    for separator in (",", ";", "\t"):
        table = "group,device,name,place,,,\nplant,meter,power,input:0,,,\n,,,,,,\n , ,,,,, \nplant,meter,flow,input:1,, ,\n"
        assert _import(engineer, "tags", table.replace(",", separator), dry_run=True)["created"] == 2
    lost = "group,device,name,place,,\nplant,meter,power,input:0,,left over\n"
    (problem,) = _import(engineer, "tags", lost, dry_run=True)["problems"]
    assert (problem["line"], problem["problem"]) == (2, "there are 6 cells for 4 columns")
    unnamed = "group,device,,name,place\nplant,meter,x,power,input:0\n"
    (problem,) = _import(engineer, "tags", unnamed, dry_run=True)["problems"]
    assert (problem["line"], problem["problem"]) == (1, "column 3 has no name")


@pytest.mark.parametrize(
    ("changed", "problem", "hint"),
    [
        ({"group": "x; y"}, 'there is no group "x; y" that you can see', "write one of north; south"),
        (
            {"device": "a; b"},
            'there is no device "a; b" in the group "north; south"',
            "write its name, or import it first",
        ),
        ({"scale": '"one"; two'}, '""one"; two" is not a number', "write it as 1234.5"),
        ({"type": "uint; 16"}, '"uint; 16" is not one of: ', ""),
        ({"place": "in; put:0"}, "'in; put:0' names no table", ""),
    ],
)
def test_a_semicolon_of_the_user_cuts_no_problem(
    engineer: APIClient, changed: dict[str, str], problem: str, hint: str
) -> None:
    a_device("meter; old", group=a_group("north; south"), connection=a_connection(group=a_group("north; south")))
    row = {
        "group": "north; south",
        "device": "meter; old",
        "name": "power",
        "place": "input:0",
        "type": "",
        "scale": "1",
    }
    found = _import(engineer, "tags", _table(row), dry_run=True)
    assert found["created"] == 1
    (told,) = _import(engineer, "tags", _table(row | changed), dry_run=True)["problems"]
    assert told["problem"].startswith(problem)
    assert told["hint"].startswith(hint)


def _table(*rows: dict[str, str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def test_a_semicolon_in_a_name_or_a_column_cuts_no_problem(engineer: APIClient) -> None:
    row = {"group": "north", "device": "meter", "name": "a; b", "place": "input:0"}
    a_device("meter", group=a_group("north"))
    (told,) = _import(engineer, "tags", _table(row, row), dry_run=True)["problems"]
    assert (told["problem"], told["hint"]) == ('"a; b" is in line 2 too', "leave one out, or rename it")
    (told,) = _import(engineer, "tags", _table(row | {"co; lour": "red"}), dry_run=True)["problems"]
    assert told["problem"] == 'there is no column "co; lour"'


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ("tags", "group"), ("tags", "device"), ("tags", "name"), ("tags", "place"),
        ("connections", "url"), ("devices", "group"),
    ],
)  # fmt: skip
def test_a_missing_column_is_one_problem_however_many_rows_need_it(
    engineer: APIClient, table: str, missing: str
) -> None:
    a_device("meter", group=a_group("plant"))
    full = {
        "tags": {"group": "plant", "device": "meter", "name": "power {}", "place": "input:0", "scale": "1"},
        "connections": {"group": "plant", "name": "line {}", "url": "tcp://10.0.0.5"},
        "devices": {"group": "plant", "name": "pump {}", "unit_id": "3"},
    }[table]
    cells = {column: cell for column, cell in full.items() if column != missing}
    lines = [",".join(cells), *(",".join(cells.values()).format(number) for number in range(50))]
    report = _import(engineer, table, "\n".join(lines), dry_run=True)
    (problem,) = report["problems"]
    assert report["problem_count"] == 1
    assert (problem["line"], problem["column"], problem["problem"]) == (
        1,
        missing,
        f'the column "{missing}" is missing',
    )
    assert problem["hint"]
    whole = [",".join(full), *(",".join(full.values()).format(number) for number in range(2))]
    assert _import(engineer, table, "\n".join(whole), dry_run=True)["created"] == 2


def test_a_dry_run_of_a_valid_table_changes_nothing(engineer: APIClient) -> None:
    a_device("meter", group=a_group("plant"))
    table = "group,device,name,place\nplant,meter,power,input:0\n"
    assert _import(engineer, "tags", table, dry_run=True)["created"] == 1
    assert (Tag.objects.count(), read_version("plan")) == (0, 0)
    _import(engineer, "tags", table)
    assert (Tag.objects.count(), read_version("plan")) == (1, 1)


def test_the_table_of_a_german_spreadsheet_is_read(engineer: APIClient) -> None:
    a_device("Zähler", group=a_group("Süd"))
    table = "group;device;name;place;type;scale;enabled\r\nSüd;Zähler;Leistung;input:0;uint16;0,1;WAHR\r\n"
    for content in (table.encode("utf-8-sig"), table.encode("cp1252"), table.encode("utf-16")):
        Tag.objects.all().delete()
        assert _import(engineer, "tags", content)["created"] == 1
        tag = Tag.objects.get()
        assert (tag.name, tag.scale, tag.enabled) == ("Leistung", 0.1, True)
    wrong = _import(engineer, "tags", table.replace("0,1", "1.000,1"), dry_run=True)
    assert wrong["problems"][0]["column"] == "scale"
    english = 'group,device,name,place,scale\nSüd,Zähler,x,input:0,"1,234"\n'
    assert _import(engineer, "tags", english, dry_run=True)["problems"][0]["column"] == "scale"


def test_no_cell_is_exported_as_a_formula_and_all_are_imported_unchanged(engineer: APIClient) -> None:
    device = a_device("=cmd|' /C calc'!A0", group=a_group("plant"))
    names = ["+1", "-1", "@SUM(A1)", "=1+1", "'=1", "''", "'plain", "plain"]
    for name in names:
        a_tag(device, name, low=-5.0)
    content = _export(engineer, "tags")
    for line in content.decode("utf-8-sig").splitlines()[1:]:
        assert "plant,'=cmd|" in line
        assert not any(cell.startswith(("=", "+", "@")) for cell in line.split(","))
    assert _import(engineer, "tags", content)["unchanged"] == len(names)
    assert sorted(Tag.objects.values_list("name", flat=True)) == sorted(names)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x00",
        b"\xff\xfe\x00",
        b'group,name,device\n"plant',
        b"name\n" + b"x" * 200_000,
        b"name,name\nx,y\n",
        b"group,device\nplant,meter\n",
        b"name\nx,y,z\n",
        b"group,device,name,inputs\nplant,meter,x,[1\n",
        b"group,device,name,inputs\nplant,meter,x," + b"[" * 5000 + b"\n",
        b"group,device,name,place\nplant,meter,\x00,input:0\n",
    ],
)
def test_an_unreadable_table_is_refused_with_problems(engineer: APIClient, content: bytes) -> None:
    a_device("meter", group=a_group("plant"))
    report = _import(engineer, "tags", content, dry_run=True)
    assert report["problem_count"] >= 1
    _import(engineer, "tags", content, status=400)
    assert not Tag.objects.exists()


def test_json_is_imported_and_exported_too(engineer: APIClient) -> None:
    device = a_device("meter", group=a_group("plant"))
    power = a_tag(device, sentinels=[65535], enumeration={"0": "off"})
    other = a_device("other", group=a_group("plant"))
    a_tag(other, "sum", expression="p", inputs={"p": power.pk}, type="", interval_s=None)
    document = json.loads(_export(engineer, "tags", "?file=json"))
    by_name = {tag["name"]: tag for tag in document["tags"]}
    assert by_name["sum"]["inputs"] == {"p": {"group": "plant", "device": "meter", "tag": "power"}}
    assert by_name["power"]["sentinels"] == [65535]
    again = engineer.post("/api/v1/tags/import", document, "json")
    assert again.json()["unchanged"] == 2, again.content
    bad: dict[str, Any] = {"tags": [{"name": "x"}, 5, {"name": "y", "group": "plant", "device": "meter", "id": 4}]}
    report = engineer.post("/api/v1/tags/import?dry_run=true", bad, "json").json()
    assert [each["line"] for each in report["problems"]] == [1, 2, 3, 3]
    nonsenses: list[Any] = [{}, [], {"tags": 5}, {"tags": [], "more": 1}, "x"]
    for nonsense in nonsenses:
        assert engineer.post("/api/v1/tags/import", nonsense, "json").status_code == 400


def test_an_import_has_the_rights_of_its_user_only() -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    a_device("a", group=mine)
    secret = a_tag(a_device("b", group=theirs), "secret")
    user = a_user("bert", Action.VIEW, Action.CONFIGURE, group=mine)
    client = signed_in(user)
    rows = "group,device,name,place\nmine,a,x,input:0\ntheirs,b,y,input:0\n"
    assert [each["column"] for each in _import(client, "tags", rows, dry_run=True)["problems"]] == ["group"]
    inputs = json.dumps({"s": {"group": "theirs", "device": "b", "tag": "secret"}}).replace('"', '""')
    lean = f'group,device,name,expression,inputs\nmine,a,copy,s,"{inputs}"\n'
    assert _import(client, "tags", lean, dry_run=True)["problems"][0]["column"] == "inputs"
    a_user("bert", Action.VIEW, group=theirs)
    client = signed_in(user)
    assert "configure" in _import(client, "tags", rows, dry_run=True)["problems"][0]["problem"]
    assert _import(client, "tags", lean)["created"] == 1
    assert Tag.objects.get(name="copy").inputs == {"s": secret.pk}
    urls = "group,name,url\nmine,loop,tcp://127.0.0.1\nmine,fine,tcp://10.0.0.9\n"
    assert [
        (each["line"], each["column"]) for each in _import(client, "connections", urls, dry_run=True)["problems"]
    ] == [(2, "url"), (3, "url")]
    lines = "group,name,connection_group,connection\nmine,c,theirs,to b\n"
    assert _import(client, "devices", lines, dry_run=True)["problems"][0]["column"] == "group"
    viewer = signed_in(a_user("carl", Action.VIEW))
    assert viewer.post("/api/v1/tags/import", b"", content_type="text/csv").status_code == 403


def test_a_circle_in_a_table_is_refused(engineer: APIClient) -> None:
    a_device("meter", group=a_group("plant"))
    table = 'group,device,name,expression,inputs\nplant,meter,a,x,"{""x"": ""b""}"\nplant,meter,b,x,"{""x"": ""a""}"\n'
    report = _import(engineer, "tags", table, dry_run=True)
    assert "itself" in report["problems"][0]["problem"]
    _import(engineer, "tags", table, status=400)
    assert not Tag.objects.exists()


def test_thousands_of_tags_take_few_statements(engineer: APIClient) -> None:
    a_device("meter", group=a_group("plant"))

    def statements(count: int) -> int:
        Tag.objects.all().delete()
        rows = "".join(f"plant,meter,tag {number},input:{number}\n" for number in range(count))
        with CaptureQueriesContext(connection) as asked:
            assert _import(engineer, "tags", f"group,device,name,place\n{rows}")["created"] == count
        return len(asked)

    statements(1)
    few = statements(1)
    assert statements(2000) <= few + 2000 / 20  # SQLite takes about twenty rows of forty columns in one


_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=0, max_size=30).map(str.strip)
_name = _text.filter(bool)
_number = st.floats(allow_nan=False, allow_infinity=False, width=64)


@st.composite
def _tags(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted((draw(_number), draw(_number)))
    return {
        "text": draw(_text),
        "unit": draw(_text.filter(lambda text: len(text) <= 32)),
        "decimals": draw(st.none() | st.integers(0, 12)),
        "enumeration": draw(st.dictionaries(st.integers(-(10**9), 10**9).map(str), _name, max_size=3)),
        "place": f"holding:{draw(st.integers(0, 60000))}",
        "type": draw(st.sampled_from(["uint16", "int32", "float64"])),
        "order": draw(st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"])),
        "scale": draw(st.floats(-1e290, 1e290).filter(lambda scale: abs(scale) > 1e-300)),
        "offset": draw(_number),
        "low": low,
        "high": high,
        "sentinels": draw(st.lists(st.integers(0, 2**64 - 1) | st.floats(-1e9, 1e9), max_size=3)),
        "interval_s": draw(st.floats(0.05, 600)),
        "stale_after_s": draw(st.none() | st.floats(600, 1000)),
        "writable": draw(st.booleans()),
        "enabled": draw(st.booleans()),
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tags=st.dictionaries(_name, _tags(), min_size=1, max_size=4), device_name=_name)
def test_an_exported_table_is_imported_unchanged(engineer: APIClient, tags: dict[str, Any], device_name: str) -> None:
    for model in (Tag, Device, Connection):
        model._default_manager.all().delete()
    device = a_device(device_name, connection=None)
    for name, fields in tags.items():
        a_tag(device, name, **fields)
    columns = [field.name for field in Tag._meta.concrete_fields if field.name not in ("id", "device", "version")]
    before = sorted(map(str, Tag.objects.values(*columns)))
    for query in ("?file=csv", "?file=json"):
        content = _export(engineer, "tags", query)
        kind = "application/json" if "json" in query else "text/csv"
        unchanged = engineer.post("/api/v1/tags/import", content, content_type=kind)
        assert unchanged.json().get("unchanged") == len(tags), unchanged.content
        Tag.objects.all().delete()
        made = engineer.post("/api/v1/tags/import", content, content_type=kind)
        assert made.json().get("created") == len(tags), made.content
        assert sorted(map(str, Tag.objects.values(*columns))) == before


def test_exported_connections_and_devices_are_imported_unchanged(engineer: APIClient) -> None:
    line = a_connection("line", url="mbaps://10.0.0.5", identity="plant-7", gap_s=0.25, in_flight=4)
    a_device("meter", connection=line, unit_id=9, forbidden=["holding:100-119"], gap_bits=7)
    a_device("sums", connection=None)
    tables = {table: _export(engineer, table) for table in ("connections", "devices")}
    for table, content in tables.items():
        assert _import(engineer, table, content)["unchanged"] in (1, 2)
    before = list(
        Device.objects.order_by("name").values("name", "unit_id", "forbidden", "gap_bits", "connection__name")
    )
    Device.objects.all().delete()
    Connection.objects.all().delete()
    for table, content in tables.items():
        _import(engineer, table, content)
    after = list(Device.objects.order_by("name").values("name", "unit_id", "forbidden", "gap_bits", "connection__name"))
    assert after == before
    assert Connection.objects.values_list("url", "identity", "gap_s", "in_flight").get() == (
        "mbaps://10.0.0.5",
        "plant-7",
        0.25,
        4,
    )
    assert Entry.objects.filter(action="device.export").count() == 1


@given(
    rows=st.lists(
        st.tuples(_text, st.none() | _number, st.none() | st.integers(-(10**18), 10**18), st.booleans()), max_size=5
    )
)
def test_a_table_of_any_text_is_read_as_it_was_written(rows: list[tuple[Any, ...]]) -> None:
    columns = {"name": Cell.TEXT, "number": Cell.NUMBER, "whole": Cell.WHOLE, "truth": Cell.TRUTH}
    report = Report()
    found = read_csv(write_csv(columns, rows), columns, report)
    assert [tuple(row.values.values()) for row in found] == rows
    assert not report.problems


def test_every_member_that_can_be_set_has_a_column() -> None:
    own = {"id", "version", "archived_at", "template_name", "template_version"}
    for table, model in ((Table.CONNECTIONS, Connection), (Table.DEVICES, Device), (Table.TAGS, Tag)):
        names = {field.name for field in model._meta.concrete_fields}
        assert names - own <= set(COLUMNS[table])
    assert RetentionClass.objects.filter(name="standard").exists()


def test_a_plan_that_changes_while_rows_are_judged_is_judged_again(
    engineer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = a_device("meter", group=a_group("plant"))
    judged = importing._judged
    calls: list[int] = []

    def judged_and_overtaken(*arguments: Any) -> Any:
        batch = judged(*arguments)
        if not calls:
            a_tag(device, "power", place="input:5")
            bump_version("plan")
        calls.append(1)
        return batch

    monkeypatch.setattr(importing, "_judged", judged_and_overtaken)
    report = _import(engineer, "tags", "group,device,name,place,type\nplant,meter,power,input:0,uint16\n")
    assert (len(calls), report["created"], report["changed"]) == (2, 0, 1)
    assert Tag.objects.get().place == "input:0"


def test_a_group_that_is_archived_while_rows_are_judged_gets_none_of_them(
    engineer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = a_group("plant")
    judged = importing._judged

    def judged_and_archived(*arguments: Any) -> Any:
        batch = judged(*arguments)
        archive_group(subject=SHELL, group=group)
        group.refresh_from_db()
        return batch

    monkeypatch.setattr(importing, "_judged", judged_and_archived)
    problem = _import(engineer, "devices", "group,name\nplant,meter\n", status=400)
    assert problem["errors"][0]["problem"] == 'there is no group "plant" that you can see'
    assert not Device.objects.exists()
