"""Every route of the site with each of its methods, for the tests that walk them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import URLResolver, get_resolver, reverse

from web.matrix_world import THINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealbus.web.accounts.models import Group

__all__ = ["Route", "routes"]

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Route:
    """A route and one of its methods."""

    name: str
    method: str
    argument: str

    @property
    def row(self) -> str:
        """Its row in matrix.toml."""
        return f"{self.method.upper()} {self.name}"

    @property
    def is_of_library(self) -> bool:
        """Signing in, which knows no roles: one caller is enough for a line."""
        return self.name.startswith(("headless:", "openid_connect"))

    def path(self, home: Group) -> str:
        """Its path; a thing that it names is made in this group."""
        if not self.argument:
            return reverse(self.name)
        make = THINGS.get(self.name) or THINGS.get(self.name.partition("-")[0])
        if make is None:
            raise LookupError(f"{self.name} names an object: write in THINGS of matrix_world.py how to make one")
        return reverse(self.name, kwargs={self.argument: make(home)})


def routes() -> list[Route]:
    """All of them, by their row."""
    return sorted(set(_walk(get_resolver(), ())), key=lambda route: route.row)


def _walk(resolver: URLResolver, names: tuple[str, ...]) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, (*names, pattern.namespace) if pattern.namespace else names)
            continue
        assert pattern.name, f"{pattern} has no name"
        arguments = [*pattern.pattern.regex.groupindex, *resolver.pattern.regex.groupindex]
        assert len(arguments) <= 1, f"{pattern} names more than one thing"
        for method in _methods(pattern.callback):
            yield Route(":".join((*names, pattern.name)), method, "".join(arguments))


def _methods(view: Any) -> list[str]:
    """The methods of a view; for a plain function all that matter, since it does not declare any."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    known = getattr(view, "actions", None) or (
        _METHODS if cls is None else [method for method in _METHODS if hasattr(cls, method)]
    )
    return [method for method in _METHODS if method in known]
