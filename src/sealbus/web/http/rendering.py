"""Answers of the API as JSON; a problem document gets the content type of one."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import JSONRenderer

from sealbus.web.http.problems import CONTENT_TYPE

__all__ = ["ProblemRenderer"]


class ProblemRenderer(JSONRenderer):
    """The renderer of the REST framework, with `application/problem+json` for errors."""

    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Render, and mark errors."""
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400 and isinstance(data, dict) and "type" in data:
            response.headers["Content-Type"] = CONTENT_TYPE
        return bytes(super().render(data, accepted_media_type, renderer_context))
