"""The plan: made from the rows of the database, in few statements, column by column."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sealbus.endpoints import NetworkRules
from sealbus.errors import ConfigError
from sealbus.plant import (
    CONNECTION_BOUNDS,
    DEVICE_BOUNDS,
    TAG_BOUNDS,
    CalculatedPlan,
    ConnectionPlan,
    DevicePlan,
    TagPlan,
)
from sealbus.web.devices import queries
from sealbus.web.devices.columns import COLUMNS, MODELS, Table
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.serializers import ConnectionForm, DeviceForm, TagForm
from sealbus.web.devices.template_body import TAG_MEMBERS
from web.plant_rows import a_connection, a_device, a_tag

pytestmark = pytest.mark.django_db


def test_rows_become_the_plan() -> None:
    device = a_device(unit_id=247, forbidden=["holding:100-119"])
    power = a_tag(
        device, place="holding:20", type="float32", order="CDAB", raw_low=0, raw_high=10, scaled_low=-1, scaled_high=1,
        sentinels=[-32768], low=-2, high=2, interval_s=0.05,
    )  # fmt: skip
    twice = a_tag(device, "twice", expression="2 * p", inputs={"p": power.pk}, interval_s=None, type="")
    plan = queries.plan()
    [line] = plan.connections
    [meter] = line.devices
    [tag] = meter.tags
    assert (line.url, meter.unit_id, meter.forbidden) == ("tcp://10.0.0.5:502", 247, ("holding:100-119",))
    assert (tag.id, tag.place, tag.type, tag.order, tag.interval_s) == (power.pk, "holding:20", "float32", "CDAB", 0.05)
    assert (tag.raw_low, tag.raw_high, tag.scaled_low, tag.scaled_high) == (0, 10, -1, 1)
    assert (tag.low, tag.high, tag.sentinels) == (-2, 2, (-32768,))
    assert [(each.id, each.expression, each.inputs) for each in plan.calculated] == [
        (twice.pk, "2 * p", {"p": power.pk})
    ]


def test_a_plan_has_the_names_of_its_columns() -> None:
    for kind, model in ((TagPlan, Tag), (CalculatedPlan, Tag), (DevicePlan, Device), (ConnectionPlan, Connection)):
        columns = {field.name for field in model._meta.concrete_fields}
        assert set(kind.__struct_fields__) - {"devices", "tags"} <= columns, kind


def test_every_column_is_in_the_api_and_in_what_is_exchanged() -> None:
    """So a field that is added to a model is in all of them without another line."""
    named = {"group", "device", "connection", "connection_group", "retention"}
    for table, form in ((Table.CONNECTIONS, ConnectionForm), (Table.DEVICES, DeviceForm), (Table.TAGS, TagForm)):
        columns = {field.name for field in MODELS[table]._meta.concrete_fields}
        settable = {field.name for field in MODELS[table]._meta.concrete_fields if field.editable} - {"id"}
        assert set(form().fields) == columns
        assert set(COLUMNS[table]) - named == settable - named
    assert set(TAG_MEMBERS) == set(COLUMNS[Table.TAGS]) - {"group", "device"}
    for bounds, kind in ((TAG_BOUNDS, TagPlan), (DEVICE_BOUNDS, DevicePlan), (CONNECTION_BOUNDS, ConnectionPlan)):
        assert set(bounds) - {"decimals"} <= set(kind.__struct_fields__)


def test_a_plan_has_the_defaults_of_its_columns() -> None:
    for kind, model in ((TagPlan, Tag), (DevicePlan, Device), (ConnectionPlan, Connection)):
        for field in msgspec.structs.fields(kind):
            if not field.required and field.name not in ("devices", "tags", "name", "place"):
                column: Any = model._meta.get_field(field.name)
                default = column.get_default()
                assert (tuple(default) if isinstance(default, list) else default) == field.default, (kind, field.name)


def test_a_column_of_the_wrong_type_is_named_with_its_row() -> None:
    tag = a_tag(a_device(), sentinels=["x"])
    with pytest.raises(ConfigError, match=f"row {tag.pk}: .*sentinels"):
        queries.plan()


def test_archived_rows_are_not_in_the_plan_and_disabled_ones_are_marked() -> None:
    on, off, gone = a_device("on"), a_device("off", enabled=False), a_device("gone", archived_at=timezone.now())
    for device in (on, off, gone):
        a_tag(device)
        a_tag(device, "old", archived_at=timezone.now())
        a_tag(device, "sum", expression="1", type="")
    plan = queries.plan()
    found = {device.name: device for line in plan.connections for device in line.devices}
    assert {name: (device.enabled, len(device.tags)) for name, device in found.items()} == {
        "on": (True, 1),
        "off": (False, 1),
    }
    assert sorted(each.enabled for each in plan.calculated) == [False, True]


def test_a_device_without_connection_has_only_calculated_tags() -> None:
    a_tag(a_device("sums", connection=None), expression="1", type="")
    plan = queries.plan()
    assert (plan.connections, len(plan.calculated)) == ((), 1)


def test_the_plan_takes_seven_statements_for_any_number_of_tags() -> None:
    line = a_connection()
    for number in range(3):
        device = a_device(f"device {number}", connection=line)
        for name in range(40):
            a_tag(device, f"tag {name}", place=f"input:{name}")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        plan = queries.plan()
    assert sum(len(device.tags) for device in plan.connections[0].devices) == 120
    assert len(asked) == 7


def test_the_shipped_networks_are_private_and_exclude_this_machine() -> None:
    rules = NetworkRules.parse(queries.allowed_lines())
    assert rules.objection("192.168.1.5", 502) is None
    assert rules.objection("fd00::1", 802) is None
    assert rules.objection_to_device("/dev/ttyUSB0") is None
    for address, port in (("127.0.0.1", 502), ("169.254.169.254", 502), ("8.8.8.8", 502), ("10.0.0.1", 22)):
        assert rules.objection(address, port) is not None, address


def test_retention_classes_and_the_class_of_each_tag() -> None:
    tag = a_tag(a_device())
    assert [each.name for each in queries.retention_classes()] == ["standard", "long", "short"]
    assert queries.retention_classes()[0].hold_s == 3600
    assert queries.retention_of_tags() == {tag.pk: "standard"}


@pytest.mark.parametrize(
    "fields",
    [
        {"place": "holding:1", "expression": "1"},
        {"place": "", "type": ""},
        {"place": "input:1", "writable": True},
        {"raw_low": 1.0},
        {"raw_low": 1.0, "raw_high": 1.0, "scaled_low": 0.0, "scaled_high": 1.0},
        {"scale": 0.0},
        {"interval_s": 0.01},
        {"interval_s": None},
        {"bit": 64},
        {"low": 2.0, "high": 1.0},
        {"write_min": 2.0, "write_max": 1.0},
        {"write_step": 0.0},
        {"order": "ACBD"},
        {"dead_band": -1.0},
        {"decimals": 13},
    ],
)
def test_the_database_refuses_an_invalid_tag(fields: dict[str, Any]) -> None:
    device = a_device()
    a_tag(device, "lawful")
    with pytest.raises(IntegrityError), transaction.atomic():
        a_tag(device, "unlawful", **fields)
    assert Tag.objects.count() == 1


def test_a_name_is_unique_until_its_row_is_archived() -> None:
    device = a_device()
    first = a_tag(device)
    with pytest.raises(IntegrityError), transaction.atomic():
        a_tag(device)
    Tag.objects.filter(pk=first.pk).update(archived_at=timezone.now())
    assert a_tag(device).pk != first.pk
