"""Templates: list, show, import, export, apply, archive. They belong to no group: a user who may configure in any group may
use them and add new names; a new version of a name, and archiving one, need the right in all groups.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import Requirement, may
from sealbus.web.devices import services
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import Template
from sealbus.web.devices.serializers.templates import ApplyForm, TemplateListed, TemplateShown
from sealbus.web.devices.template_body import TemplateDocument
from sealbus.web.devices.views.exchange import ImportQuery, ReportShown, answer
from sealbus.web.http.rest import SubjectViewSet
from sealbus.web.http.strict import Strict, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

__all__ = ["TemplateViewSet"]


class _Filter(Strict):
    name = serializers.CharField(max_length=100, required=False, help_text="A part of the name.")
    manufacturer = serializers.CharField(max_length=100, required=False)
    archived = serializers.BooleanField(required=False)


class TemplateViewSet(SubjectViewSet):
    """Maps of devices, to be used again."""

    access: ClassVar[Mapping[str, Requirement]] = {
        "list": may(Action.VIEW),
        "retrieve": may(Action.VIEW),
        "export": may(Action.VIEW),
        "create": may(Action.CONFIGURE),
        "apply": may(Action.CONFIGURE),
        "destroy": may(Action.CONFIGURE),
    }
    queryset = Template.objects.order_by("name", "-number")
    serializer_class = TemplateShown
    queries: ClassVar[frozenset[str]] = frozenset({"list", "create", "apply"})
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(parameters=[_Filter], responses=TemplateListed(many=True))
    def list(self, request: Request) -> Response:
        """One page, without their tags."""
        wanted = query_of(request, _Filter, paged=True)
        rows = self.get_queryset().filter(archived_at__isnull=not wanted.get("archived", False))
        rows = rows.filter(
            name__icontains=wanted.get("name", ""), manufacturer__icontains=wanted.get("manufacturer", "")
        )
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(TemplateListed(page, many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One, whole."""
        return Response(TemplateShown(self.get_object()).data)

    @extend_schema(parameters=[ImportQuery], request=TemplateDocument, responses={200: ReportShown, 201: TemplateShown})
    def create(self, request: Request) -> Response:
        """Import a template as the next version of its name, or report what is wrong with it."""
        dry_run = query_of(request, ImportQuery)["dry_run"]
        report = Report()
        with services.import_slot(self.subject):
            form = TemplateDocument(data=request.data)
            form.is_valid(raise_exception=True)
            made = services.import_template(
                document=form.validated_data, report=report, subject=self.subject, dry_run=dry_run
            )
        return answer(report, dry_run=dry_run) if made is None else Response(TemplateShown(made).data, status=201)

    @extend_schema(responses={(200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT)})
    @action(detail=True, methods=["get"])
    def export(self, request: Request, pk: str) -> HttpResponse:
        """As a file that can be imported elsewhere."""
        template: Template = self.get_object()
        words = {name: getattr(template, name) for name in ("name", "number", "manufacturer", "model", "text")}
        document = {"schema": 1, **words, **template.body}
        headers = {"Content-Disposition": f'attachment; filename="template-{template.pk}.json"'}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        return HttpResponse(text, content_type="application/json", headers=headers)

    @extend_schema(parameters=[ImportQuery], request=ApplyForm, responses={200: ReportShown})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Create or change the tags of a device after it."""
        dry_run = query_of(request, ImportQuery)["dry_run"]
        form = ApplyForm(data=request.data, context={"subject": self.subject})
        form.is_valid(raise_exception=True)
        wanted: Any = form.validated_data
        report = Report()
        with services.import_slot(self.subject):
            services.apply_template(
                template=self.get_object(),
                device=wanted["device"],
                report=report,
                subject=self.subject,
                dry_run=dry_run,
            )
        return answer(report, dry_run=dry_run)

    @extend_schema(responses={204: OpenApiResponse(description="archived")})
    def destroy(self, request: Request, pk: str) -> Response:
        """Archive it."""
        services.archive_template(template=self.get_object(), subject=self.subject)
        return Response(status=204)
