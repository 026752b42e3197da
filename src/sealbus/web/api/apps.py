"""The Django app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

__all__ = ["ApiApp"]


class ApiApp(AppConfig):
    """`sealbus.web.api`."""

    name = "sealbus.web.api"
    label = "api"

    def ready(self) -> None:
        """Register the authentication scheme of the document."""
        import_module("sealbus.web.api.schema_hooks")
