"""Making and changing a tag, and using a type that was found to be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.protocol import ValueType, WordOrder
from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.devices import services
from sealbus.web.devices.calculated import hidden_inputs
from sealbus.web.devices.models import Device, RetentionClass, Tag
from sealbus.web.devices.serializers import TagForm
from sealbus.web.errors import NotFound
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.plant.devices import PlantPage
from sealbus.web.pages.plant.editing import ArchivePage, ChangePage, NewPage, RestorePage, RowPage
from sealbus.web.pages.plant.paging import id_in
from sealbus.web.pages.plant.queries import with_values
from sealbus.web.pages.plant.typed import Kind, Section, Typed
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from sealbus.web.access.requirement import Requirement

__all__ = ["TagArchivePage", "TagChangePage", "TagDecodingPage", "TagNewPage", "TagRestorePage"]

_MAX_DEVICES = 500


_HINTS = {
    "name": gettext_lazy("As people call the value: level, flow, power."),
    "text": gettext_lazy("What somebody should know who sees the value for the first time."),
    "enabled": gettext_lazy("Switched off, it is kept and not read."),
    "type": gettext_lazy("How the registers make a value; the manual of the device says it."),
    "interval_s": gettext_lazy("Empty only for a calculated tag: whenever an input changes."),
    "decimals": gettext_lazy("How many are shown. Empty: as many as there are."),
    "normal_low": gettext_lazy("Between the two nothing needs attention. Bars show it; empty: no normal range."),
    "normal_high": gettext_lazy("Pages show what left the normal range."),
    "is_key": gettext_lazy("The overview shows it."),
    "low": gettext_lazy("Below it the value is uncertain. Empty: no limit."),
    "high": gettext_lazy("Above it the value is uncertain. Empty: no limit."),
    "enumeration": gettext_lazy("One a line: 0 = off. The word is shown in place of the number."),
    "bit": gettext_lazy("Of the registers, 0 is the lowest. Empty: the whole value."),
    "bit_width": gettext_lazy("Empty: one bit, on or off."),
    "length": gettext_lazy("Only for a text; else 0."),
    "sentinels": gettext_lazy("Raw values that mean that there is no value, with commas."),
    "sunspec": gettext_lazy("The values that SunSpec reserves for it count too."),
    "expression": gettext_lazy("A calculated tag has this in place of a place and a type."),
    "stale_after_s": gettext_lazy("Empty: three intervals, and 5 s at least."),
    "writable": gettext_lazy("Only coils and holding registers can be. This version does not write."),
    "write_min": gettext_lazy("The smallest value that may be written. Empty: no limit."),
    "write_max": gettext_lazy("The largest value that may be written. Empty: no limit."),
    "write_step": gettext_lazy("Values between two steps are refused. Empty: any value."),
    "needs_confirmation": gettext_lazy("The one who writes looks at the value once more."),
    "needs_second_person": gettext_lazy("Another person with the right decides before it is sent."),
    "needs_reason": gettext_lazy("It stands in the audit."),
    "raw_low": gettext_lazy("The linear range in place of scale and offset: all four fields or none."),
    "raw_high": gettext_lazy("Such as 4000 to 20000 for 4 to 20 mA."),
    "scaled_low": gettext_lazy("The value that the low raw value means."),
    "scaled_high": gettext_lazy("The value that the high raw value means."),
}


def _of(name: str, label: object, kind: Kind = Kind.TEXT, **options: Any) -> Typed:
    options.setdefault("hint", _HINTS.get(name, ""))
    return Typed(name, label, kind, schema="TagForm", **options)


_TYPES = [("", gettext_lazy("by the place: a bit, else uint16")), *((each.value, each.value) for each in ValueType)]
_ORDERS = [
    ("ABCD", gettext_lazy("ABCD, big endian")),
    ("CDAB", gettext_lazy("CDAB, low word first")),
    ("BADC", gettext_lazy("BADC, bytes swapped")),
    ("DCBA", gettext_lazy("DCBA, little endian")),
]
_SHOWN = (
    _of("unit", gettext_lazy("Engineering unit"), placeholder="bar"),
    _of("decimals", gettext_lazy("Decimals"), Kind.NUMBER),
    _of("normal_low", gettext_lazy("Normal from"), Kind.NUMBER),
    _of("normal_high", gettext_lazy("Normal to"), Kind.NUMBER),
    _of("low", gettext_lazy("Possible from"), Kind.NUMBER),
    _of("high", gettext_lazy("Possible to"), Kind.NUMBER),
    _of("is_key", gettext_lazy("Key value"), Kind.TICK),
    _of("enumeration", gettext_lazy("Words for numbers"), Kind.PAIRS, placeholder="0 = off"),
)
_SCALE = (
    _of("scale", gettext_lazy("Scale"), Kind.NUMBER),
    _of("offset", gettext_lazy("Offset"), Kind.NUMBER),
    _of("raw_low", gettext_lazy("Raw value, low"), Kind.NUMBER),
    _of("raw_high", gettext_lazy("Raw value, high"), Kind.NUMBER),
    _of("scaled_low", gettext_lazy("means"), Kind.NUMBER),
    _of("scaled_high", gettext_lazy("means"), Kind.NUMBER),
)
_BITS = (
    _of("length", gettext_lazy("Registers of a text"), Kind.NUMBER),
    _of("bit", gettext_lazy("Lowest bit"), Kind.NUMBER),
    _of("bit_width", gettext_lazy("Number of bits"), Kind.NUMBER),
    _of("sentinels", gettext_lazy("Not available"), Kind.NUMBERS, placeholder="0x8000, 65535"),
    _of("sunspec", gettext_lazy("SunSpec: not available"), Kind.TICK),
    _of("sunspec_type", gettext_lazy("SunSpec type")),
)
_CALCULATED = (
    _of("expression", gettext_lazy("Formula"), placeholder="flow * 3.6"),
    _of("inputs", gettext_lazy("Inputs"), Kind.PAIRS,
        hint=gettext_lazy("The names in the formula and the ids of their tags, one a line: flow = 12"),
        placeholder="flow = 12"),
)  # fmt: skip
_WRITING = (
    _of("writable", gettext_lazy("May be written"), Kind.TICK),
    _of("write_min", gettext_lazy("From"), Kind.NUMBER),
    _of("write_max", gettext_lazy("To"), Kind.NUMBER),
    _of("write_step", gettext_lazy("Step"), Kind.NUMBER),
    _of("needs_confirmation", gettext_lazy("Each write is confirmed"), Kind.TICK),
    _of("needs_second_person", gettext_lazy("A second person approves"), Kind.TICK),
    _of("needs_reason", gettext_lazy("A reason is written"), Kind.TICK),
)


class _TagForm(RowPage):
    model = Tag
    serializer = TagForm
    shown_by = "tag"
    list_of = "tags"
    template = "pages/plant/tag_edit.html"

    def sections(self, row: Any) -> Sequence[Section]:
        devices = Device.objects.visible_to(self.subject).live().order_by("name").values_list("pk", "name")
        classes = RetentionClass.objects.visible_to(self.subject).values_list("pk", "name")
        return (
            Section(_("Tag"), (
                _of("name", _("Name"), required=True),
                _of("device", _("Device"), Kind.ROW, choices=list(devices[:_MAX_DEVICES]), required=True,
                    hint=_("The device that has it.")),
                _of("text", _("Remark")),
                _of("enabled", _("Read this tag"), Kind.TICK),
            )),
            Section(_("Place and type"), (
                _of("place", _("Place"), placeholder="holding:20"),
                _of("type", _("Type"), Kind.CHOICE, choices=_TYPES),
                _of("order", _("Order"), Kind.CHOICE, choices=_ORDERS),
                _of("interval_s", _("Read every"), Kind.NUMBER, unit="s"),
            )),
            Section(_("How it is shown"), _SHOWN),
            Section(_("Scale"), _SCALE, is_open=row.pk is not None and (row.scale != 1 or row.raw_low is not None)),
            Section(_("Bits, texts and missing values"), _BITS, is_open=False),
            Section(_("Calculated"), _CALCULATED, is_open=bool(row.expression)),
            Section(_("History"), (
                _of("retention", _("Kept as"), Kind.ROW, choices=list(classes), hint=_("How long its history is kept.")),
                _of("dead_band", _("Dead band"), Kind.NUMBER),
                _of("max_interval_s", _("Stored at least every"), Kind.NUMBER, unit="s"),
                _of("stale_after_s", _("Stale after"), Kind.NUMBER, unit="s"),
            ), is_open=False),
            Section(_("Writing"), _WRITING, is_open=False),
        )  # fmt: skip

    def typed(self, row: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        members = super().typed(row, given)
        if members.get("retention") is None:
            members.pop("retention", None)
        members["inputs"] = self._inputs(row, members["inputs"])
        return members

    def _inputs(self, row: Any, pairs: Any) -> Any:
        """Ids as numbers. An input that the caller cannot see is shown without its id and kept as it is."""
        kept = row.inputs if row.pk is not None else {}
        hidden = hidden_inputs([row], self.subject) if kept else set()
        return {
            name: kept[name] if text == "?" and kept.get(name) in hidden else id_in(text) or text
            for name, text in pairs.items()
        }

    def more(self, row: Any) -> dict[str, Any]:
        if row.pk is None:
            return {}
        return {"live_row": with_values([row])[0]}

    def answer(self, request: HttpRequest, row: Any, form: Form, **more: Any) -> HttpResponse:
        if request.method == "GET" and row.pk is not None and row.inputs:
            hidden = hidden_inputs([row], self.subject)
            lines = [f"{name} = {'?' if pk in hidden else pk}" for name, pk in row.inputs.items()]
            form.values = dict(form.values.items()) | {"inputs": "\n".join(lines)}
        return super().answer(request, row, form, **more)


class TagNewPage(_TagForm, NewPage):
    """A new tag."""

    title = gettext_lazy("New tag")


class TagChangePage(_TagForm, ChangePage):
    """The settings of a tag."""

    title = gettext_lazy("Change the tag")

    def rows(self) -> Any:
        return super().rows().select_related("device__group", "retention")


class _OfTag:
    model: ClassVar[Any] = Tag
    shown_by: ClassVar[str] = "tag"
    list_of: ClassVar[str] = "tags"


class TagArchivePage(_OfTag, ArchivePage):
    """Archives a tag."""


class TagRestorePage(_OfTag, RestorePage):
    """Restores a tag."""


class TagDecodingPage(PlantPage):
    """Gives a tag the type and order that the raw words have shown to be right."""

    access: ClassVar[Mapping[str, Requirement]] = {"POST": may(Action.CONFIGURE)}
    http_method_names = ["post"]  # noqa: RUF012 - as Django has it
    template = "pages/plant/refused_here.html"
    title = gettext_lazy("Type of the tag")

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        tag = Tag.objects.visible_to(self.subject).select_related("device").filter(pk=of_url["pk"]).first()
        if tag is None:
            raise NotFound
        form, back = Form(), f"{reverse('device-registers', args=[tag.device_id])}?tag={tag.pk}#words"
        given = {name: request.POST.get(name, "") for name in ("type", "order", "version")}
        given.setdefault("order", WordOrder.ABCD.value)
        with form.attempt():
            members = checked(TagForm, given, self.subject, row=tag)
            services.change(row=tag, fields=members, subject=self.subject)
        if not form.is_good:
            return self.show(request, {"form": form, "back": back}, status=form.status)
        return redirect_to(request, back)
