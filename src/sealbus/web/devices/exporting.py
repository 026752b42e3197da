"""Connections, devices and tags as a table or a document that can be imported again. A reference to another row is its
name. A row that the exporting user may not see is not named: in a table its cell is empty, in a document it is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sealbus.web.access.actions import Action
from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.csv_table import write_csv
from sealbus.web.devices.models import Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["export_csv", "export_json"]

_CONNECTION = ("connection_group", "connection")


def export_csv(table: Table, rows: Iterable[Any], reader: Subject) -> bytes:
    """A table for spreadsheets. `reader` is the user who exports."""
    columns = COLUMNS[table]
    return write_csv(columns, ([row.get(name, "") for name in columns] for row in _rows_of(table, rows, reader)))


def export_json(table: Table, rows: Iterable[Any], reader: Subject) -> bytes:
    """A document for programs."""
    return json.dumps({table.value: list(_rows_of(table, rows, reader))}, ensure_ascii=False, indent=1).encode()


def _rows_of(table: Table, rows: Iterable[Any], reader: Subject) -> Iterable[dict[str, Any]]:
    found = list(rows)
    special: Mapping[str, Callable[[Any], Any]] = dict(_SPECIAL[table])
    if table is Table.TAGS:
        special = {**special, "inputs": _inputs_by_name(found, reader)}
    for row in found:
        unseen = _CONNECTION if table is Table.DEVICES and not _may_name(row.connection, reader) else ()
        names = [name for name in COLUMNS[table] if name not in unseen]
        yield {name: special[name](row) if name in special else getattr(row, name) for name in names}


def _may_name(other: Any, reader: Subject) -> bool:
    return other is None or reader.rights.allows(Action.VIEW, other.group_id)


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


def _inputs_by_name(tags: list[Any], reader: Subject) -> Callable[[Any], Any]:
    ids = {tag_id for tag in tags for tag_id in tag.inputs.values()}
    others: dict[int, Tag] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        part = Tag.objects.select_related("device__group").filter(pk__in=wanted[start : start + 500])
        others.update((tag.pk, tag) for tag in part)

    def named(tag: Any) -> dict[str, Any]:
        found = {name: others[tag_id] for name, tag_id in tag.inputs.items() if tag_id in others}
        return {
            name: _reference(tag, other) if _may_name(other.device, reader) else None for name, other in found.items()
        }

    return named


def _reference(tag: Tag, other: Tag) -> Any:
    if other.device_id == tag.device_id:
        return other.name
    return {"group": other.device.group.name, "device": other.device.name, "tag": other.name}
