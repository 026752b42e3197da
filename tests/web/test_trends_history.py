"""Values and history over HTTP: a wrong parameter is named, an invisible tag is unknown, and the numbers are exact."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from django.test import AsyncRequestFactory, override_settings

from sealbus.history import History, HistoryRules, open_history
from sealbus.samples import US_PER_S, Quality, Reason, Sample
from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Group
from sealbus.web.audit.models import Entry
from sealbus.web.devices import models
from sealbus.web.http.streams import streamed
from sealbus.web.trends import current_values, store
from web.people import a_token, a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db

NOON_US = 1_767_268_800 * US_PER_S  # 2026-01-01T12:00:00Z
RANGE = "start=2026-01-01T12:00:00Z&end=2026-01-01T13:00:00Z"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    """The site's history, open for writing."""
    url = f"sqlite:///{tmp_path / 'history.sqlite3'}"
    opened = open_history(url, rules=HistoryRules())
    opened.append([Sample(2_000_000_000, NOON_US, 0)])  # the first writer creates the tables
    read = open_history(url, rules=HistoryRules(), read_only=True)
    for module in (current_values, store):
        monkeypatch.setattr(module, "history", lambda: read)
    monkeypatch.setattr("sealbus.web.trends.views.history", lambda: read)
    monkeypatch.setattr("sealbus.web.trends.exporting.history", lambda: read)
    yield opened
    read.close()
    opened.close()


@pytest.fixture
def tag() -> models.Tag:
    return a_tag(a_device(), "power", unit="kW", stale_after_s=3600.0)


@pytest.fixture
def foreign() -> models.Tag:
    return a_tag(a_device("secret", group=a_group("elsewhere")), "hidden")


@pytest.fixture
def viewer() -> Any:
    return signed_in(a_user("anna", Action.VIEW, group=a_group()))


def _get(client: Any, path: str, status: int = 200) -> Any:
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == status, response.content
    return json.loads(response.content) if not response.streaming else response


def _content(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_values_come_in_columns_with_time_and_quality(
    viewer: Any, tag: models.Tag, foreign: models.Tag, history: History
) -> None:
    silent = a_tag(tag.device, "never collected")
    fresh_us = time.time_ns() // 1000
    history.append([Sample(tag.pk, fresh_us, 7.5), Sample(foreign.pk, fresh_us, 1)])
    body = _get(viewer, f"values?tags={tag.pk},{silent.pk},{foreign.pk},99999")
    assert body["unknown"] == [foreign.pk, 99999]
    assert [body[name] for name in ("tags", "times_us", "values", "qualities", "reasons")] == [
        [tag.pk, silent.pk], [fresh_us, None], [7.5, None], [0, Quality.BAD], [0, Reason.NOT_COLLECTED],
    ]  # fmt: skip
    assert body["state"] == "history"


def test_a_stored_value_that_is_too_old_is_stale(viewer: Any, tag: models.Tag, history: History) -> None:
    history.append([Sample(tag.pk, NOON_US, 7.5)])
    body = _get(viewer, f"values/{tag.pk}")
    assert (body["value"], body["quality"], body["reason"]) == (7.5, Quality.STALE, Reason.NOT_REFRESHED)


def test_values_of_a_device_and_of_a_group_leave_out_what_is_archived(
    viewer: Any, tag: models.Tag, foreign: models.Tag, history: History
) -> None:
    other = a_tag(tag.device, "other")
    gone = a_tag(tag.device, "gone", archived_at="2026-01-01T00:00:00Z")
    for path in (f"values?device={tag.device_id}", f"values?group={a_group().pk}"):
        assert _get(viewer, path)["tags"] == [tag.pk, other.pk]
    assert _get(viewer, f"values?tags={gone.pk}")["tags"] == [gone.pk]


@pytest.mark.parametrize(
    "path",
    ["values?device={device}", "values?group={group}", "values/{tag}", f"history/raw?tag={{tag}}&{RANGE}"]
    + [f"history/aggregates?tag={{tag}}&bucket=hour&{RANGE}"],
)
def test_an_invisible_tag_is_answered_like_one_that_does_not_exist(
    viewer: Any, tag: models.Tag, foreign: models.Tag, history: History, path: str
) -> None:
    own = path.format(tag=tag.pk, device=tag.device_id, group=tag.device.group_id)
    theirs = path.format(tag=foreign.pk, device=foreign.device_id, group=foreign.device.group_id)
    _get(viewer, own)
    assert _get(viewer, theirs, 404) == _get(viewer, path.format(tag=9999, device=9999, group=9999), 404)


@pytest.mark.parametrize(
    "path", ["values?tags=1", f"history?tags=1&{RANGE}", f"history/export?tags=1&{RANGE}", "values/1"]
)
def test_callers_without_the_view_right_are_refused(client: Any, path: str) -> None:
    assert client.get(f"/api/v1/{path}").status_code == 401
    auditor = signed_in(a_user("audrey", Action.AUDIT))
    assert auditor.get(f"/api/v1/{path}").status_code == 403


def test_a_token_sees_the_groups_that_it_was_given(tag: models.Tag, foreign: models.Tag, history: History) -> None:
    anna = a_user("anna", Action.VIEW)
    token, client = a_token(anna, Action.VIEW, all_groups=False)
    token.groups.set([Group.objects.get(name="plant")])
    assert _get(client, f"values?tags={tag.pk},{foreign.pk}")["unknown"] == [foreign.pk]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("values", "tags"),
        ("values?hours=abc", "hours"),
        ("values?tags=", "tags"),
        ("values?tags=1,abc", "tags"),
        ("values?tags=-1", "tags"),
        ("values?tags=1&tags=2", "tags"),
        ("values?tags=1&device=1", "tags"),
        ("values?device=0", "device"),
        ("values?device=%00", "device"),
        ("values?group=99999999999999999999", "group"),
        ("values?tags=" + ",".join(["7"] * 1001), "tags"),
        ("history?tags=1", "start"),
        ("history?start=2026-01-01T12:00:00Z", "tags"),
        ("history?tags=1&hours=abc&start=0", "hours"),
        ("history?tags=1&start=abc", "start"),
        ("history?tags=1&start=2026-01-01T12:00:00", "start"),
        ("history?tags=1&start=0001-01-01T00:00:00Z", "start"),
        ("history?tags=1&start=9999-12-31T23:59:59-23:59", "start"),
        ("history?tags=1&start=5&end=4", "start"),
        ("history?tags=1&start=9007199254740993", "start"),
        (f"history?tags=1&{RANGE}&width=0", "width"),
        (f"history?tags=1&{RANGE}&width=1e3", "width"),
        (f"history?tags={','.join(map(str, range(1, 51)))}&{RANGE}&width=20000", "width"),
        (f"history?tags={','.join(map(str, range(1, 53)))}&{RANGE}", "tags"),
        (f"history/raw?tag=1&{RANGE}&page_size=10001", "page_size"),
        (f"history/raw?tag=1&{RANGE}&after=x", "after"),
        (f"history/aggregates?tag=1&{RANGE}", "bucket"),
        (f"history/aggregates?tag=1&{RANGE}&bucket=week", "bucket"),
        ("history/aggregates?tag=1&start=0&bucket=minute", "bucket"),
        (f"history/export?tags=1&{RANGE}&file=xls", "file"),
        (f"history/export?tags=1&{RANGE}&source=week", "source"),
    ],
)
def test_a_bad_parameter_is_named(viewer: Any, history: History, path: str, field: str) -> None:
    problem = _get(viewer, path, 400)
    assert problem["type"] == "invalid"
    assert list(problem["errors"]) == [field]


def test_history_keeps_peaks_and_shows_gaps(viewer: Any, tag: models.Tag, history: History) -> None:
    samples = [Sample(tag.pk, NOON_US + index * US_PER_S, float(index % 10)) for index in range(3600)]
    samples[1234] = Sample(tag.pk, samples[1234].time_us, 1000.5)
    samples[2000] = Sample(tag.pk, samples[2000].time_us, None, Quality.BAD, Reason.TIMEOUT)
    history.append(samples)
    body = _get(viewer, f"history?tags={tag.pk}&{RANGE}&width=100")
    (series,) = body["series"]
    assert (series["tag"], series["source"], body["unknown"]) == (tag.pk, "raw", [])
    assert max(value for value in series["values"] if value is not None) == 1000.5
    assert Quality.BAD in series["qualities"]
    assert len(series["values"]) <= 210
    assert len({len(series[name]) for name in ("times_us", "values", "qualities", "reasons")}) == 1


def test_history_of_several_tags_leaves_out_invisible_ones(
    viewer: Any, tag: models.Tag, foreign: models.Tag, history: History
) -> None:
    history.append([Sample(tag.pk, NOON_US, 1), Sample(foreign.pk, NOON_US, 2)])
    body = _get(viewer, f"history?tags={foreign.pk},{tag.pk}&{RANGE}")
    assert ([each["tag"] for each in body["series"]], body["unknown"]) == ([tag.pk], [foreign.pk])


def test_history_of_archived_tags_stays_readable(viewer: Any, tag: models.Tag, history: History) -> None:
    history.append([Sample(tag.pk, NOON_US, 1)])
    models.Tag.objects.filter(pk=tag.pk).update(archived_at="2026-01-02T00:00:00Z")
    models.Device.objects.filter(pk=tag.device_id).update(archived_at="2026-01-02T00:00:00Z")
    assert _get(viewer, f"history?tags={tag.pk}&{RANGE}")["series"][0]["values"][0] == 1
    assert _content(_get(viewer, f"history/export?tags={tag.pk}&{RANGE}")).count(b"\n") == 2


def test_raw_samples_come_in_pages(viewer: Any, tag: models.Tag, history: History) -> None:
    history.append(
        [Sample(tag.pk, NOON_US + index, f"text {index}" if index % 2 else float(index)) for index in range(25)]
    )
    seen, following, pages = [], f"/api/v1/history/raw?tag={tag.pk}&{RANGE}&page_size=10", 0
    while following:
        page = viewer.get(following).json()
        seen += page["values"]
        pages += 1
        following = page["next"]
    assert pages == 3
    assert seen == [f"text {index}" if index % 2 else float(index) for index in range(25)]


def test_days_are_local(viewer: Any, tag: models.Tag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'berlin.sqlite3'}"
    berlin = open_history(url, rules=HistoryRules(zone="Europe/Berlin"))
    monkeypatch.setattr("sealbus.web.trends.views.history", lambda: berlin)
    spring_us = 1_774_738_800 * US_PER_S  # 2026-03-29T00:00 in Berlin, a day of 23 hours
    berlin.append([Sample(tag.pk, spring_us + hour * 3600 * US_PER_S, float(hour)) for hour in range(-3, 30)])
    body = _get(viewer, f"history/aggregates?tag={tag.pk}&bucket=day&start={spring_us}&end={spring_us + 1}")
    assert (body["starts_us"], body["ends_us"]) == ([spring_us], [spring_us + 23 * 3600 * US_PER_S])
    assert (body["minimums"], body["maximums"]) == ([0.0], [22.0])
    berlin.close()


def test_a_csv_export_names_tags_and_units_and_disarms_formulas(viewer: Any, history: History) -> None:
    device = a_device("=cmd|'/c calc'!A0")
    tag = a_tag(device, '+SUM("1")', unit="x;=1")
    history.append(
        [
            Sample(tag.pk, NOON_US, -1.25),
            Sample(tag.pk, NOON_US + 1, '-2+3, "quoted"\n=line'),
            Sample(tag.pk, NOON_US + 2, None, Quality.BAD, Reason.TIMEOUT),
        ]
    )
    response = _get(viewer, f"history/export?tags={tag.pk}&{RANGE}")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="history-raw.csv"'
    head, *rows = csv.reader(io.StringIO(_content(response).decode(), newline=""))
    assert head == ["time", "tag_id", "device", "tag", "unit", "value", "quality", "reason"]
    named = [str(tag.pk), "'=cmd|'/c calc'!A0", '\'+SUM("1")', "x;'=1"]
    assert rows == [
        ["2026-01-01T12:00:00.000000Z", *named, "-1.25", "good", "none"],
        ["2026-01-01T12:00:00.000001Z", *named, "'-2+3, \"quoted\"\n'=line", "good", "none"],
        ["2026-01-01T12:00:00.000002Z", *named, "", "bad", "timeout"],
    ]


@pytest.mark.parametrize("file", ["csv", "parquet"])
def test_an_export_is_complete_and_sent_in_pieces(viewer: Any, tag: models.Tag, history: History, file: str) -> None:
    history.append([Sample(tag.pk, NOON_US + index * 1000, float(index)) for index in range(50_000)])
    pieces = list(_get(viewer, f"history/export?tags={tag.pk}&{RANGE}&file={file}").streaming_content)
    assert len(pieces) >= 3
    assert max(map(len, pieces)) < 3_000_000
    content = b"".join(pieces)
    if file == "csv":
        values = [float(row["value"]) for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    else:
        values = pq.read_table(io.BytesIO(content))["value"].to_pylist()
    assert values == [float(index) for index in range(50_000)]


def test_a_parquet_export_carries_names_units_and_holes(viewer: Any, tag: models.Tag, history: History) -> None:
    history.append(
        [Sample(tag.pk, NOON_US, "open"), Sample(tag.pk, NOON_US + 1, None, Quality.BAD, Reason.TIMEOUT)]
        + [Sample(tag.pk, NOON_US + 2, 2.5)]
    )
    response = _get(viewer, f"history/export?tags={tag.pk}&{RANGE}&file=parquet")
    table = pq.read_table(io.BytesIO(_content(response)))
    (described,) = json.loads(table.schema.metadata[b"sealbus.tags"])
    assert (described["id"], described["name"], described["unit"]) == (tag.pk, "power", "kW")
    assert table["value"].to_pylist() == [None, None, 2.5]
    assert table["text"].to_pylist() == ["open", None, None]
    assert table["quality"].to_pylist() == [0, Quality.BAD, 0]
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize("file", ["csv", "parquet"])
def test_an_export_of_rollups_has_each_bucket_once(viewer: Any, tag: models.Tag, history: History, file: str) -> None:
    hours = 400 * 24
    history.append([Sample(tag.pk, NOON_US + index * 3600 * US_PER_S, float(index)) for index in range(hours)])
    path = (
        f"history/export?tags={tag.pk}&start={NOON_US}&end={NOON_US + hours * 3600 * US_PER_S}&source=hour&file={file}"
    )
    content = _content(_get(viewer, path))
    if file == "csv":
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        lasts = [float(row["last"]) for row in rows]
        assert {row["unit"] for row in rows} == {"kW"}
    else:
        lasts = pq.read_table(io.BytesIO(content))["last"].to_pylist()
    assert lasts == [float(index) for index in range(hours)]


ALL_TIME = f"start=0&end={1 << 53}"


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What history was asked for, question by question."""
    questions: list[str] = []
    for name in ("aggregates", "raw_block", "next_known", "extents"):
        monkeypatch.setattr(History, name, _noting(getattr(History, name), name, questions))
    return questions


def _noting(method: Any, name: str, questions: list[str]) -> Any:
    def noted(*given: Any, **named: Any) -> Any:
        questions.append(name)
        return method(*given, **named)

    return noted


@pytest.mark.parametrize("file", ["csv", "parquet"])
@pytest.mark.parametrize("source", ["minute", "hour", "day"])
def test_an_export_of_all_time_reads_only_where_samples_are_stored(
    viewer: Any, tag: models.Tag, history: History, queries: list[str], source: str, file: str
) -> None:
    years_us = [NOON_US - years * 365 * 86_400 * US_PER_S for years in (40, 20, 1)]
    history.append([Sample(tag.pk, time_us, float(index)) for index, time_us in enumerate(years_us)])
    path = f"history/export?tags={tag.pk}&{ALL_TIME}&source={source}&file={file}"
    content = _content(_get(viewer, path))
    if file == "csv":
        lasts = [float(row["last"]) for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    else:
        lasts = pq.read_table(io.BytesIO(content))["last"].to_pylist()
    assert list(dict.fromkeys(lasts)) == [0.0, 1.0, 2.0]
    assert len(lasts) <= 3 * 61
    assert len(queries) <= 12


@pytest.mark.parametrize("source", ["raw", "minute", "day"])
def test_an_export_of_tags_without_history_queries_once(
    viewer: Any, tag: models.Tag, history: History, queries: list[str], source: str
) -> None:
    history.append([Sample(tag.pk, NOON_US, 1.0)])
    ids = [a_tag(tag.device, f"silent {index}").pk for index in range(20)]
    later = f"start=2027-01-01T00:00:00Z&end={1 << 53}"
    content = _content(
        _get(viewer, f"history/export?tags={','.join(map(str, [tag.pk, *ids]))}&{later}&source={source}")
    )
    assert content.count(b"\n") == 1
    assert queries == ["extents"]


def test_more_buckets_than_a_file_can_hold_are_refused(
    viewer: Any, tag: models.Tag, history: History, queries: list[str]
) -> None:
    history.append([Sample(tag.pk, 0, 1.0), Sample(tag.pk, NOON_US * 4, 2.0)])
    problem = _get(viewer, f"history/export?tags={tag.pk}&{ALL_TIME}&source=minute", 400)
    assert list(problem["errors"]) == ["source"]
    assert queries == ["extents"]
    assert not Entry.objects.filter(action="history.export").exists()
    assert _content(_get(viewer, f"history/export?tags={tag.pk}&{ALL_TIME}&source=hour")).count(b"\n") == 3


def test_no_piece_is_produced_before_the_export_has_a_place(
    viewer: Any, tag: models.Tag, history: History, queries: list[str]
) -> None:
    history.append([Sample(tag.pk, NOON_US, 1.0)])
    path = f"history/export?tags={tag.pk}&{RANGE}&source=minute"
    begun = [_get(viewer, path) for _ in range(6)]
    assert "aggregates" not in queries
    assert _get(viewer, path, 503)["type"] == "busy"
    assert "aggregates" not in queries
    for each in begun:
        _content(each)
    _content(_get(viewer, path))


def test_a_disconnected_caller_ends_the_work() -> None:
    made = 0

    async def read() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def pieces() -> Iterator[bytes]:
            nonlocal made
            while made < 1000:
                made += 1
                if made == 5:
                    loop.call_soon_threadsafe(task.cancel)
                yield b""

        request = AsyncRequestFactory().get("/")
        response: Any = streamed(request, pieces(), content_type="text/csv", filename="history.csv")
        async for _ in response.streaming_content:
            raise AssertionError("there is nothing to send")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(read())
    assert made < 1000


def test_an_export_is_recorded_and_an_invisible_tag_is_not_exported(
    viewer: Any, tag: models.Tag, foreign: models.Tag, history: History
) -> None:
    problem = _get(viewer, f"history/export?tags={tag.pk},{foreign.pk}&{RANGE}", 400)
    assert problem["errors"] == {"tags": [f"no tag {foreign.pk}"]}
    assert not Entry.objects.filter(action="history.export").exists()
    _content(_get(viewer, f"history/export?tags={tag.pk}&{RANGE}"))
    entry = Entry.objects.get(action="history.export")
    assert (entry.actor_name, entry.target_name) == ("anna", "meter/power")
    assert entry.detail["start"] == "2026-01-01T12:00:00Z"


def test_too_many_exports_are_refused_temporarily(viewer: Any, tag: models.Tag, history: History) -> None:
    for _ in range(30):
        _content(_get(viewer, f"history/export?tags={tag.pk}&{RANGE}"))
    response = viewer.get(f"/api/v1/history/export?tags={tag.pk}&{RANGE}")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    _get(viewer, f"history?tags={tag.pk}&{RANGE}")


@pytest.mark.parametrize("path", ["history?tags={tag}&", "history/raw?tag={tag}&", "history/export?tags={tag}&"])
def test_an_unavailable_history_is_503_and_not_an_internal_error(
    viewer: Any, tag: models.Tag, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lost = open_history(f"sqlite:///{tmp_path / 'nowhere' / 'h.sqlite3'}", rules=HistoryRules(), read_only=True)
    for module in ("views", "exporting", "current_values"):
        monkeypatch.setattr(f"sealbus.web.trends.{module}.history", lambda: lost)
    response = viewer.get(f"/api/v1/{path.format(tag=tag.pk)}{RANGE}")
    assert response.status_code == 503, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert int(response["Retry-After"]) > 0
    assert _get(viewer, f"values?tags={tag.pk}")["values"] == [None]
    assert not Entry.objects.filter(action="history.export").exists()


@override_settings(DEBUG=False)
@pytest.mark.parametrize("count", [1, 400])
def test_values_take_the_same_few_statements_for_one_tag_and_for_many(
    viewer: Any, history: History, django_assert_max_num_queries: Any, count: int
) -> None:
    device = a_device()
    ids = [a_tag(device, f"tag {index}").pk for index in range(count)]
    with django_assert_max_num_queries(12):
        assert len(_get(viewer, f"values?tags={','.join(map(str, ids))}")["tags"]) == count
