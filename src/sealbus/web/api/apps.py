"""The app's name for Django."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["ApiApp"]


class ApiApp(AppConfig):
    """`sealbus.web.api`."""

    name = "sealbus.web.api"
    label = "api"
