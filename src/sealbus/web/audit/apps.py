"""The app's name for Django."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AuditApp"]


class AuditApp(AppConfig):
    """`sealbus.web.audit`."""

    name = "sealbus.web.audit"
    label = "audit"
