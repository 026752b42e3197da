"""Import and export of connections, devices and tags: `?file=csv` or `?file=json` out, `text/csv` or JSON in.

An import answers how many rows it created, changed and left unchanged. With `?dry_run=true` it answers what it would do,
and every problem by line and column. Without, one problem is enough to change nothing at all (400, with the same list).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches

from sealbus.web.devices.columns import Table
from sealbus.web.devices.exporting import export_csv, export_json
from sealbus.web.http.problems import problem_body
from sealbus.web.http.strict import Strict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from sealbus.web.access.subject import Subject
    from sealbus.web.devices.interchange import Report

__all__ = ["CsvParser", "ImportQuery", "ReportShown", "RowProblemShown", "answer", "file_of", "table_of"]

_MAX = 8 * 1024 * 1024


class CsvParser(BaseParser):
    """Takes the bytes of a table, bounded; `csv_table` reads them."""

    media_type = "text/csv"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The bytes. ParseError: there are too many."""
        content = bytes(stream.read(_MAX + 1))
        if len(content) > _MAX:
            raise ParseError(f"the table has more than {_MAX // 1024 // 1024} MiB; import it in parts")
        return content


def table_of(request: Request) -> Any:
    """The body: the bytes of a CSV table, or a JSON document. The framework calls no parser for an empty body: it has no
    bytes, and must not be taken for JSON.
    """
    is_csv = media_type_matches(CsvParser.media_type, request.content_type)
    return b"" if is_csv and not request.data else request.data


class ImportQuery(Strict):
    """`dry_run`: report what would happen, change nothing."""

    dry_run = serializers.BooleanField(required=False, default=False)


class RowProblemShown(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    column = serializers.CharField()
    problem = serializers.CharField()
    hint = serializers.CharField()


class ReportShown(serializers.Serializer[Any]):
    """The result of an import."""

    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    problem_count = serializers.IntegerField()
    problems = RowProblemShown(many=True)


def file_of(rows: QuerySet[Any], table: Table, *, is_json: bool, reader: Subject) -> HttpResponse:
    """The rows as a file that can be imported again."""
    related = rows.select_related(*_RELATED[table])
    content = (export_json if is_json else export_csv)(table, related, reader)
    headers = {"Content-Disposition": f'attachment; filename="{table}.{"json" if is_json else "csv"}"'}
    content_type = "application/json" if is_json else "text/csv; charset=utf-8"
    return HttpResponse(content, content_type=content_type, headers=headers)


_RELATED = {
    Table.CONNECTIONS: ("group",),
    Table.DEVICES: ("group", "connection__group"),
    Table.TAGS: ("device__group", "retention"),
}


def answer(report: Report, *, dry_run: bool, status: int = 200) -> Response:
    """The report; as a problem document (400) where an import was refused. With one problem nothing is stored."""
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
