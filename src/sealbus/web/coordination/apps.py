"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["CoordinationApp"]


class CoordinationApp(AppConfig):
    """`sealbus.web.coordination`."""

    name = "sealbus.web.coordination"
    label = "coordination"
