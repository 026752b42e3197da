"""Cells of CSV files: none is a formula to a spreadsheet, whatever separates its cells, and all are read back unchanged."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.export import as_csv
from sealbus.web.audit.models import Entry
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.csv_table import read_csv, write_csv
from sealbus.web.devices.interchange import Report
from sealbus.web.http.csv_cells import escape_text, json_text, unescape_text
from web.people import a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

PAYLOAD = "=cmd|' /C calc'!A0"
TEXTS = [
    PAYLOAD,
    f"x;{PAYLOAD}",
    f"x; {PAYLOAD}",
    f"x\t{PAYLOAD}",
    f"x\n{PAYLOAD}",
    f"x\r\n\t {PAYLOAD};z",
    f'x;"{PAYLOAD};z',
    f'x;""{PAYLOAD};z',
    "x|=1+1",
    "x;+1",
    "x;-1",
    "x;@SUM(A1)",
    "x;\uff1d1+1",
    f"'{PAYLOAD}",
    f"x;'{PAYLOAD};{PAYLOAD}",
    f" \t{PAYLOAD}",
]
DIALECTS = [",", ";", "\t", "|"]


def formulas(content: str) -> Iterator[str]:
    """The cells that a spreadsheet would calculate, with each separator. A number alone is none."""
    for delimiter in DIALECTS:
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            for cell in row:
                text = cell.strip()
                if text.startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")) and not _is_number(
                    text
                ):
                    yield f"{delimiter!r}: {cell!r}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_no_formula_with_any_separator_and_is_read_back(text: str) -> None:
    line = io.StringIO()
    csv.writer(line).writerow(["12", escape_text(text), "last"])
    assert not [*formulas(line.getvalue())]
    assert unescape_text(escape_text(text)) == text


@pytest.mark.parametrize(
    "text", ["flow in", "P-101", "a - b", "a; b", "5 %", "tcp://10.0.0.5:502?x=1", "it's", "''", "'plain", "a, -b"]
)
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert escape_text(text) == unescape_text(text) == text


def test_an_escaped_text_has_its_apostrophe_at_the_formula() -> None:
    assert escape_text("x; =1") == "x; '=1"
    assert escape_text("'=1") == "''=1"


HOSTILE = st.text(st.sampled_from(list("=+-@%|;,\"' \t\r\nxyz1\uff1d\u2028\x1c")), max_size=30)


@given(HOSTILE)
def test_any_text_is_no_formula_and_is_read_back(text: str) -> None:
    line = io.StringIO()
    csv.writer(line).writerow(["12", escape_text(text), "last"])
    assert not [*formulas(line.getvalue())]
    assert unescape_text(escape_text(text)) == text


@given(st.recursive(HOSTILE | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner)))
def test_any_json_is_no_formula_and_is_read_back(value: Any) -> None:
    line = io.StringIO()
    csv.writer(line).writerow(["12", json_text({"v": value}), "last"])
    assert not [*formulas(line.getvalue())]
    assert json.loads(json_text(value)) == value


@given(st.lists(HOSTILE, min_size=2, max_size=4))
def test_a_table_of_any_texts_is_no_formula_and_is_read_back(texts: list[str]) -> None:
    columns = {name: COLUMNS[Table.TAGS][name] for name in ("name", "unit", "enumeration")}
    rows = [("n", text, {"1": text}) for text in texts]
    content = write_csv(columns, rows)
    assert not [*formulas(content.decode("utf-8-sig"))]
    read = read_csv(content, columns, report := Report())
    assert not report.problems
    assert [(row.values["unit"], row.values["enumeration"]) for row in read] == [(text, {"1": text}) for text in texts]


@pytest.mark.django_db
@pytest.mark.parametrize("text", TEXTS)
def test_no_export_has_a_formula(text: str) -> None:
    text = text.replace("\0", "")
    device = a_device(text, group=a_group("plant"), text=text)
    a_tag(device, text, enumeration={"1": text}, unit=text[:32])
    engineer = signed_in(a_user("anna", *Action))
    for table in ("connections", "devices", "tags"):
        assert not [*formulas(engineer.get(f"/api/v1/{table}/export?file=csv").content.decode("utf-8-sig"))]
    append(Event(Actor(ActorKind.USER, 9, text), "test", Target("t", text, text), detail={text: [text]}))
    content = b"".join(as_csv(Entry.objects.filter(action="test"))).decode()
    assert not [*formulas(content)]
    (row,) = csv.DictReader(io.StringIO(content, newline=""))
    assert json.loads(row["detail"]) == {text: [text]}
