"""All tags of all devices, in one table: find a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from sealbus.protocol import ValueType
from sealbus.samples import Quality
from sealbus.web.access.actions import Action
from sealbus.web.devices.models import Device, Tag
from sealbus.web.pages.plant.devices import PlantPage, groups_for
from sealbus.web.pages.plant.paging import Paged, number_in
from sealbus.web.pages.plant.queries import qualities_of, with_values, words_in

if TYPE_CHECKING:
    from django.http import HttpRequest, QueryDict

    from sealbus.samples import Sample
    from sealbus.web.access.subject import Subject

__all__ = ["TagsPage", "tags_of_query"]

_QUALITIES = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD, "stale": Quality.STALE}
_MAX_DEVICES = 300


class TagsPage(PlantPage):
    """All tags that the caller may see, with their values."""

    template = "pages/plant/tags.html"
    title = _("Tags")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        query = request.GET
        found = tags_of_query(self.subject, query)
        if (quality := query.get("quality", "")) in (*_QUALITIES, "not-good"):
            ids = [pk for pk, sample in qualities_of(found) if _is_of(sample, quality)]
            page = Paged.of(request, ids, len(ids))
            tags = Tag.objects.filter(pk__in=page.rows).select_related("device__group", "device__connection")
            by_id = {tag.pk: tag for tag in tags.order_by()}
            shown = [by_id[pk] for pk in page.rows if pk in by_id]
        else:
            page = Paged.of(request, found, found.count())
            shown = list(page.rows)
        devices = Device.objects.visible_to(self.subject).live().order_by("name", "pk")
        return {
            "page_of": page,
            "rows": with_values(shown),
            "groups": groups_for(self.subject),
            "devices": devices.values_list("pk", "name")[:_MAX_DEVICES],
            "types": list(ValueType),
            "qualities": [("not-good", _("not good")), *((each, _(each)) for each in _QUALITIES)],
            "filters": query,
            "is_filtered": any(query.get(name) for name in ("q", "group", "device", "quality", "type")),
            "is_archived": query.get("archived") == "1",
            "may_configure": self.subject.rights.allows_anywhere(Action.CONFIGURE),
        }


def tags_of_query(subject: Subject, query: QueryDict) -> Any:
    """The tags that the filters of a query leave, with their devices, in the order of the list."""
    found: Any = Tag.objects.visible_to(subject).filter(device__archived_at__isnull=True)
    found = found.archived() if query.get("archived") == "1" else found.live()
    for name, column in {"group": "device__group", "device": "device"}.items():
        if (pk := number_in(query, name)) is not None:
            found = found.filter(**{column: pk})
    if (kind := query.get("type", "")) == "calculated":
        found = found.exclude(expression="")
    elif kind in set(ValueType):
        found = found.filter(type=kind)
    found = found.filter(words_in(query.get("q", ""), "name", "text", "device__name", "place"))
    return found.select_related("device__group", "device__connection").order_by(
        "device__name", "device_id", "name", "pk"
    )


def _is_of(sample: Sample | None, quality: str) -> bool:
    found = Quality.BAD if sample is None else sample.quality
    return found is not Quality.GOOD if quality == "not-good" else found is _QUALITIES[quality]
