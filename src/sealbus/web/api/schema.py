"""The OpenAPI document and the list of resources, for every signed-in caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.generators import EndpointEnumerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.response import Response

from sealbus.web.access.requirement import SIGNED_IN
from sealbus.web.http.authentication import GatePermission, SubjectAuthentication
from sealbus.web.http.rest import SubjectView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from sealbus.web.access.requirement import Requirement

__all__ = ["IndexSerializer", "IndexView", "SchemaView"]


_RENDERERS = [OpenApiJsonRenderer2, OpenApiYamlRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]


class SchemaView(SubjectView, SpectacularAPIView):
    """OpenAPI as JSON, or as YAML if the caller accepts that."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": SIGNED_IN}
    authentication_classes = [SubjectAuthentication]  # noqa: RUF012 - the library's are open to everybody
    permission_classes = [GatePermission]  # noqa: RUF012
    renderer_classes = _RENDERERS

    @extend_schema(
        responses={(200, each.media_type): OpenApiTypes.OBJECT for each in _RENDERERS},
        operation_id="schema_retrieve",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """This document."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return response


class IndexSerializer(serializers.Serializer[Any]):
    """Names and paths."""

    resources = serializers.DictField(child=serializers.CharField())


class IndexView(SubjectView):
    """The list of resources."""

    access: ClassVar[Mapping[str, Requirement]] = {"GET": SIGNED_IN}

    @extend_schema(responses=OpenApiResponse(IndexSerializer))
    def get(self, request: Request) -> Response:
        """The resources of the API, each with its path."""
        paths = {
            path
            for path, _, method, _ in EndpointEnumerator().get_api_endpoints(prefix="")  # type: ignore[no-untyped-call]
            if method == "GET" and path.startswith(request.path) and path != request.path and "{" not in path
        }
        return Response({"resources": {path.removeprefix(request.path): path for path in sorted(paths)}})
