"""The rows of one import as they become rows of the database: judged and joined to each other in memory, then stored.

A row whose name is not in use is new; else it changes the stored row, only in the columns that the file has. Nothing is
deleted. Each row is judged by the form that the API uses, for the user who imports: hidden groups are treated as
missing, and groups that the user may not configure are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealbus.web.access.actions import Action
from sealbus.web.devices.calculated import circle_in, unseen_inputs
from sealbus.web.devices.columns import MODELS, Table
from sealbus.web.devices.models import Connection, Device, Tag
from sealbus.web.devices.serializers import ConnectionForm, DeviceForm, TagForm
from sealbus.web.devices.services.audited_writes import storable
from sealbus.web.devices.services.configuring import groups_touched
from sealbus.web.devices.services.names import Names
from sealbus.web.devices.services.wiring import Wire, wire_inputs
from sealbus.web.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.interchange import Report, Row

__all__ = ["Batch"]

_FORMS: Mapping[Table, Any] = {
    Table.CONNECTIONS: ConnectionForm,
    Table.DEVICES: DeviceForm,
    Table.TAGS: TagForm,
}
_REFERENCES = ("group", "device", "connection", "connection_group", "retention", "inputs")
_AT_ONCE = 500
_ROWS_IN_ENTRY = 100


class Batch:
    """The rows of one import. `add` each, `wire` them, look at the report, and `store`."""

    def __init__(self, table: Table, subject: Subject, report: Report) -> None:
        self._table = table
        self._subject = subject
        self._report = report
        self._names = Names(subject)
        context = {"subject": subject, "inputs_later": True}
        self._form = _FORMS[table](context=context)
        self._seen: dict[tuple[int, str], int] = {}
        self._allowed: dict[int | None, bool] = {}
        self.was_refused = False
        self._new: list[Any] = []
        self._changed: list[Any] = []
        self._altered: list[tuple[Any, Any, set[str]]] = []
        self._fields: set[str] = set()
        self._lines: list[tuple[Any, int]] = []
        self._inputs: list[tuple[Tag, int, Mapping[str, Any]]] = []
        self._wires: list[Wire] = []

    def add(self, row: Row) -> None:
        """Judge one row, and keep the row of the database that it becomes."""
        report, line = self._report, row.line
        name = str(row.values.get("name") or "").strip()
        if not name:
            report.add(line, "name", "the name is missing; write one")
            return
        parent, references, problems = self._names.resolve(self._table, row)
        for each in problems:
            report.add(line, each.key, each.problem, each.hint)
        if parent is None:
            return
        key = (parent.pk, name)
        if key in self._seen:
            report.add(line, "name", f'"{name}" is in line {self._seen[key]} too', "leave one out, or rename it")
            return
        self._seen[key] = line
        if not problems:
            self._judge(row, name, parent, references)

    def _judge(self, row: Row, name: str, parent: Any, references: dict[str, Any]) -> None:
        stored = self._names.stored(self._table, parent.pk, name)
        target = stored or MODELS[self._table](name=name, **self._names.place(self._table, parent))
        if stored is not None and references.get("connection", 0) is None and not self._sees_connection(stored):
            del references["connection"]  # an export leaves it empty for a user who cannot see it
        if self._refused(row.line, target, references):
            return
        candidate = target if stored is None else _copied(target)
        for field, value in references.items():
            setattr(candidate, field, value)
        values = {name: value for name, value in row.values.items() if name not in _REFERENCES}
        values = _settable(values, candidate) | {"name": name}
        inputs = self._inputs_of(row, candidate)
        form = self._form
        form.instance, form.partial = candidate, True
        if stored is None and isinstance(candidate, Connection):
            form.instance = None
            values = {"group": parent.pk, "url": ""} | values
            form.partial = False
        try:
            valid = form.judge(values)
        except Invalid as error:
            for column, messages in error.problems.items():
                for message in messages:
                    self._report.add(row.line, column, message)
            return
        if self._refused(row.line, target, {**references, **valid}) or self._has_unseen_inputs(
            row.line, candidate, inputs
        ):
            return
        self._keep(row, stored, candidate, valid, inputs)

    def _keep(self, row: Row, stored: Any, candidate: Any, valid: Mapping[str, Any], inputs: Any) -> None:
        for field, value in valid.items():
            setattr(candidate, field, value)
        if stored is None:
            self._new.append(candidate)
            self._report.created += 1
        elif not self._note_changes(stored, candidate, inputs):
            return
        self._report.names.append(candidate.name)
        self._lines.append((candidate, row.line))
        if inputs is not None:
            self._inputs.append((candidate, row.line, inputs))

    def _note_changes(self, stored: Any, candidate: Any, inputs: Any) -> bool:
        names = [field.name for field in stored._meta.concrete_fields if inputs is None or field.name != "inputs"]
        different = {name for name in names if getattr(stored, name) != getattr(candidate, name)}
        if inputs is not None and inputs != self._names.input_names(stored):
            different.add("inputs")
        if different:
            candidate.version = stored.version + 1
            self._changed.append(candidate)
            self._altered.append((stored, candidate, different))
            self._fields |= different
            self._report.changed += 1
        else:
            self._report.unchanged += 1
        return bool(different)

    def _inputs_of(self, row: Row, candidate: Any) -> Mapping[str, Any] | None:
        """The names of a calculated tag's inputs, which are joined to tags when all rows were added."""
        if not isinstance(candidate, Tag) or "inputs" not in row.values:
            return None
        given = row.values["inputs"]
        inputs = given if isinstance(given, dict) else {}
        if given is not None and not isinstance(given, dict):
            self._report.add(row.line, "inputs", 'this is not a JSON object; write {"flow": "flow in"}')
        candidate.inputs = dict.fromkeys(map(str, inputs), 1)
        return inputs

    def _sees_connection(self, device: Device) -> bool:
        connection = device.connection
        return connection is None or self._subject.rights.allows(Action.VIEW, connection.group_id)

    def _has_unseen_inputs(self, line: int, candidate: Any, inputs: Any) -> bool:
        """Whether a calculated tag keeps inputs that this user cannot see: a new expression would reveal their values."""
        if inputs is not None or not isinstance(candidate, Tag) or not candidate.inputs:
            return False
        unseen = unseen_inputs(candidate.inputs, self._subject)
        for name in unseen:
            self._report.add(
                line, "inputs", f'the input "{name}" is not a tag that you can see', "write the names of others"
            )
        return bool(unseen)

    def _refused(self, line: int, target: Any, fields: Mapping[str, Any]) -> bool:
        groups = groups_touched(target, fields)
        for group_id in groups:
            if group_id not in self._allowed:
                self._allowed[group_id] = self._subject.rights.allows(Action.CONFIGURE, group_id)
        if all(self._allowed[group_id] for group_id in groups):
            return False
        self.was_refused = True
        if all(self._allowed[group_id] for group_id in groups - {None}):
            column = "identity" if "url" in self._report.absent else "url"
            self._report.add(
                line, column, "url and identity need the right to configure all groups; ask for it, or leave both out"
            )
        else:
            self._report.add(
                line, "group", "you may not configure in this group; ask for the right, or leave the row out"
            )
        return True

    def changes(self) -> Iterator[list[dict[str, Any]]]:
        """The old and the new values of each row that was changed, for the audit, many in one entry."""
        for start in range(0, len(self._altered), _ROWS_IN_ENTRY):
            yield [
                {
                    "id": stored.pk,
                    "name": candidate.name,
                    "old": {name: storable(getattr(stored, name)) for name in sorted(names)},
                    "new": {name: storable(getattr(candidate, name)) for name in sorted(names)},
                }
                for stored, candidate, names in self._altered[start : start + _ROWS_IN_ENTRY]
            ]

    def wire(self) -> None:
        """Join calculated tags to their inputs, new tags among them. Missing inputs and circles go to the report."""
        new = {(tag.device_id, tag.name): tag for tag in self._new} if self._inputs else {}
        self._wires = wire_inputs(self._inputs, self._names, new, self._report)
        if self._table is Table.TAGS and not self._report.has_problems():
            self._refuse_circles()

    def _refuse_circles(self) -> None:
        """In a copy of the graph: new tags have negative numbers in it, because they have no ids yet."""
        numbers = {id(tag): -index for index, tag in enumerate(self._new, 1)}
        wired = {id(wire.tag): wire for wire in self._wires}
        graph: dict[int, list[int]] = {}
        lines: dict[int, int] = {}
        for tag, line in self._lines:
            number = tag.pk or numbers[id(tag)]
            lines[number] = line
            if not tag.expression:
                graph[number] = []
            elif (wire := wired.get(id(tag))) is not None:
                graph[number] = [other.pk or numbers[id(other)] for other in wire.inputs.values()]
            else:
                graph[number] = list(tag.inputs.values())
        calculated = [number for number, inputs in graph.items() if inputs]
        if calculated and (circle := circle_in(calculated, graph)):
            line = next(lines[number] for number in circle if number in lines)
            self._report.add(line, "inputs", "the tag would depend on itself; leave one of these inputs out")

    def has_changes(self) -> bool:
        """Whether storing it would change anything."""
        return bool(self._new or self._changed)

    def group_ids(self) -> set[int]:
        """The groups that new rows come into."""
        return set() if self._table is Table.TAGS else {row.group_id for row in self._new}

    def store(self) -> None:
        """Write all rows, in a few statements for each five hundred."""
        model = MODELS[self._table]
        for wire in self._wires:
            wire.tag.inputs = {} if wire.waits() else wire.ids()
        waiting = [wire for wire in self._wires if wire.waits()]
        model.objects.bulk_create(self._new, batch_size=_AT_ONCE)
        for wire in waiting:
            wire.tag.inputs = wire.ids()
        if waiting:
            model.objects.bulk_update([wire.tag for wire in waiting], ["inputs"], batch_size=_AT_ONCE)
        if self._changed:
            model.objects.bulk_update(self._changed, [*sorted(self._fields), "version"], batch_size=_AT_ONCE)
        self._report.fields |= self._fields


def _copied(row: Any) -> Any:
    copy = type(row)(**{field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields})
    copy._state.adding = False
    copy._state.fields_cache = dict(row._state.fields_cache)
    return copy


def _settable(values: Mapping[str, Any], row: Any) -> dict[str, Any]:
    """An empty cell of a column that cannot be empty means its default."""
    found = {}
    for name, value in values.items():
        field = row._meta.get_field(name)
        is_none = (value is None and not field.null) or (value == "" and not field.blank)
        found[name] = field.get_default() if is_none else value
    return found
