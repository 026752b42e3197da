"""The audit in the browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models import Max
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.audit.models import Entry, Result
from sealbus.web.audit.services import Event, Target, append, append_all
from web.people import a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db
_MARKUP = "<img src=x onerror=alert(1)>"
_FRAGMENT: Any = {"HTTP_HX_REQUEST": "true"}
_FRAME = 5
"""Statements of the session, the user, the second factor and the rights."""


def _auditor() -> Any:
    return signed_in(a_user("olga", Action.AUDIT))


def _note(action: str = "tag.change", name: str = "maria", **more: Any) -> Entry:
    return append(Event(Actor(ActorKind.USER, 1, name, "192.0.2.9"), action, **more))


def _text(answer: Any) -> str:
    return str(answer.content.decode())


def test_only_the_right_audit_in_all_groups_opens_the_audit() -> None:
    entry = _note()
    in_one_group = signed_in(a_user("one", Action.AUDIT, Action.VIEW, group=a_group()))
    without = signed_in(a_user("other", Action.VIEW, Action.ADMINISTER))
    for path in ("/audit", "/audit/newer", "/audit/chain", "/audit/export", f"/audit/{entry.sequence}"):
        assert in_one_group.get(path).status_code == 403, path
        assert without.get(path).status_code == 403, path
    assert 'href="/audit"' not in _text(without.get("/"))
    assert 'href="/audit"' in _text(_auditor().get("/"))


def test_entries_are_shown_newest_first_in_words() -> None:
    _note("connection.create", target=Target("connection", 7, "line 1"))
    _note("session.login", result=Result.REFUSED)
    page = _text(_auditor().get("/audit"))
    assert page.index("Signed in") < page.index("Connection made")
    assert "line 1" in page and '<span class="word">refused</span>' in page


def test_stored_markup_comes_out_as_text() -> None:
    entry = _note(
        _MARKUP, _MARKUP, target=Target(_MARKUP, _MARKUP, _MARKUP), detail={"old": {_MARKUP: 1}, _MARKUP: _MARKUP}
    )
    client = _auditor()
    for path in ("/audit", f"/audit?text={_MARKUP}&actor={_MARKUP}", f"/audit/{entry.sequence}", "/audit/newer"):
        page = _text(client.get(path))
        assert "<img src=x" not in page, path
        assert "&lt;img src=x onerror=alert(1)&gt;" in page, path


def test_a_list_of_many_entries_costs_few_statements_and_goes_on_behind_the_last_row(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    append_all([Event(Actor(ActorKind.SYSTEM, name="fill"), "test.fill", detail={"n": n}) for n in range(250)])
    client = _auditor()
    with django_assert_max_num_queries(_FRAME + 4):
        page = _text(client.get("/audit?actor=fill"))
    assert page.count('<tr id="entry-') == 100
    last = Entry.objects.aggregate(newest=Max("sequence"))["newest"] - 99
    assert f"before={last}" in page
    with django_assert_max_num_queries(_FRAME + 1):
        rows = _text(client.get(f"/audit?actor=fill&before={last}", **_FRAGMENT))
    assert rows.count('<tr id="entry-') == 100 and "<html" not in rows
    assert f'id="entry-{last - 1}"' in rows and "data-tail" not in rows


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("actor=maria", {"a"}),
        ("actor_kind=gateway", {"b"}),
        ("action=gateway.", {"b"}),
        ("result=refused", {"b"}),
        ("target_kind=tag", {"a"}),
        ("text=needle", {"b"}),
        ("since=2001-01-01T00:00&until=2001-02-01T00:00", set()),
    ],
)
def test_each_filter_narrows_the_list_and_the_export_alike(query: str, found: set[str]) -> None:
    a = _note("tag.change", target=Target("tag", 5, "a"))
    gateway = Actor(ActorKind.GATEWAY, None, "plant-7", "192.0.2.1")
    b = append(Event(gateway, "gateway.denied", result=Result.REFUSED, detail={"rule": "needle"}))
    client = _auditor()
    page = _text(client.get(f"/audit?{query}"))
    assert {name for name, entry in (("a", a), ("b", b)) if f'id="entry-{entry.sequence}"' in page} == found
    lines = b"".join(client.get(f"/audit/export?{query}&file=csv").streaming_content).decode()
    assert {name for name, entry in (("a", a), ("b", b)) if f"\n{entry.sequence}," in lines} == found
    assert Entry.objects.filter(action="audit.export").count() == 1


def test_a_group_shows_what_was_done_to_its_devices_and_tags() -> None:
    device = a_device("meter", group=a_group("north"))
    tag = a_tag(device)
    mine = _note(target=Target("tag", tag.pk, "power"))
    other = _note(target=Target("tag", tag.pk + 1000, "elsewhere"))
    client = _auditor()
    page = _text(client.get(f"/audit?group={device.group_id}"))
    assert f'id="entry-{mine.sequence}"' in page and f'id="entry-{other.sequence}"' not in page
    listed = client.get(f"/api/v1/audit/entries?group={device.group_id}").json()["results"]
    assert [each["sequence"] for each in listed] == [mine.sequence]


def test_a_filter_that_cannot_be_used_is_named_and_not_used() -> None:
    entry = _note()
    answer = _auditor().get("/audit?result=maybe&range=never")
    assert answer.status_code == 422
    page = _text(answer)
    assert "result:" in page and "range:" in page and f'id="entry-{entry.sequence}"' in page


def test_an_empty_list_says_which_filter_is_too_narrow(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    _note("tag.change", "maria")
    client = _auditor()
    with django_assert_max_num_queries(_FRAME + 5):
        page = _text(client.get("/audit?actor=maria&action=device."))
    assert "Without the filter “what”" in page and "Without the filter “who”" not in page


def test_an_entry_shows_the_values_before_and_after() -> None:
    detail = {"old": {"scale": 1.0, "name": "a"}, "new": {"scale": 0.1, "name": "a"}, "reason": "calibration"}
    entry = _note(target=Target("tag", 5, "power"), detail=detail)
    client = _auditor()
    page = _text(client.get(f"/audit/{entry.sequence}"))
    assert "<del>1.0</del>" in page and "<ins>0.1</ins>" in page and "calibration" in page
    assert entry.hash in page
    part = _text(client.get(f"/audit/{entry.sequence}", **_FRAGMENT))
    assert "<html" not in part and "data-close" in part
    assert client.get("/audit/999999").status_code == 404
    assert client.get(f"/audit/{10**30}").status_code == 404


def test_entries_of_one_command_and_of_one_object_are_one_chain(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    target = Target("device", 5, "pump")
    request = _note("write.request", target=target)
    sent = _note("write.send", target=target, detail={"command": 77})
    _note("write.send", target=Target("device", 6, "other"), detail={"command": 78})
    end = _note("write.finish", target=target, detail={"command": 77})
    client = _auditor()
    with django_assert_max_num_queries(_FRAME + 4):
        page = _text(client.get(f"/audit/{sent.sequence}", **_FRAGMENT))
    command, _heading, same_object = page.partition("The same object")
    assert f"/audit/{end.sequence}" in command.partition("The same command")[2]
    assert f"/audit/{request.sequence}" in same_object


def test_the_two_records_of_a_write_through_a_gateway_are_one_chain() -> None:
    gateway = Actor(ActorKind.GATEWAY, None, "CN=op", "192.0.2.1")
    asked = append(Event(gateway, "gateway.write_requested", Target("gateway-record", "3:41", "g"), Result.UNKNOWN))
    ended = append(
        Event(gateway, "gateway.write_outcome", Target("gateway-record", "3:42", "g"), detail={"request": 41})
    )
    client = _auditor()
    for one, other in ((asked, ended), (ended, asked)):
        page = _text(client.get(f"/audit/{one.sequence}", **_FRAGMENT))
        assert f"/audit/{other.sequence}" in page.partition("The same command")[2]


def test_the_live_tail_brings_only_what_is_newer_and_matches() -> None:
    first = _note()
    client = _auditor()
    assert f"after={first.sequence}" in _text(client.get("/audit?actor=maria"))
    assert client.get(f"/audit/newer?actor=maria&after={first.sequence}").status_code == 204
    second = _note()
    _note(name="boris")
    part = _text(client.get(f"/audit/newer?actor=maria&after={first.sequence}"))
    assert part.count('<tr id="entry-') == 1 and f'id="entry-{second.sequence}"' in part
    assert f"after={second.sequence}" in part and 'hx-swap-oob="afterbegin:#audit-rows"' in part
    assert "data-tail" not in _text(client.get("/audit?until=2100-01-01T00:00"))


def test_the_state_of_the_chain_is_shown_and_checked_on_request() -> None:
    _note()
    client = _auditor()
    page = _text(client.get("/audit/chain?verify=yes"))
    assert "entries are as they were written" in page
    line = _text(client.get("/audit/chain", **_FRAGMENT))
    assert "end of the chain as noted" in line and "<html" not in line


def test_the_bars_count_every_entry_of_the_range_once() -> None:
    from sealbus.web.audit.queries import EntryFilter
    from sealbus.web.pages.audit.asking import Asked
    from sealbus.web.pages.audit.counting import counts
    from web.people import a_subject

    append_all([Event(Actor(ActorKind.SYSTEM, name="fill"), "test.fill")] * 20)
    subject = a_subject(a_user("olga", Action.AUDIT))
    now = timezone.now()
    for since in (now - timedelta(hours=1), now - timedelta(days=1), now - timedelta(days=900)):
        found = counts(subject, Asked(EntryFilter(since=since, actor="fill"), {}, "24h"))
        assert found.bars is not None
        assert sum(bar.count for bar in found.bars.bars) == 20
        assert found.bars.start <= since and found.bars.end >= now
        assert len(found.bars.bars) < 200
