"""Rows for tests of devices: a group, a connection, a device and tags, straight into the database."""

from __future__ import annotations

from typing import Any

from sealbus.web.accounts.models import Group
from sealbus.web.devices.models import Connection, Device, RetentionClass, Tag

__all__ = ["a_connection", "a_device", "a_group", "a_retention", "a_tag"]


def a_group(name: str = "plant") -> Group:
    return Group.objects.get_or_create(name=name)[0]


def a_retention() -> RetentionClass:
    return RetentionClass.objects.get_or_create(name="standard")[0]


def a_connection(name: str = "line", **fields: Any) -> Connection:
    fields.setdefault("group", a_group())
    fields.setdefault("url", "tcp://10.0.0.5:502")
    return Connection.objects.create(name=name, **fields)


def a_device(name: str = "meter", **fields: Any) -> Device:
    if "connection" not in fields:
        fields["connection"] = a_connection(f"to {name}", group=fields.get("group") or a_group())
    fields.setdefault("group", a_group())
    return Device.objects.create(name=name, **fields)


def a_tag(device: Device, name: str = "power", **fields: Any) -> Tag:
    if "expression" not in fields:
        fields.setdefault("place", "input:0")
        fields.setdefault("type", "uint16")
    return Tag.objects.create(device=device, name=name, retention=a_retention(), **fields)
