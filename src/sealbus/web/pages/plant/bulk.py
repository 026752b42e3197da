"""Many tags at once: what would change is shown first, line by line, and is done together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.web.devices import services
from sealbus.web.devices.models import RetentionClass, Tag
from sealbus.web.devices.rules import Rules
from sealbus.web.devices.serializers import TagForm
from sealbus.web.errors import Invalid
from sealbus.web.pages.forms import Form
from sealbus.web.pages.plant.devices import MAY_CONFIGURE, PlantPage
from sealbus.web.pages.plant.paging import id_in
from sealbus.web.pages.plant.tags import tags_of_query
from sealbus.web.pages.plant.typed import Kind, Typed, members_typed, text_of
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["TagsBulkPage"]

_MAX = 1000
_ENABLED = (("true", gettext_lazy("read")), ("false", gettext_lazy("switched off")))


@dataclass(frozen=True, slots=True)
class _Line:
    """One change of one tag."""

    tag: Tag
    label: object
    before: object
    after: object


class TagsBulkPage(PlantPage):
    """The chosen tags, the fields that can be changed together, and the preview."""

    access: ClassVar[Mapping[str, Requirement]] = MAY_CONFIGURE
    template = "pages/plant/tags_bulk.html"
    title = gettext_lazy("Change tags together")

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        if request.GET.get("all") == "1":
            tags = list(tags_of_query(self.subject, request.GET).select_related("device__group", "retention")[:_MAX])
        else:
            tags = self._tags(request.GET.getlist("tag"))
        return self._answer(request, tags, Form(), do=request.GET.get("do", "change"))

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        tags, form, do = self._tags(request.POST.getlist("tag")), Form(request.POST), request.POST.get("do", "")
        lines: list[_Line] = []
        with form.attempt():
            if do == "archive":
                ids = [tag.pk for tag in tags]
                services.archive_many(rows=Tag.objects.visible_to(self.subject), ids=ids, subject=self.subject)
            else:
                changes = self._changes(tags, request.POST)
                lines = _lines(changes, self._fields())
                if do == "apply":
                    self._store(changes)
        if form.is_good and do in ("archive", "apply"):
            return redirect_to(request, reverse("tags"))
        return self._answer(request, tags, form, do="archive" if do == "archive" else "change", lines=lines)

    def _fields(self) -> Sequence[Typed]:
        classes = RetentionClass.objects.visible_to(self.subject).values_list("pk", "name")
        keep = ("", _("as it is"))
        return (
            Typed("interval_s", _("Read every"), Kind.NUMBER, unit="s"),
            Typed("retention", _("Kept as"), Kind.ROW, choices=[keep, *classes]),
            Typed("enabled", _("Reading"), Kind.CHOICE, choices=[keep, *_ENABLED]),
            Typed("unit", _("Engineering unit")),
            Typed("dead_band", _("Dead band"), Kind.NUMBER),
        )

    def _tags(self, ids: Sequence[str]) -> list[Tag]:
        wanted = {pk for each in ids[:_MAX] if (pk := id_in(each)) is not None}
        rows = Tag.objects.visible_to(self.subject).live().filter(pk__in=wanted)
        return list(rows.select_related("device__group", "retention"))

    def _changes(self, tags: Sequence[Tag], given: Mapping[str, Any]) -> list[tuple[Tag, dict[str, Any]]]:
        """The fields that were filled in, judged for each tag. Invalid: with the name of the tag at fault."""
        filled = [field for field in self._fields() if str(given.get(field.name, "")).strip()]
        if not tags:
            raise Invalid({"tag": [_("Choose tags in the list first")]})
        if not filled:
            raise Invalid({"tag": [_("Fill in what is to change; an empty field stays as it is")]})
        members, context = members_typed(filled, given), {"rules": Rules(self.subject), "subject": self.subject}
        changes, problems = [], []
        for tag in tags:
            try:
                valid = TagForm(tag, partial=True, context=context).judge(members)
            except Invalid as error:
                problems.append(f"{tag.device.name} / {tag.name}: {error.text}")
                continue
            new = {name: value for name, value in valid.items() if getattr(tag, name) != value}
            if new:
                changes.append((tag, new))
        if problems:
            raise Invalid({"tag": problems[:20]})
        return changes

    @transaction.atomic
    def _store(self, changes: Sequence[tuple[Tag, dict[str, Any]]]) -> None:
        """All or none."""
        for tag, new in changes:
            services.change(row=tag, fields=new, subject=self.subject)

    def _answer(
        self, request: HttpRequest, tags: Sequence[Tag], form: Form, *, do: str, lines: Sequence[_Line] = ()
    ) -> HttpResponse:
        content = {"tags": tags, "form": form, "fields": self._fields(), "do": do, "lines": lines}
        return self.show(request, content, status=form.status)


def _lines(changes: Sequence[tuple[Tag, dict[str, Any]]], fields: Sequence[Typed]) -> list[_Line]:
    by_name = {field.name: field for field in fields}

    def text(name: str, value: Any) -> object:
        return value if name == "retention" or isinstance(value, bool) else text_of(by_name[name], value)

    return [
        _Line(tag, by_name[name].label, text(name, getattr(tag, name)), text(name, value))
        for tag, new in changes
        for name, value in new.items()
    ]
