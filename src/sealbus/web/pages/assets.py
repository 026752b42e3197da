"""URLs of the built files, with the first digits of their hash: a browser keeps them for good, and never an old one."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from django.contrib.staticfiles.finders import find
from django.templatetags.static import static

from sealbus.version import __version__

__all__ = ["asset_url", "site_version", "version_of"]

_DIGITS = 12


@lru_cache(maxsize=64)
def version_of(path: str) -> str:
    """The first digits of the SHA-256 of a static file; empty if there is none. As `frontend/build.mjs` writes it in CSS."""
    found = find(path)
    if not found:
        return ""
    with open(found, "rb") as file:  # noqa: PTH123 - find() gives a text
        return hashlib.sha256(file.read()).hexdigest()[:_DIGITS]


def site_version() -> str:
    """What changes when the site is updated: the version of the package and of the built files."""
    return f"{__version__}-{version_of('pages/core.js')}-{version_of('pages/pages.css')}"


def asset_url(name: str) -> str:
    """The URL of a file of `static/pages`."""
    path = f"pages/{name}"
    return f"{static(path)}?v={version_of(path)}"
