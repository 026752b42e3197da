"""The columns of an exchanged table, derived from the columns of the model: all that a user can set. What refers to
another row does so by name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db import models

from sealbus.web.devices.fields import columns_of
from sealbus.web.devices.models import Connection, Device, Tag

__all__ = ["COLUMNS", "MODELS", "Cell", "Table"]


class Cell(StrEnum):
    """The kind of a cell."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    TRUTH = "truth"
    JSON = "json"


class Table(StrEnum):
    """The tables that can be exchanged."""

    CONNECTIONS = "connections"
    DEVICES = "devices"
    TAGS = "tags"


MODELS: dict[Table, Any] = {Table.CONNECTIONS: Connection, Table.DEVICES: Device, Table.TAGS: Tag}

_CELLS: tuple[tuple[type[models.Field[Any, Any]], Cell], ...] = (
    (models.CharField, Cell.TEXT),
    (models.ForeignKey, Cell.TEXT),
    (models.FloatField, Cell.NUMBER),
    (models.IntegerField, Cell.WHOLE),
    (models.BooleanField, Cell.TRUTH),
    (models.JSONField, Cell.JSON),
)


def _columns(model: type[models.Model], first: str) -> dict[str, Cell]:
    """The columns in `first`, then all others by the kind of their cells. A name in `first` that is no column is the
    name of a group, which the rows below it refer to.
    """
    kinds: dict[str, Cell] = {}
    fields = {field.name: field for field in model._meta.concrete_fields}
    for name in columns_of(model):
        field = fields[name]
        if field.editable and not field.primary_key:
            kinds[name] = next(cell for kind, cell in _CELLS if isinstance(field, kind))
    found = {name: kinds.pop(name, Cell.TEXT) for name in first.split()}
    return found | {name: kind for cell in Cell for name, kind in kinds.items() if kind is cell}


COLUMNS: dict[Table, dict[str, Cell]] = {
    Table.CONNECTIONS: _columns(Connection, "group name url identity text"),
    Table.DEVICES: _columns(Device, "group name connection_group connection unit_id text"),
    Table.TAGS: _columns(
        Tag, "group device name place type order length bit bit_width scale offset unit decimals text interval_s"
    ),
}
"""The columns of each table in the order of an export, and the kinds of their cells."""
