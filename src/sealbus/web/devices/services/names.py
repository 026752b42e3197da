"""Rows by name, of those that the importing user may see. Each kind is loaded once, however many rows refer to it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from sealbus.plant import FieldProblem
from sealbus.web.accounts.models import Group
from sealbus.web.devices.columns import Table
from sealbus.web.devices.models import Connection, Device, RetentionClass, Tag
from sealbus.web.devices.models.archiving import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.interchange import Row

__all__ = ["Names"]

_MAX_NAMES = 10


class Names:
    """From the names in a file to rows."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def resolve(self, table: Table, row: Row) -> tuple[Any, dict[str, Any], list[FieldProblem]]:
        """The group or device that a row belongs to, the other rows that it refers to, and the problems with its names."""
        values = row.values
        problems: list[FieldProblem] = []
        references: dict[str, Any] = {}
        group = self.groups.get(str(values.get("group") or ""))
        if group is None:
            problems.append(self._group_problem(values.get("group")))
            return None, references, problems
        parent: Any = group
        if table is Table.TAGS:
            parent = self.devices.get((group.pk, str(values.get("device") or "")))
            if parent is None:
                shown = _shown(values.get("device"))
                text = f'there is no device "{shown}" in the group "{group.name}"'
                problems.append(FieldProblem("device", text, "write its name, or import it first"))
            if name := values.get("retention"):
                references["retention"] = self.classes.get(str(name))
                if references["retention"] is None:
                    text = f'there is no retention class "{_shown(name)}"'
                    problems.append(FieldProblem("retention", text, f"write one of {', '.join(self.classes)}"))
        elif table is Table.DEVICES and "connection" in values:
            references["connection"] = self._connection(values, group, problems)
        return parent, references, problems

    def place(self, table: Table, parent: Any) -> dict[str, Any]:
        """The fields of a new row that say where it belongs."""
        if table is not Table.TAGS:
            return {"group": parent}
        return {"device": parent, "retention": self.classes.get("standard") or next(iter(self.classes.values()))}

    def stored(self, table: Table, parent_id: int, name: str) -> Any:
        """The stored row of this name."""
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
        """Visible groups, by name."""
        rows = visible(Group.objects.filter(archived_at__isnull=True), self._subject, "pk")
        return {row.name: row for row in rows}

    @cached_property
    def connections(self) -> dict[tuple[int, str], Connection]:
        """Visible connections, by group and name."""
        return {(row.group_id, row.name): row for row in Connection.objects.visible_to(self._subject).live()}

    @cached_property
    def devices(self) -> dict[tuple[int, str], Device]:
        """Visible devices, by group and name."""
        rows = Device.objects.visible_to(self._subject).live().select_related("connection", "group")
        return {(row.group_id, row.name): row for row in rows}

    @cached_property
    def tags(self) -> dict[tuple[int, str], Tag]:
        """Visible tags, by device and name."""
        rows = Tag.objects.visible_to(self._subject).live().select_related("device__group", "retention")
        return {(row.device_id, row.name): row for row in rows}

    @cached_property
    def tags_by_id(self) -> dict[int, Tag]:
        """The same by id."""
        return {tag.pk: tag for tag in self.tags.values()}

    @cached_property
    def classes(self) -> dict[str, RetentionClass]:
        """Retention classes by name."""
        return {row.name: row for row in RetentionClass.objects.all()}

    def _group_problem(self, name: Any) -> FieldProblem:
        if not name:
            return FieldProblem("group", "the group is missing", "write its name")
        text = f'there is no group "{_shown(name)}" that you can see'
        return FieldProblem("group", text, f"write one of {_some(self.groups)}")

    def _connection(self, values: Mapping[str, Any], group: Group, problems: list[FieldProblem]) -> Connection | None:
        name = str(values.get("connection") or "")
        if not name:
            return None
        owner = self.groups.get(str(values.get("connection_group") or group.name))
        found = self.connections.get((owner.pk, name)) if owner else None
        if found is None:
            where = values.get("connection_group") or group.name
            text = f'there is no connection "{_shown(name)}" in the group "{_shown(where)}"'
            problems.append(FieldProblem("connection", text, "import it first"))
        return found


def _shown(value: Any) -> str:
    return str(value or "")[:100]


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_MAX_NAMES])
    return f"{shown}, ..." if len(names) > _MAX_NAMES else shown or "those that an administrator shows you"
