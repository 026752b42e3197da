"""The audit over the API. All of it asks for the right `audit`, held in all groups; nothing here changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.response import Response
from rest_framework.views import APIView

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


def _wanted(asked: Mapping[str, Any]) -> EntryFilter:
    return EntryFilter(**{name: asked[name] for name in EntryFilter.__slots__ if name in asked})


class EntriesView(APIView):
    """Entries, newest first."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ

    @extend_schema(operation_id="audit_entries_list", parameters=[PageQuery], responses=PageSerializer)
    def get(self, request: Request) -> Response:
        """A page of those that fit."""
        asked = query_of(request, PageQuery)
        limit = asked["limit"]
        found = page_of(_wanted(asked), before=asked.get("before"), limit=limit)
        following = found[-1].sequence if len(found) == limit else None
        return Response({"results": EntrySerializer(found, many=True).data, "next_before": following})


class EntryView(APIView):
    """One entry."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ

    @extend_schema(responses=EntrySerializer)
    def get(self, request: Request, sequence: int) -> Response:
        """By its number."""
        return Response(EntrySerializer(get_object_or_404(Entry, sequence=sequence)).data)


class ExportView(APIView):
    """Entries as a file, oldest first."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ

    @extend_schema(parameters=[ExportQuery], responses=_FILES)
    def get(self, request: Request) -> HttpResponseBase:
        """Those that fit, up to the moment of asking."""
        asked = query_of(request, ExportQuery)
        kind = asked["file"]
        entries = begin_export(actor=rest_subject(request).actor, wanted=_wanted(asked), kind=kind)
        pieces = as_csv(entries) if kind == "csv" else as_json_lines(entries)
        content_type = "text/csv; charset=utf-8" if kind == "csv" else "application/jsonl"
        return streamed(request._request, pieces, content_type=content_type, filename=f"audit.{kind}")


class VerifyView(APIView):
    """Whether the chain is whole."""

    access: ClassVar[Mapping[str, Requirement]] = _MAY_READ

    @extend_schema(parameters=[VerifyQuery], responses=VerdictSerializer)
    def get(self, request: Request) -> Response:
        """Walks all of it, and compares with the heads that were noted outside the database."""
        asked = query_of(request, VerifyQuery)
        noted = noted_heads(settings.SEALBUS.home)  # type: ignore[misc]  # ours
        given = parse_head(asked.get("noted", ""))
        verdict = verify_chain([*noted, given] if given else noted)
        return Response(VerdictSerializer(verdict).data)


class SourcesViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Source]):
    """The gateways whose records are taken over."""

    access: ClassVar[Mapping[str, Requirement]] = {"list": may(Action.AUDIT)}
    queryset = Source.objects.order_by("name")
    serializer_class: type[serializers.BaseSerializer[Source]] = SourceSerializer
