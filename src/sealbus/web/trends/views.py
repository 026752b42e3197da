"""Values and history over HTTP: reads of what the caller may see. A tag that is not visible answers like an unknown one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema

from sealbus.errors import LocalError
from sealbus.history import Bucket, Cursor, HistoryUnavailable
from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.errors import Invalid, NotFound, Unavailable
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.paging import url_behind
from sealbus.web.http.rest import SubjectView
from sealbus.web.http.streams import streamed
from sealbus.web.http.strict import query_of
from sealbus.web.trends import parameters, responses, serializers
from sealbus.web.trends.current_values import current_values
from sealbus.web.trends.exporting import export_history
from sealbus.web.trends.queries import NamedTag, find_tags, find_values
from sealbus.web.trends.store import history

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

__all__ = ["AggregatesView", "ExportView", "HistoryView", "RawView", "ValueView", "ValuesView"]

_MAY_VIEW: Mapping[str, Requirement] = {"GET": may(Action.VIEW)}
_RETRY_AFTER_S = 5


class _View(SubjectView):
    access: ClassVar[Mapping[str, Requirement]] = _MAY_VIEW
    queries: ClassVar[frozenset[str]] = frozenset({"get"})

    def handle_exception(self, exc: Exception) -> Any:
        """A history store that does not answer is 503, not a fault of the request."""
        if isinstance(exc, HistoryUnavailable):
            text = "History does not answer now; try the same request again in a moment"
            exc = Unavailable(_RETRY_AFTER_S, text, code="history-unavailable")
        return super().handle_exception(exc)

    def visible_tag(self, tag_id: int) -> NamedTag:
        """The tag. Raises NotFound if it does not exist or is not visible."""
        found = find_tags(rest_subject(self.request), [tag_id]).get(tag_id)
        if found is None:
            raise NotFound
        return found


class ValuesView(_View):
    """Current values of many tags."""

    @extend_schema(
        operation_id="values_list",
        parameters=parameters.described(parameters.ValuesQuery),
        responses=serializers.ValuesAnswer,
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Current values, in columns: of tags, of a device, or of a group."""
        query = query_of(request, parameters.ValuesQuery)
        tags = find_values(rest_subject(request), query, parameters.MAX_VALUES + 1)
        if len(tags) > parameters.MAX_VALUES:
            raise Invalid({"group": [f"it has more than {parameters.MAX_VALUES} tags: request them by device"]})
        now = current_values(tags)
        found = {tag.tag_id for tag in tags}
        unknown = [tag_id for tag_id in query.get("tags", ()) if tag_id not in found]
        return responses.respond(
            responses.ValuesResponse.of(now.samples, state=now.state, time_us=now.time_us, unknown=unknown)
        )


class ValueView(_View):
    """One current value."""

    queries: ClassVar[frozenset[str]] = frozenset()

    @extend_schema(responses=serializers.ValueAnswer)
    def get(self, request: Request, tag: int) -> HttpResponseBase:
        """The current value of one tag."""
        now = current_values([self.visible_tag(tag).requested])
        return responses.respond(responses.ValueResponse.of(tag, now.samples[0][1], state=now.state))


class HistoryView(_View):
    """Series of several tags."""

    @extend_schema(parameters=parameters.described(parameters.HistoryQuery), responses=serializers.HistoryAnswer)
    def get(self, request: Request) -> HttpResponseBase:
        """History at screen width: peaks and gaps are kept, and each series names its source."""
        query = query_of(request, parameters.HistoryQuery)
        visible = find_tags(rest_subject(request), query["tags"])
        tag_ids = [tag_id for tag_id in query["tags"] if tag_id in visible]
        found = history().query(tag_ids, query["start"], query["end"], width=query["width"]) if tag_ids else ()
        series = [responses.SeriesResponse.of(each) for each in found]
        unknown = [tag_id for tag_id in query["tags"] if tag_id not in visible]
        return responses.respond(responses.HistoryResponse(query["start"], query["end"], series, unknown))


class AggregatesView(_View):
    """Rollups of one tag."""

    @extend_schema(parameters=parameters.described(parameters.AggregatesQuery), responses=serializers.AggregatesAnswer)
    def get(self, request: Request) -> HttpResponseBase:
        """Minimum, maximum, mean, last, count and time in bad quality of minutes, hours or local days."""
        query = query_of(request, parameters.AggregatesQuery)
        self.visible_tag(query["tag"])
        try:
            found = history().aggregates(query["tag"], Bucket(query["bucket"]), query["start"], query["end"])
        except LocalError as error:
            raise Invalid({"bucket": [str(error)]}) from None
        return responses.respond(responses.AggregatesResponse.of(found))


class RawView(_View):
    """Samples of one tag."""

    @extend_schema(parameters=parameters.described(parameters.RawQuery), responses=serializers.RawAnswer)
    def get(self, request: Request) -> HttpResponseBase:
        """Samples as they were stored, in pages."""
        query = query_of(request, parameters.RawQuery)
        self.visible_tag(query["tag"])
        after = Cursor(query["after"]) if "after" in query else None
        size = query["page_size"]
        block, cursor = history().raw_block(query["tag"], query["start"], query["end"], limit=size, after=after)
        following = None if cursor is None else url_behind(request, "after", cursor.time_us)
        return responses.respond(responses.RawResponse.of(query["tag"], block, following))


class ExportView(_View):
    """History as a file."""

    throttle_scope = "export"

    @extend_schema(
        parameters=parameters.described(parameters.ExportQuery),
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (200, "application/vnd.apache.parquet"): OpenApiResponse(OpenApiTypes.BINARY),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """History as CSV or Parquet, streamed, with names and units. The export is recorded in the audit."""
        query = query_of(request, parameters.ExportQuery)
        export = export_history(subject=rest_subject(request), query=query)
        return streamed(request._request, export.pieces, content_type=export.content_type, filename=export.filename)
