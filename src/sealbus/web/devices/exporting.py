"""Connections, devices and tags as a table or a document that an import takes back: what refers to another row does so
by name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.csv_table import write_csv
from sealbus.web.devices.models import Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["export_csv", "export_json", "rows_of"]


def export_csv(table: Table, rows: Iterable[Any]) -> bytes:
    """A table for spreadsheets."""
    columns = COLUMNS[table]
    return write_csv(columns, ([row[name] for name in columns] for row in rows_of(table, rows)))


def export_json(table: Table, rows: Iterable[Any]) -> bytes:
    """A document for programs."""
    return json.dumps({table.value: list(rows_of(table, rows))}, ensure_ascii=False, indent=1).encode()


def rows_of(table: Table, rows: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Each row by column."""
    found = list(rows)
    special: Mapping[str, Callable[[Any], Any]] = dict(_SPECIAL[table])
    if table is Table.TAGS:
        special = {**special, "inputs": _inputs_by_name(found)}
    for row in found:
        yield {name: special[name](row) if name in special else getattr(row, name) for name in COLUMNS[table]}


_SPECIAL: Mapping[Table, Mapping[str, Callable[[Any], Any]]] = {
    Table.CONNECTIONS: {"group": lambda row: row.group.name},
    Table.DEVICES: {
        "group": lambda row: row.group.name,
        "connection": lambda row: row.connection.name if row.connection else "",
        "connection_group": lambda row: row.connection.group.name if row.connection else "",
    },
    Table.TAGS: {
        "group": lambda row: row.device.group.name,
        "device": lambda row: row.device.name,
        "retention": lambda row: row.retention.name,
    },
}


def _inputs_by_name(tags: list[Any]) -> Callable[[Any], Any]:
    ids = {tag_id for tag in tags for tag_id in tag.inputs.values()}
    others: dict[int, Tag] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        part = Tag.objects.select_related("device__group").filter(pk__in=wanted[start : start + 500])
        others.update((tag.pk, tag) for tag in part)

    def named(tag: Any) -> dict[str, Any]:
        return {name: _reference(tag, others[tag_id]) for name, tag_id in tag.inputs.items() if tag_id in others}

    return named


def _reference(tag: Tag, other: Tag) -> Any:
    if other.device_id == tag.device_id:
        return other.name
    return {"group": other.device.group.name, "device": other.device.name, "tag": other.name}
