"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["TrendsApp"]


class TrendsApp(AppConfig):
    """`sealbus.web.trends`."""

    name = "sealbus.web.trends"
    label = "trends"
