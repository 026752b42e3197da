"""Groups are archived when nothing is in them, and come back; connections, devices and tags are archived many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Group
from sealbus.web.audit.models import Entry
from sealbus.web.coordination.versions import read_version
from sealbus.web.devices.models import Connection, Device, Tag
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> APIClient:
    return signed_in(a_user("anna", *ALL_ACTIONS))


def _archive(client: APIClient, kind: str, *ids: int) -> Any:
    return client.post(f"/api/v1/{kind}/archive", {"ids": list(ids)}, format="json")


def test_a_group_is_not_archived_while_something_is_in_it_and_the_answer_counts_it(boss: APIClient) -> None:
    group = a_group("north")
    line = a_connection(group=group)
    pump = a_device("pump", group=group, connection=line)
    path = f"/api/v1/groups/{group.pk}"
    refused = boss.delete(path)
    assert (refused.status_code, refused.json()["type"]) == (409, "in-use")
    assert "1 connections, 1 devices" in refused.json()["detail"]
    assert Group.objects.get(pk=group.pk).archived_at is None
    assert not Entry.objects.filter(action="group.archive").exists()
    assert _archive(boss, "connections", line.pk).status_code == 200  # and with it the device
    assert boss.delete(path).status_code == 204
    assert Device.objects.get(pk=pump.pk).group_id == group.pk, "what is archived stays where it was"


def test_an_archived_group_comes_back(boss: APIClient) -> None:
    group = a_group("north")
    path = f"/api/v1/groups/{group.pk}"
    assert boss.delete(path).status_code == 204
    assert boss.get(path).json()["archived_at"] is not None
    assert boss.post(f"{path}/restore").json()["archived_at"] is None
    assert boss.get(path).json()["archived_at"] is None
    assert boss.post(f"{path}/restore").status_code == 200, "once more changes nothing"
    assert Entry.objects.filter(action="group.restore").count() == 1
    viewer = signed_in(a_user("vera", Action.VIEW))
    assert viewer.post(f"{path}/restore").status_code == 403


def test_nothing_is_restored_into_an_archived_group(boss: APIClient) -> None:
    """Nobody would find there what is polled."""
    north, south = a_group("north"), a_group("south")
    line = a_connection(group=south)
    pump = a_device("pump", group=north, connection=line)
    _archive(boss, "connections", line.pk)  # and with it the device
    boss.delete(f"/api/v1/groups/{north.pk}")
    for path in (f"/api/v1/connections/{line.pk}/restore", f"/api/v1/devices/{pump.pk}/restore"):
        refused = boss.post(path)
        assert (refused.status_code, refused.json()["type"]) == (409, "archived")
        assert 'group "north"' in refused.json()["detail"]
    assert not Device.objects.filter(pk=pump.pk, archived_at=None).exists()
    boss.post(f"/api/v1/groups/{north.pk}/restore")
    assert boss.post(f"/api/v1/connections/{line.pk}/restore").status_code == 200
    assert Device.objects.filter(pk=pump.pk, archived_at=None).exists()


@pytest.mark.parametrize(("kind", "model"), [("connections", Connection), ("devices", Device), ("tags", Tag)])
def test_many_are_archived_at_once_or_none(boss: APIClient, kind: str, model: Any) -> None:
    devices = [a_device(f"pump {number}") for number in range(3)]
    for device in devices:
        a_tag(device)
    ids = list(model.objects.values_list("pk", flat=True))
    before = read_version("plan")
    refused = _archive(boss, kind, *ids, 999_999)
    assert (refused.status_code, refused.json()["errors"]["ids"]) == (
        400, ["1 of them do not exist: 999999; leave them out"],
    )  # fmt: skip
    assert (model.objects.live().count(), read_version("plan")) == (3, before)
    assert _archive(boss, kind, *ids[:2]).json() == {"archived": 2}
    assert (model.objects.live().count(), read_version("plan")) == (1, before + 1)
    assert Tag.objects.live().count() == 1, "with what belongs to them"
    assert Entry.objects.filter(action=f"{kind[:-1]}.archive").count() == 2
    assert _archive(boss, kind, *ids).json() == {"archived": 1}
    for pk in ids:
        assert boss.post(f"/api/v1/{kind}/{pk}/restore").status_code == 200
    assert Tag.objects.live().count() == 3


def test_a_calculated_tag_that_is_archived_too_does_not_hold_its_inputs_back(boss: APIClient) -> None:
    source, user = a_device("source"), a_device("user")
    flow = a_tag(source, "flow")
    twice = a_tag(user, "twice", expression="2 * f", inputs={"f": flow.pk})
    refused = _archive(boss, "devices", source.pk)
    assert (refused.status_code, refused.json()["type"]) == (409, "needed")
    assert Device.objects.live().count() == 2
    assert _archive(boss, "devices", source.pk, user.pk).json() == {"archived": 2}
    assert Tag.objects.get(pk=twice.pk).archived_at is not None


def test_rows_of_other_groups_are_not_archived(boss: APIClient) -> None:
    here, there = a_group("here"), a_group("there")
    own, hidden = a_device("own", group=here), a_device("hidden", group=there)
    hers = signed_in(a_user("eva", Action.VIEW, Action.CONFIGURE, group=here))
    refused = _archive(hers, "devices", own.pk, hidden.pk)
    assert refused.json()["errors"]["ids"] == [f"1 of them do not exist: {hidden.pk}; leave them out"]
    assert Device.objects.live().count() == 2
    assert _archive(hers, "devices", own.pk).json() == {"archived": 1}
    watched = signed_in(a_user("vera", Action.VIEW))
    assert _archive(watched, "devices", hidden.pk).status_code == 403


@pytest.mark.parametrize("ids", [[], ["x"], [0], list(range(1, 1002)), "all"])
def test_a_list_that_cannot_be_used_is_refused(boss: APIClient, ids: object) -> None:
    assert boss.post("/api/v1/devices/archive", {"ids": ids}, format="json").status_code == 400
