"""The parts of the live side: which sample replaces which, when a value is stale or a snapshot due, who sees what."""

from __future__ import annotations

import pytest

from sealbus.plant import stale_after_s
from sealbus.samples import US_PER_S, Quality, Reason, Sample
from sealbus.web.access.actions import Action
from sealbus.web.access.subject import Rights
from sealbus.web.devices.models import Device, Tag
from sealbus.web.trends.catalog import Catalog, CatalogTag
from sealbus.web.trends.followers import Follower, Followers
from sealbus.web.trends.freshness import with_staleness
from sealbus.web.trends.latest import LatestValues
from sealbus.web.trends.queries import load_catalog
from sealbus.web.trends.snapshot_need import SnapshotNeed
from web.people import a_subject, a_user
from web.plant_rows import a_connection, a_device, a_group, a_tag

NOW_US = 1_700_000_000 * US_PER_S


def _values(*tag_ids: int) -> LatestValues:
    values = LatestValues()
    values.keep_only(tag_ids)
    return values


def test_a_later_batch_replaces_an_earlier_one_also_when_the_clock_was_set_back() -> None:
    values = _values(1)
    assert values.take_batch([Sample(1, NOW_US, 5)]) == [1]
    assert values.take_batch([Sample(1, NOW_US - 3600 * US_PER_S, 6)]) == [1]
    assert values.get(1) == Sample(1, NOW_US - 3600 * US_PER_S, 6)
    assert values.take_batch([Sample(1, NOW_US - 3600 * US_PER_S, 6)]) == []


def test_a_snapshot_replaces_only_values_from_before_its_request() -> None:
    values = _values(1, 2)
    values.take_batch([Sample(1, NOW_US, 5), Sample(2, NOW_US, 5)])
    mark = values.last_batch()
    values.take_batch([Sample(2, NOW_US + 2, 7)])
    assert values.take_snapshot([Sample(1, NOW_US - 9, 6), Sample(2, NOW_US + 1, 6)], mark) == [1]
    assert (values.get(1), values.get(2)) == (Sample(1, NOW_US - 9, 6), Sample(2, NOW_US + 2, 7))


def test_tags_without_a_message_since_the_mark_are_found() -> None:
    values = _values(1, 2, 3, 4)
    values.take_batch([Sample(1, NOW_US, 5), Sample(2, NOW_US, 5), Sample(3, NOW_US, 5)])
    mark = values.last_batch()
    values.take_batch([Sample(2, NOW_US, 5)])
    assert values.missing_since(mark, {3}) == [1]


def test_history_replaces_only_older_values() -> None:
    values = _values(1, 2)
    values.take_batch([Sample(1, NOW_US, 5)])
    assert values.take_stored([Sample(1, NOW_US, 4), Sample(2, NOW_US - 1, 4)]) == [2]
    assert values.take_stored([Sample(1, NOW_US + 1, 4)]) == [1]


def test_samples_of_unknown_tags_are_counted_and_values_of_removed_tags_dropped() -> None:
    values = _values(1)
    assert values.take_batch([Sample(1, NOW_US, 5), Sample(2, NOW_US, 5)]) == [1]
    assert values.unknown_tags == 1
    values.keep_only([2])
    assert values.get(1) is None


def test_a_value_is_encoded_again_when_it_has_changed() -> None:
    values = _values(1)
    assert values.encoded(1) == b"[1,null,null,2,12]"
    values.take_batch([Sample(1, NOW_US, 5)])
    assert values.encoded(1) == b"[1,%d,5,0,0]" % NOW_US
    values.age([1], Reason.NOT_REFRESHED)
    assert values.encoded(1) == b"[1,%d,5,3,11]" % NOW_US
    assert values.age([1], Reason.NOT_REFRESHED) == []


@pytest.mark.parametrize(
    ("age_s", "quality"), [(0, Quality.GOOD), (5, Quality.GOOD), (6, Quality.STALE), (-6, Quality.STALE)]
)
def test_a_stored_value_is_stale_when_it_is_too_old_or_in_the_future(age_s: int, quality: Quality) -> None:
    assert with_staleness(Sample(1, NOW_US - age_s * US_PER_S, 5), 5.0, NOW_US).quality is quality


def test_a_bad_value_stays_bad_with_its_own_reason() -> None:
    bad = Sample(1, 0, None, Quality.BAD, Reason.TIMEOUT)
    assert with_staleness(bad, 5.0, NOW_US) == bad


@pytest.mark.parametrize(
    ("own", "interval", "expected"), [(0.5, 60, 0.5), (None, 60, 180), (None, 0.1, 5), (None, None, 5)]
)
def test_a_tag_is_good_for_three_intervals_and_five_seconds_unless_configured_otherwise(
    own: float | None, interval: float | None, expected: float
) -> None:
    assert stale_after_s(own, interval) == expected


def test_the_pending_values_of_a_client_that_does_not_read_are_bounded() -> None:
    followers, follower = Followers(), Follower()
    followers.follow(follower, frozenset({1, 2}))
    for _ in range(1000):
        followers.mark_due([1, 2, 3])
    assert follower.take_due() == [1, 2]
    followers.mark_due([1])
    followers.follow(follower, frozenset({2}))
    assert follower.take_due() == []
    followers.leave(follower)
    assert (len(followers), followers.followed()) == (0, [])


@pytest.mark.parametrize(
    ("pairs", "seen"),
    [
        ({(Action.VIEW, 1)}, {10, 11}),
        ({(Action.VIEW, None)}, {10, 11, 20}),
        ({(Action.VIEW, 2), (Action.CONFIGURE, 1)}, {20}),
        ({(Action.WRITE, None)}, set()),
    ],
)
def test_rights_limit_the_visible_tags_and_devices(pairs: set[tuple[Action, int | None]], seen: set[int]) -> None:
    tags = {10: CatalogTag(1, 1, 5), 11: CatalogTag(1, 1, 5), 20: CatalogTag(2, 2, 5)}
    catalog = Catalog(tags, {1: 1, 2: 2}, {1: (10, 11), 2: (20,)})
    chosen = catalog.choose(Rights(frozenset(pairs)), [10, 20, 99], [1, 2, 99])
    assert chosen.tags == seen
    assert set(chosen.refused_tags) == {10, 20, 99} - seen
    assert 99 in chosen.refused_devices


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("actions", "group"),
    [((Action.VIEW,), "mine"), ((Action.VIEW,), None), ((Action.WRITE, Action.CONFIGURE), None), ((), None)],
)
def test_a_socket_shows_the_tags_and_devices_that_visible_to_leaves(
    actions: tuple[Action, ...], group: str | None
) -> None:
    mine, theirs = a_group("mine"), a_group("theirs")
    of_theirs = a_connection("theirs", group=theirs)
    devices = [a_device("one", group=mine, connection=of_theirs), a_device("two", group=theirs)]
    tags = [a_tag(device).pk for device in devices]
    subject = a_subject(a_user("anna", *actions, group=a_group(group) if group else None))
    chosen = load_catalog().choose(subject.rights, tags, [device.pk for device in devices])
    seen = set(Tag.objects.visible_to(subject).values_list("pk", flat=True))
    assert chosen.tags == seen
    assert set(chosen.refused_tags) == set(tags) - seen
    seen_devices = set(Device.objects.visible_to(subject).values_list("pk", flat=True))
    assert set(chosen.refused_devices) == {device.pk for device in devices} - seen_devices


def _is_due(need: SnapshotNeed) -> bool:
    return need.is_due


def test_a_snapshot_is_due_at_the_start_and_not_after_one_that_counts() -> None:
    need = SnapshotNeed()
    assert _is_due(need)
    need.on_message()
    need.finish(need.begin())
    assert not _is_due(need)


def test_a_snapshot_from_before_the_first_message_does_not_count() -> None:
    need = SnapshotNeed()
    begun = need.begin()
    need.on_message()
    need.finish(begun)
    assert _is_due(need)


def test_a_reason_that_arises_during_a_snapshot_requires_another_one() -> None:
    need = SnapshotNeed()
    need.on_message()
    begun = need.begin()
    need.want()
    need.finish(begun)
    assert _is_due(need)
    need.finish(need.begin())
    assert not _is_due(need)


def test_a_gap_needs_a_message_and_then_a_snapshot() -> None:
    need = SnapshotNeed()
    need.on_message()
    need.finish(need.begin())
    need.on_gaps(0)
    assert not _is_due(need)
    need.on_gaps(1)
    assert _is_due(need)
    need.finish(need.begin())
    assert _is_due(need), "no message has arrived since the gap"
    need.on_message()
    need.finish(need.begin())
    assert not _is_due(need)
