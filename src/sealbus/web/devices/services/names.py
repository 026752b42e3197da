"""Rows by name, for whoever imports: what he may not see does not exist. Each kind is loaded once, however many rows
ask for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import Group
from sealbus.web.devices.columns import Table
from sealbus.web.devices.models import Connection, Device, RetentionClass, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.interchange import Row

__all__ = ["Names"]


class Names:
    """What a file's names mean."""

    def __init__(self, subject: Subject) -> None:
        self._groups = subject.rights.groups(Action.VIEW)

    def resolve(self, table: Table, row: Row) -> tuple[Any, dict[str, Any], list[tuple[str, str]]]:
        """What a row hangs on (a group, a device), what else it refers to, and what of it is not there."""
        values = row.values
        problems: list[tuple[str, str]] = []
        references: dict[str, Any] = {}
        group = self.groups.get(str(values.get("group") or ""))
        if group is None:
            problems.append(
                ("group", f'there is no group "{_shown(values.get("group"))}" that you can see; write its name')
            )
            return None, references, problems
        parent: Any = group
        if table is Table.TAGS:
            parent = self.devices.get((group.pk, str(values.get("device") or "")))
            if parent is None:
                shown = _shown(values.get("device"))
                text = f'there is no device "{shown}" in this group; write its name, or import it first'
                problems.append(("device", text))
            if name := values.get("retention"):
                references["retention"] = self.classes.get(str(name))
                if references["retention"] is None:
                    problems.append(
                        ("retention", f'there is no class "{_shown(name)}"; they are {", ".join(self.classes)}')
                    )
        elif table is Table.DEVICES and "connection" in values:
            references["connection"] = self._connection(values, group, problems)
        return parent, references, problems

    def place(self, table: Table, parent: Any) -> dict[str, Any]:
        """The members of a new row that say what it hangs on."""
        if table is not Table.TAGS:
            return {"group": parent}
        return {"device": parent, "retention": self.classes.get("standard") or next(iter(self.classes.values()))}

    def stored(self, table: Table, parent_id: int, name: str) -> Any:
        """What is there already under this name."""
        key = (parent_id, name)
        if table is Table.CONNECTIONS:
            return self.connections.get(key)
        return self.devices.get(key) if table is Table.DEVICES else self.tags.get(key)

    def input_names(self, tag: Tag) -> dict[str, Any]:
        """The inputs of a stored tag, by name as a file has them."""
        found: dict[str, Any] = {}
        for name, tag_id in tag.inputs.items():
            other = self.tags_by_id.get(tag_id)
            if other is None:
                found[name] = None
            elif other.device_id == tag.device_id:
                found[name] = other.name
            else:
                found[name] = {"group": other.device.group.name, "device": other.device.name, "tag": other.name}
        return found

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Groups that are seen, by name."""
        rows = Group.objects.filter(archived_at__isnull=True)
        return {row.name: row for row in (rows if self._groups is None else rows.filter(pk__in=self._groups))}

    @cached_property
    def connections(self) -> dict[tuple[int, str], Connection]:
        """Connections that are seen, by group and name."""
        return {(row.group_id, row.name): row for row in self._seen(Connection.objects.live(), "group")}

    @cached_property
    def devices(self) -> dict[tuple[int, str], Device]:
        """Devices that are seen, by group and name."""
        rows = self._seen(Device.objects.live().select_related("connection", "group"), "group")
        return {(row.group_id, row.name): row for row in rows}

    @cached_property
    def tags(self) -> dict[tuple[int, str], Tag]:
        """Tags that are seen, by device and name."""
        rows = self._seen(Tag.objects.live().select_related("device__group", "retention"), "device__group")
        return {(row.device_id, row.name): row for row in rows}

    @cached_property
    def tags_by_id(self) -> dict[int, Tag]:
        """The same by id."""
        return {tag.pk: tag for tag in self.tags.values()}

    @cached_property
    def classes(self) -> dict[str, RetentionClass]:
        """Classes of history by name."""
        return {row.name: row for row in RetentionClass.objects.all()}

    def _seen(self, rows: Any, path: str) -> Any:
        return rows if self._groups is None else rows.filter(**{f"{path}__in": self._groups})

    def _connection(
        self, values: Mapping[str, Any], group: Group, problems: list[tuple[str, str]]
    ) -> Connection | None:
        name = str(values.get("connection") or "")
        if not name:
            return None
        owner = self.groups.get(str(values.get("connection_group") or group.name))
        found = self.connections.get((owner.pk, name)) if owner else None
        if found is None:
            problems.append(("connection", f'there is no connection "{_shown(name)}" there; import it first'))
        return found


def _shown(value: Any) -> str:
    return str(value or "")[:100]
