"""What a form shows: values as they were typed, and problems beside their fields.

The rules are those of the API: a page passes what was typed to the same serializer and service, and shows what they
refuse (`sealbus.web.errors.Invalid`, by member) in place. Nothing that was typed is lost.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sealbus.web.errors import ROW, Invalid, WebError
from sealbus.web.http.rest_errors import status_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Form"]


@dataclass(slots=True)
class Form:
    """Values by name, and after a refused attempt the problems by name; those of no field are under `whole`."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    status: int = 200
    """What to answer: 422 after values that cannot be used, else the status of the refusal."""

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Take the problems of what is tried within. `is_good` tells whether there were none."""
        try:
            yield
        except Invalid as error:
            self.status = 422
            for name, texts in error.problems.items():
                if name == ROW:
                    self.whole += texts
                else:
                    self.problems.setdefault(name, []).extend(texts)
        except WebError as error:
            self.status = status_of(error)
            self.whole.append(error.text)

    @property
    def is_good(self) -> bool:
        """Whether nothing was refused."""
        return not self.problems and not self.whole
