"""Which surface was asked: programs get problem documents, browsers get pages, everything else gets a line of text."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Surface", "surface_of"]


class Surface(Enum):
    """The words in which an error is answered."""

    PROGRAM = auto()
    PAGE = auto()
    PLAIN = auto()


_PROGRAM_PATHS = ("/api/", "/_allauth/", "/health/", "/ws/")
_PLAIN_PATHS = ("/static/", "/.well-known/")


def surface_of(path: str) -> Surface:
    """By the path, because an error can come before any view is found."""
    if path.startswith(_PROGRAM_PATHS):
        return Surface.PROGRAM
    return Surface.PLAIN if path.startswith(_PLAIN_PATHS) else Surface.PAGE
