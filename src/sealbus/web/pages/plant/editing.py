"""Making and changing connections, devices and tags: one way for all. The rules are those of the serializers of the API.

When another user has changed the row meanwhile, the form shows both, field by field: saving again replaces what the other
one wrote, knowingly.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext as _

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.devices import services
from sealbus.web.errors import NotFound
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.helping.texts import help_texts
from sealbus.web.pages.plant.devices import MAY_CONFIGURE, PlantPage
from sealbus.web.pages.plant.paging import number_in
from sealbus.web.pages.plant.typed import Section, Typed, members_typed, text_of, texts_of
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["ArchivePage", "ChangePage", "NewPage", "RestorePage", "RowPage"]


@dataclass(frozen=True, slots=True)
class _Difference:
    """One field of a conflict, as text."""

    label: object
    mine: object
    theirs: object


class RowPage(PlantPage):
    """A form over the columns of one row."""

    access: ClassVar[Mapping[str, Requirement]] = MAY_CONFIGURE
    template = "pages/plant/edit.html"
    model: ClassVar[Any]
    serializer: ClassVar[Any]
    shown_by: ClassVar[str] = ""
    """The route that shows a row."""
    list_of: ClassVar[str] = ""

    def sections(self, row: Any) -> Sequence[Section]:
        """The fields of the form."""
        raise NotImplementedError

    def fields(self, row: Any) -> list[Typed]:
        """All fields."""
        return [field for section in self.sections(row) for field in section.fields]

    def more(self, row: Any) -> dict[str, Any]:
        """What the template shows beside the form."""
        return {}

    def answer(self, request: HttpRequest, row: Any, form: Form, **more: Any) -> HttpResponse:
        """The form; with its problems, if there are any."""
        sections = [
            (section, section.is_open or any(field.name in form.problems for field in section.fields))
            for section in self.sections(row)
        ]
        names = {field.name for section, _open in sections for field in section.fields}
        elsewhere = [f"{name}: {text}" for name, texts in form.problems.items() if name not in names for text in texts]
        content = {
            "form": form,
            "helped": _help_urls(self.model.__name__.lower(), names),
            "row": row,
            "sections": sections,
            "elsewhere": [*form.whole, *elsewhere],
            "back": self.back(row),
            "is_new": row.pk is None,
        }
        return self.show(request, content | self.more(row) | more, status=form.status)

    def back(self, row: Any) -> str:
        """Where leaving the form leads."""
        return reverse(self.list_of) if row.pk is None else reverse(self.shown_by, args=[row.pk])

    def after(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Where saving leads."""
        return redirect_to(request, reverse(self.shown_by, args=[row.pk]))

    def validated(self, row: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """The members of what was typed. Raises Invalid."""
        members = self.typed(row, given)
        valid = checked(self.serializer, members, self.subject, row=None if row.pk is None else row)
        return {name: value for name, value in valid.items() if name != "version"}

    def typed(self, row: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the serializer gets."""
        return members_typed(self.fields(row), given)


def _help_urls(form: str, names: Iterable[str]) -> dict[str, str]:
    """Where the help explains a field, for those that it explains."""
    slugs = {name: f"{form}-{name.replace('_', '-')}" for name in names}
    known = help_texts()
    return {name: reverse("help-entry", args=[slug]) for name, slug in slugs.items() if slug in known}


class NewPage(RowPage):
    """A new row."""

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        row = self.blank(request)
        return self.answer(request, row, Form(texts_of(self.fields(row), row) | self.proposed(request, row)))

    def blank(self, request: HttpRequest) -> Any:
        """A row with the defaults."""
        return self.model()

    def proposed(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What is filled in already."""
        return {name: request.GET[name] for name in ("group", "device", "connection") if request.GET.get(name)}

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        row, form = self.blank(request), Form(request.POST)
        made: Any = None
        with form.attempt():
            members = self.validated(row, request.POST)
            made = services.create(row=self.model(**members), subject=self.subject)
        return self.after(request, made) if form.is_good else self.answer(request, row, form)


class ChangePage(RowPage):
    """An existing row."""

    def get(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        row = self.row(of_url["pk"])
        return self.answer(request, row, Form(texts_of(self.fields(row), row) | {"version": row.version}))

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        row, form = self.row(of_url["pk"]), Form(request.POST)
        with form.attempt():
            members = self.validated(row, request.POST)
            # without the version that was read, somebody else's change could be lost: no version is another version
            members["version"] = number_in(request.POST, "version") or 0
            services.change(row=row, fields=members, subject=self.subject)
        if form.is_good:
            return self.after(request, row)
        if form.status == HTTPStatus.CONFLICT and request.POST.get("version") != str(row.version):
            return self._conflict(request, row, form)
        return self.answer(request, row, form)

    def row(self, pk: int) -> Any:
        """The row. NotFound, also for one that the caller may see and not change: the form is not for them."""
        row = self.rows().filter(pk=pk).first()
        if row is None:
            raise NotFound
        return row

    def rows(self) -> Any:
        """The rows that the caller may see."""
        return self.model.objects.visible_to(self.subject)

    def _conflict(self, request: HttpRequest, row: Any, form: Form) -> HttpResponse:
        """Mine and theirs. The form keeps what was typed, with the version that the caller has seen now."""
        row.refresh_from_db()
        differences = []
        for field in self.fields(row):
            mine, theirs = request.POST.get(field.name, ""), text_of(field, getattr(row, field.name, None))
            if str(mine) != ("true" if theirs is True else "" if theirs is False else str(theirs)):
                differences.append(_Difference(field.label, _shown(mine), _shown(theirs)))
        values = request.POST.dict() | {"version": row.version}
        form.values = values
        return self.answer(request, row, form, differences=differences)


def _shown(value: object) -> object:
    if value in (True, "true"):
        return _("yes")
    return _("no") if value is False else value


class ArchivePage(PlantPage):
    """Archives a row, or says in place why not."""

    access: ClassVar[Mapping[str, Requirement]] = {"POST": may(Action.CONFIGURE)}
    http_method_names = ["post"]  # noqa: RUF012 - as Django has it
    template = "pages/plant/refused_here.html"
    title = ""
    model: ClassVar[Any]
    shown_by: ClassVar[str] = ""
    list_of: ClassVar[str] = ""

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        row = self.model.objects.visible_to(self.subject).filter(pk=of_url["pk"]).first()
        if row is None:
            raise NotFound
        form = Form()
        with form.attempt():
            self.act(row)
        if not form.is_good:
            back = reverse(self.shown_by, args=[row.pk])
            return self.show(request, {"form": form, "back": back, "title": _("Not done")}, status=form.status)
        return redirect_to(request, self.after(row))

    def act(self, row: Any) -> None:
        """Do it."""
        services.archive(row=row, subject=self.subject)

    def after(self, row: Any) -> str:
        """Where it leads."""
        return reverse(self.list_of)


class RestorePage(ArchivePage):
    """Restores an archived row."""

    def act(self, row: Any) -> None:
        services.restore(row=row, subject=self.subject)

    def after(self, row: Any) -> str:
        return reverse(self.shown_by, args=[row.pk])
