"""Import by file or paste: a dry run shows what is new, changed, the same or wrong, by cell; then it is one change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.devices import services
from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.tables import rows_of
from sealbus.web.errors import Invalid
from sealbus.web.pages.forms import Form
from sealbus.web.pages.plant.devices import MAY_CONFIGURE, PlantPage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["ImportPage"]

_MAX = 8 * 1024 * 1024
_SHOWN = 200
_TABLES = {
    Table.CONNECTIONS: gettext_lazy("Connections"),
    Table.DEVICES: gettext_lazy("Devices"),
    Table.TAGS: gettext_lazy("Tags"),
}


class ImportPage(PlantPage):
    """A table from a file or from the clipboard of a spreadsheet."""

    access: ClassVar[Mapping[str, Requirement]] = MAY_CONFIGURE
    template = "pages/plant/import.html"
    title = gettext_lazy("Import")

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        return self._answer(request, Form({"table": request.GET.get("table", "tags")}), None)

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        content, form, report = "", Form(request.POST), Report()
        is_dry = request.POST.get("do") != "apply"
        with form.attempt(), services.import_slot(self.subject):
            content = _content(request)
            table = _table(request)
            rows = rows_of(_body(content), table, report)
            services.import_rows(table=table, rows=rows, report=report, subject=self.subject, dry_run=is_dry)
        if form.is_good and report.has_problems():
            form.status = 422
        form.values = request.POST.dict() | {"content": content}
        return self._answer(request, form, report if form.is_good else None, is_done=form.is_good and not is_dry)

    def _answer(
        self, request: HttpRequest, form: Form, report: Report | None, *, is_done: bool = False
    ) -> HttpResponse:
        table = form.values.get("table", "tags")
        problems = [] if report is None else sorted(report.problems, key=lambda each: each.line)
        content = {
            "form": form,
            "report": report,
            "problems": problems[:_SHOWN],
            "hidden": max(0, (report.problem_count if report else 0) - _SHOWN),
            "is_done": is_done and not problems,
            "tables": [(each.value, text) for each, text in _TABLES.items()],
            "columns": list(COLUMNS.get(Table(table) if table in set(Table) else Table.TAGS, ())),
        }
        return self.show(request, content, status=form.status)


def _table(request: HttpRequest) -> Table:
    try:
        return Table(request.POST.get("table", ""))
    except ValueError:
        raise Invalid({"table": [_("Choose what the table has")]}) from None


def _content(request: HttpRequest) -> str:
    """The text of the file, else what was pasted."""
    upload: Any = request.FILES.get("file")
    if upload is not None:
        if upload.size > _MAX:
            raise Invalid({"file": [_("The file has more than 8 MiB; import it in parts")]})
        data: bytes = upload.read()
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16", "replace")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")
    text = request.POST.get("content", "")
    if not text.strip():
        raise Invalid({"content": [_("Choose a file, or paste the table")]})
    return text


def _body(content: str) -> Any:
    """JSON where it is JSON, else the bytes of a table."""
    if content.lstrip().startswith("{"):
        try:
            return json.loads(content)
        except ValueError:
            raise Invalid({"content": [_("This is not valid JSON")]}) from None
    return content.encode()
