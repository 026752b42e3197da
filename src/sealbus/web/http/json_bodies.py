"""The parser of JSON bodies, with the check of `json_values` for all of them."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from sealbus.web.http.json_values import TOO_DEEP, json_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["JsonBody"]


class JsonBody(JSONParser):
    """JSON that can be used."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The parsed body. Raises ParseError for one that cannot be used."""
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(TOO_DEEP) from None
        if problem := json_problem(data):
            raise ParseError(problem)
        return data
