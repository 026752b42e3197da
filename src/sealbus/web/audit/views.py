"""The audit in the API. Every view requires the right `audit` in all groups; none changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.audit.checkpoints import noted_heads, parse_head
from sealbus.web.audit.export import as_csv, as_json_lines
from sealbus.web.audit.models import Entry, Source
from sealbus.web.audit.queries import EntryFilter, page_of
from sealbus.web.audit.serializers import (
    EntrySerializer,
    ExportQuery,
    PageQuery,
    PageSerializer,
    SourceSerializer,
    VerdictSerializer,
    VerifyQuery,
)
from sealbus.web.audit.services import begin_export
from sealbus.web.audit.verification import verify_chain
from sealbus.web.http.authentication import rest_subject
from sealbus.web.http.paging import url_behind
from sealbus.web.http.rest import SubjectView, SubjectViewSet
from sealbus.web.http.streams import streamed
from sealbus.web.http.strict import query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from sealbus.web.access.requirement import Requirement

__all__ = ["EntriesView", "EntryView", "ExportView", "SourcesViewSet", "VerifyView"]

_MAY_READ: Mapping[str, Requirement] = {"GET": may(Action.AUDIT)}
_FILES = {(200, "text/csv"): OpenApiTypes.STR, (200, "application/jsonl"): OpenApiTypes.STR}


def _filter_of(query: Mapping[str, Any]) -> EntryFilter:
    return EntryFilter(**{name: query[name] for name in EntryFilter.__slots__ if name in query})


class EntriesView(SubjectView):
    """Entries, newest first."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ
    queries: ClassVar[frozenset[str]] = frozenset({"get"})

    @extend_schema(operation_id="audit_entries_list", parameters=[PageQuery], responses=PageSerializer)
    def get(self, request: Request) -> Response:
        """One page of the matching entries."""
        query = query_of(request, PageQuery)
        size = query["page_size"]
        found = page_of(rest_subject(request), _filter_of(query), before=query.get("before"), limit=size)
        following = url_behind(request, "before", found[-1].sequence) if len(found) == size else None
        return Response({"results": EntrySerializer(found, many=True).data, "next": following})


class EntryView(SubjectView):
    """One entry."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ

    @extend_schema(responses=EntrySerializer)
    def get(self, request: Request, sequence: int) -> Response:
        """By its number."""
        entry = get_object_or_404(Entry.objects.visible_to(rest_subject(request)), sequence=sequence)
        return Response(EntrySerializer(entry).data)


class ExportView(SubjectView):
    """Entries as a file, oldest first."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ
    queries: ClassVar[frozenset[str]] = frozenset({"get"})

    @extend_schema(parameters=[ExportQuery], responses=_FILES)
    def get(self, request: Request) -> HttpResponseBase:
        """The matching entries, up to now. The export is recorded in the audit."""
        query = query_of(request, ExportQuery)
        kind = query["file"]
        entries = begin_export(subject=rest_subject(request), wanted=_filter_of(query), kind=kind)
        pieces = as_csv(entries) if kind == "csv" else as_json_lines(entries)
        content_type = "text/csv; charset=utf-8" if kind == "csv" else "application/jsonl"
        return streamed(request._request, pieces, content_type=content_type, filename=f"audit.{kind}")


class VerifyView(SubjectView):
    """Whether the chain is intact."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ
    queries: ClassVar[frozenset[str]] = frozenset({"get"})

    @extend_schema(parameters=[VerifyQuery], responses=VerdictSerializer)
    def get(self, request: Request) -> Response:
        """Walk the whole chain, and compare it with the heads that were noted outside the database."""
        query = query_of(request, VerifyQuery)
        noted = noted_heads(settings.SEALBUS.home)  # type: ignore[misc]  # ours
        given = parse_head(query.get("noted", ""))
        verdict = verify_chain([*noted, given] if given else noted)
        return Response(VerdictSerializer(verdict).data)


class SourcesViewSet(mixins.ListModelMixin, SubjectViewSet):
    """The gateways whose records are taken over."""

    access: ClassVar[Mapping[str, Requirement]] = {"list": may(Action.AUDIT)}
    queryset = Source.objects.order_by("name")
    serializer_class: type[serializers.BaseSerializer[Source]] = SourceSerializer
