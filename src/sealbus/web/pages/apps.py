"""The app's name for Django."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["PagesApp"]


class PagesApp(AppConfig):
    """`sealbus.web.pages`."""

    name = "sealbus.web.pages"
    label = "pages"
