"""Values and history over HTTP. Reads of what the caller may see; what he may not see is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.views import APIView

from sealbus.errors import LocalError
from sealbus.history import Bucket, Cursor, HistoryUnavailable
from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.streams import streamed
from sealbus.web.http.strict import query_of
from sealbus.web.trends import answers, parameters
from sealbus.web.trends.now import values_now
from sealbus.web.trends.queries import TagOf, asked_tags, asked_values, device_or_group_exists
from sealbus.web.trends.services import export_history
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

__all__ = ["AggregatesView", "ExportView", "HistoryView", "RawView", "Unavailable", "ValueView", "ValuesView"]

_MAY_VIEW: Mapping[str, Requirement] = {"GET": may(Action.VIEW)}


class Unavailable(exceptions.APIException):
    """503: history cannot be reached now."""

    status_code = 503
    default_detail = "History cannot be reached now; the same question may be answered later"
    default_code = "history-unavailable"
    wait = 5


class _View(APIView):
    access: ClassVar[Mapping[str, Requirement]] = _MAY_VIEW

    def handle_exception(self, exc: Exception) -> Any:
        """History that is down is nobody's wrong question."""
        return super().handle_exception(Unavailable() if isinstance(exc, HistoryUnavailable) else exc)

    def visible(self, tag_ids: Sequence[int]) -> dict[int, TagOf]:
        """Those of the tags that the caller may see, by id."""
        return asked_tags(rest_subject(self.request).rights, tag_ids)

    def visible_one(self, tag_id: int) -> TagOf:
        """404 where he may not see it."""
        found = self.visible([tag_id]).get(tag_id)
        if found is None:
            raise Http404
        return found


class ValuesView(_View):
    """Values now, many at once."""

    @extend_schema(
        operation_id="values_list",
        parameters=parameters.described(parameters.ValuesAsked),
        responses=answers.ValuesAnswer,
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Values now, in columns: by tags, of a device, or of a group."""
        asked = query_of(request, parameters.ValuesAsked)
        rights = rest_subject(request).rights
        if not device_or_group_exists(rights, asked):
            raise Http404
        tags = asked_values(rights, asked, parameters.MOST_VALUES + 1)
        if len(tags) > parameters.MOST_VALUES:
            raise serializers.ValidationError({"group": [f"more than {parameters.MOST_VALUES} tags: ask by device"]})
        now = values_now(tags)
        found = {tag.tag_id for tag in tags}
        unknown = [tag_id for tag_id in asked.get("tags", ()) if tag_id not in found]
        return answers.respond(
            answers.ValuesTold.of(now.samples, state=now.state, time_us=now.time_us, unknown=unknown)
        )


class ValueView(_View):
    """One value now."""

    @extend_schema(responses=answers.ValueAnswer)
    def get(self, request: Request, tag: int) -> HttpResponseBase:
        """The value of one tag now."""
        now = values_now([self.visible_one(tag).asked])
        return answers.respond(answers.ValueTold.of(tag, now.samples[0][1], state=now.state))


class HistoryView(_View):
    """Series of several tags."""

    @extend_schema(parameters=parameters.described(parameters.HistoryAsked), responses=answers.HistoryAnswer)
    def get(self, request: Request) -> HttpResponseBase:
        """History at the width of a screen: peaks and gaps are kept, and each series says what served it."""
        asked = query_of(request, parameters.HistoryAsked)
        seen = self.visible(asked["tags"])
        tag_ids = [tag_id for tag_id in asked["tags"] if tag_id in seen]
        found = history().query(tag_ids, asked["start"], asked["end"], width=asked["width"]) if tag_ids else ()
        series = [answers.SeriesTold.of(each) for each in found]
        unknown = [tag_id for tag_id in asked["tags"] if tag_id not in seen]
        return answers.respond(answers.HistoryTold(asked["start"], asked["end"], series, unknown))


class AggregatesView(_View):
    """Rollups of one tag."""

    @extend_schema(parameters=parameters.described(parameters.AggregatesAsked), responses=answers.AggregatesAnswer)
    def get(self, request: Request) -> HttpResponseBase:
        """Minimum, maximum, mean, last, count and time in bad quality of minutes, hours or local days."""
        asked = query_of(request, parameters.AggregatesAsked)
        self.visible_one(asked["tag"])
        try:
            found = history().aggregates(asked["tag"], Bucket(asked["bucket"]), asked["start"], asked["end"])
        except LocalError as error:
            raise serializers.ValidationError({"bucket": [str(error)]}) from None
        return answers.respond(answers.AggregatesTold.of(found))


class RawView(_View):
    """Samples of one tag."""

    @extend_schema(parameters=parameters.described(parameters.RawAsked), responses=answers.RawAnswer)
    def get(self, request: Request) -> HttpResponseBase:
        """Samples as they were stored; the next page is after `next`."""
        asked = query_of(request, parameters.RawAsked)
        self.visible_one(asked["tag"])
        after = Cursor(asked["after"]) if "after" in asked else None
        page = history().raw_block(asked["tag"], asked["start"], asked["end"], limit=asked["limit"], after=after)
        return answers.respond(answers.RawTold.of(asked["tag"], *page))


class ExportView(_View):
    """History as a file."""

    throttle_scope = "export"

    @extend_schema(
        parameters=parameters.described(parameters.ExportAsked),
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (200, "application/vnd.apache.parquet"): OpenApiResponse(OpenApiTypes.BINARY),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """History as CSV or Parquet, streamed: names and units come with it. It is recorded who took what."""
        asked = query_of(request, parameters.ExportAsked)
        seen = self.visible(asked["tags"])
        unknown = [tag_id for tag_id in asked["tags"] if tag_id not in seen]
        if unknown:
            raise serializers.ValidationError({"tags": [f"no tag {tag_id}" for tag_id in unknown[:20]]})
        tags = [seen[tag_id] for tag_id in asked["tags"]]
        made = export_history(subject=rest_subject(request), tags=tags, asked=asked)
        return streamed(request._request, made.pieces, content_type=made.content_type, filename=made.filename)
