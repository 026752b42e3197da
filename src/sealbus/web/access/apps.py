"""The app's name for Django."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AccessApp"]


class AccessApp(AppConfig):
    """`sealbus.web.access`."""

    name = "sealbus.web.access"
    label = "access"
