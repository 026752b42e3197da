"""Import and export of connections, devices and tags: `?file=csv` or `?file=json` out, `text/csv` or JSON in.

An import answers what it did: so many made, changed, left as they were. With `?dry_run=true` it says what it would do,
and every problem by line and column. Without, one problem is enough to change nothing at all (400, with the same list).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.devices import services
from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.csv_table import MOST_ROWS, read_csv
from sealbus.web.devices.exporting import export_csv, export_json
from sealbus.web.devices.interchange import Report, Row
from sealbus.web.http.json_bodies import JsonBody
from sealbus.web.http.problems import problem_body
from sealbus.web.http.strict import Strict, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO, ClassVar

    from rest_framework.request import Request

__all__ = ["CsvParser", "Exchange", "ImportQuery", "ReportShown", "answer", "rows_of_json"]

_LARGEST = 8 * 1024 * 1024


class CsvParser(BaseParser):
    """Takes a table as it comes, bounded; what is in it is `csv_table`'s business."""

    media_type = "text/csv"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The bytes. ParseError: too many."""
        content = bytes(stream.read(_LARGEST + 1))
        if len(content) > _LARGEST:
            raise ParseError(f"more than {_LARGEST // 1024 // 1024} MiB; import it in parts")
        return content


class ImportQuery(Strict):
    """`dry_run`: say what would happen, change nothing."""

    dry_run = serializers.BooleanField(required=False, default=False)


class _RowProblemShown(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    column = serializers.CharField()
    problem = serializers.CharField()
    hint = serializers.CharField()


class ReportShown(serializers.Serializer[Any]):
    """What an import did, or would do."""

    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    problem_count = serializers.IntegerField()
    problems = _RowProblemShown(many=True)


class Exchange:
    """Mixed into the view sets; `table` says which table is theirs."""

    table: ClassVar[Table]

    @extend_schema(
        parameters=[ImportQuery],
        request={"text/csv": OpenApiTypes.BINARY, "application/json": OpenApiTypes.OBJECT},
        responses={200: ReportShown},
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[JsonBody, CsvParser])
    def import_table(self: Any, request: Request) -> Response:
        """Make and change many at once, or none."""
        dry_run = query_of(request, ImportQuery)["dry_run"]
        report = Report()
        data: Any = request.data
        if isinstance(data, bytes):
            rows = read_csv(data, COLUMNS[self.table], report)
        else:
            rows = rows_of_json(data, self.table.value, COLUMNS[self.table], report)
        services.import_rows(table=self.table, rows=rows, report=report, subject=self.subject, dry_run=dry_run)
        return answer(report, dry_run=dry_run)

    @extend_schema(
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT),
        }
    )
    @action(detail=False, methods=["get"])
    def export(self: Any, request: Request) -> HttpResponse:
        """All that the filters leave, as a file that an import takes back."""
        wanted = query_of(request, self.export_form)
        rows = self.narrowed(wanted).select_related(*_RELATED[self.table])
        is_json = wanted["file"] == "json"
        seen = self.subject.rights.groups(Action.VIEW)
        content = (export_json if is_json else export_csv)(self.table, rows, seen)
        services.note_export(table=self.table, count=rows.count(), subject=self.subject)
        kind = "json" if is_json else "csv"
        headers = {"Content-Disposition": f'attachment; filename="{self.table}.{kind}"'}
        content_type = "application/json" if is_json else "text/csv; charset=utf-8"
        return HttpResponse(content, content_type=content_type, headers=headers)


_RELATED = {
    Table.CONNECTIONS: ("group",),
    Table.DEVICES: ("group", "connection__group"),
    Table.TAGS: ("device__group", "retention"),
}


def rows_of_json(data: Any, member: str, columns: Sequence[str] | Mapping[str, Any], report: Report) -> list[Row]:
    """The rows of {"tags": [...]}; the number of an item stands for its line."""
    items = data.get(member) if isinstance(data, dict) and set(data) == {member} else None
    if not isinstance(items, list):
        report.add(1, "", f'this is no list of {member}; write {{"{member}": [...]}}')
        return []
    if len(items) > MOST_ROWS:
        report.add(MOST_ROWS + 1, "", f"there are more than {MOST_ROWS}; import them in parts")
        return []
    rows = []
    for line, item in enumerate(items, 1):
        if not isinstance(item, dict):
            report.add(line, "", 'this is no object; write {"name": ...}')
            continue
        for name in item:
            if name not in columns:
                report.add(line, str(name), f'there is no member "{str(name)[:50]}"; they are {", ".join(columns)}')
        rows.append(Row(line, {name: value for name, value in item.items() if name in columns}))
    return rows


def answer(report: Report, *, dry_run: bool, status: int = 200) -> Response:
    """The report; as a problem where something was to be stored and could not be. One problem, and nothing would be made."""
    problems = [asdict(problem) for problem in sorted(report.problems, key=lambda each: each.line)]
    if report.problem_count and not dry_run:
        text = f"{report.problem_count} problems: nothing was changed"
        return Response(problem_body(400, "import-refused", text, errors=problems), status=400)
    return Response(
        {
            "dry_run": dry_run,
            "created": 0 if problems else report.created,
            "changed": 0 if problems else report.changed,
            "unchanged": report.unchanged,
            "problem_count": report.problem_count,
            "problems": problems,
        },
        status=status,
    )
