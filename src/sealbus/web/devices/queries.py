"""The plan for the collector, made from the rows of the database, and the retention classes for history.

A plan struct has the names of its model's columns, so a row becomes a plan by its names (`as_plan`). The plan takes a
fixed number of statements, whatever its size. Its version is read first: a change that is made meanwhile counts the
number up again, so a change may be taken twice and is never missed.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sealbus.endpoints import NetworkRules
from sealbus.errors import ConfigError
from sealbus.plant import CalculatedPlan, ConnectionPlan, DevicePlan, Plan, RetentionClass, TagPlan
from sealbus.web.coordination.versions import read_version
from sealbus.web.devices import models
from sealbus.web.devices.models import AllowedNetwork, Connection, Device, SerialPattern, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from django.db.models import QuerySet

__all__ = [
    "allowed_lines",
    "as_plan",
    "network_rules",
    "plan",
    "plan_version",
    "retention_classes",
    "retention_of_tags",
    "standard_retention",
    "tag_plans",
]

_Plan = TypeVar("_Plan", TagPlan, CalculatedPlan, DevicePlan, ConnectionPlan)


def plan_version() -> int:
    """The number that counts changes of the plan."""
    return read_version("plan")


def plan() -> Plan:
    """All that is to be collected. Archived rows are left out; disabled ones are in it and marked so."""
    version = plan_version()
    connections = list(_plans(Connection.objects.live(), ConnectionPlan))
    devices = list(_plans(Device.objects.live(), DevicePlan, "connection_id"))
    tags: dict[int, list[TagPlan]] = {}
    for (device_id,), tag in _plans(Tag.objects.live().filter(expression=""), TagPlan, "device_id"):
        tags.setdefault(device_id, []).append(tag)
    devices_of: dict[int, list[DevicePlan]] = {}
    for (connection_id,), device in devices:
        whole = msgspec.structs.replace(device, tags=tuple(tags.get(device.id, ())))
        devices_of.setdefault(connection_id, []).append(whole)
    is_enabled = {device.id: device.enabled for _, device in devices}
    calculated = [
        msgspec.structs.replace(tag, enabled=tag.enabled and is_enabled[device_id])
        for (device_id,), tag in _plans(Tag.objects.live().exclude(expression=""), CalculatedPlan, "device_id")
        if device_id in is_enabled
    ]
    return Plan(
        version=version,
        connections=tuple(
            msgspec.structs.replace(each, devices=tuple(devices_of.get(each.id, ()))) for _, each in connections
        ),
        calculated=tuple(calculated),
        networks=allowed_lines(),
    )


def allowed_lines() -> tuple[str, ...]:
    """Where devices may be, as `endpoints.NetworkRules.parse` reads it."""
    networks = AllowedNetwork.objects.values_list("network", "ports")
    patterns = SerialPattern.objects.values_list("pattern", flat=True)
    return (*(f"{network} {ports}" for network, ports in networks), *patterns)


def network_rules() -> NetworkRules:
    """The rules at this moment."""
    return NetworkRules.parse(allowed_lines())


def tag_plans(device_id: int, tag_ids: Sequence[int]) -> tuple[TagPlan, ...]:
    """Those of these tags that have a place in this device, as in the plan, in order of id."""
    rows = Tag.objects.live().filter(device=device_id, expression="", pk__in=tag_ids)
    return tuple(tag for _, tag in _plans(rows, TagPlan))


def retention_classes() -> tuple[RetentionClass, ...]:
    """All classes. "standard", if there is one, comes first: it is the default."""
    columns = [field.name for field in fields(RetentionClass)]
    found = [RetentionClass(*row) for row in models.RetentionClass.objects.order_by("id").values_list(*columns)]
    return tuple(sorted(found, key=lambda each: (each.name != "standard", each.name)))


def standard_retention() -> models.RetentionClass | None:
    """The class of a tag that names none."""
    classes = models.RetentionClass.objects
    return classes.filter(name="standard").first() or classes.first()


def retention_of_tags() -> dict[int, str]:
    """The name of each tag's class, archived tags too: their history is still there."""
    return dict(Tag.objects.order_by().values_list("id", "retention__name"))


def as_plan(kind: type[_Plan], row: Mapping[str, Any]) -> _Plan:
    """The plan of a row, by its columns of the same names; columns that it lacks have their defaults. ConfigError: a
    column holds a value of another type.
    """
    try:
        return msgspec.convert({name: row[name] for name in _columns(kind) if name in row}, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"row {row.get('id')}: {error}", key=kind.__name__) from None


def _columns(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in ("devices", "tags"))


def _plans(rows: QuerySet[Any, Any], kind: type[_Plan], *others: str) -> Iterator[tuple[tuple[Any, ...], _Plan]]:
    """Each row as its plan, in order of id, with the values of other columns."""
    names = _columns(kind)
    for values in rows.order_by("id").values_list(*others, *names).iterator(chunk_size=2000):
        yield values[: len(others)], as_plan(kind, dict(zip(names, values[len(others) :], strict=True)))
