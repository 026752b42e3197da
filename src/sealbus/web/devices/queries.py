"""What the collector has to know, as plain values: the plan and how long history is kept.

The members are those of `acquisition.Plan`, which a test holds them to; this side may not import it. The plan takes a
fixed number of statements, whatever its size. Its version is read first: a change that is made meanwhile counts the
number up again, so it is at worst taken twice and never missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.coordination.versions import read_version
from sealbus.web.devices.models import AllowedNetwork, Connection, Device, RetentionClass, SerialPattern, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import QuerySet

__all__ = ["allowed_lines", "plan", "plan_version", "retention_classes", "retention_of_tags", "tag_plans"]

_CONNECTION = (
    "id", "url", "name", "identity", "timeout_s", "connect_timeout_s", "connect_delay_s", "gap_s", "turnaround_s",
    "in_flight", "connections", "lenient_transaction_id", "enabled",
)  # fmt: skip
_DEVICE = ("id", "unit_id", "name", "max_registers", "max_bits", "gap_registers", "gap_bits", "forbidden", "enabled")
_TAG = (
    "id", "place", "type", "order", "length", "bit", "bit_width", "scale", "offset", "low", "high", "sentinels", "sunspec",
    "sunspec_type", "interval_s", "dead_band", "max_interval_s", "stale_after_s", "enabled",
)  # fmt: skip
_LINEAR = ("raw_low", "raw_high", "scaled_low", "scaled_high")
_CALCULATED = (
    "id", "expression", "inputs", "interval_s", "low", "high", "dead_band", "max_interval_s", "enabled",
)  # fmt: skip


def plan_version() -> int:
    """The number that counts changes of the plan."""
    return read_version("plan")


def plan() -> dict[str, Any]:
    """All that is to be collected. What is archived is left out; what is switched off is there and says so."""
    version = plan_version()
    connections = {row["id"]: row | {"devices": []} for row in _rows(Connection.objects.live(), _CONNECTION)}
    devices: dict[int, dict[str, Any]] = {}
    for row in _rows(Device.objects.live(), (*_DEVICE, "connection_id")):
        connection = connections.get(row.pop("connection_id"))
        devices[row["id"]] = row | {"tags": []}
        if connection is not None:
            connection["devices"].append(devices[row["id"]])
    for row in _rows(Tag.objects.live().filter(expression=""), (*_TAG, *_LINEAR, "device_id")):
        device = devices.get(row.pop("device_id"))
        if device is not None:
            device["tags"].append(_tag(row))
    calculated = [
        {name: row[name] for name in _CALCULATED} | {"enabled": row["enabled"] and devices[row["device_id"]]["enabled"]}
        for row in _rows(Tag.objects.live().exclude(expression=""), (*_CALCULATED, "device_id"))
        if row["device_id"] in devices
    ]
    return {
        "version": version,
        "connections": list(connections.values()),
        "calculated": calculated,
        "networks": allowed_lines(),
    }


def allowed_lines() -> list[str]:
    """Where devices may be, as `endpoints.NetworkRules.parse` reads it."""
    networks = AllowedNetwork.objects.values_list("network", "ports")
    return [f"{network} {ports}" for network, ports in networks] + list(
        SerialPattern.objects.values_list("pattern", flat=True)
    )


def tag_plans(device_id: int, tag_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Those of these tags that have a place in this device, as in the plan, in order of id."""
    rows = Tag.objects.live().filter(device=device_id, expression="", pk__in=tag_ids)
    return [_tag(row) for row in _rows(rows, (*_TAG, *_LINEAR))]


def retention_classes() -> list[dict[str, Any]]:
    """The classes as `history.RetentionClass` has them. "standard", if there is one, comes first: it is the default."""
    rows = list(
        _rows(RetentionClass.objects.all(), ("name", "raw_days", "minute_days", "hour_days", "day_days", "hold_s"))
    )
    return sorted(rows, key=lambda row: (row["name"] != "standard", row["name"]))


def retention_of_tags() -> dict[int, str]:
    """The name of each tag's class, archived tags too: their history is still there."""
    return dict(Tag.objects.order_by().values_list("id", "retention__name"))


def _tag(row: dict[str, Any]) -> dict[str, Any]:
    raw_low, raw_high, low, high = (row.pop(name) for name in _LINEAR)
    row["linear"] = None
    if raw_low is not None:
        row["linear"] = {"raw_low": raw_low, "raw_high": raw_high, "low": low, "high": high}
    return row


def _rows(rows: QuerySet[Any, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Each row as a dictionary of these columns, in order of id."""
    for values in rows.order_by("id").values_list(*names).iterator(chunk_size=2000):
        yield dict(zip(names, values, strict=True))
