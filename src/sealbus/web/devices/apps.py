"""The app's name for Django, and the templates that come with it."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

__all__ = ["DevicesApp"]


class DevicesApp(AppConfig):
    """`sealbus.web.devices`."""

    name = "sealbus.web.devices"
    label = "devices"

    def ready(self) -> None:
        """Store the shipped templates after each migration."""
        post_migrate.connect(_renew_templates, sender=self)


def _renew_templates(sender: AppConfig, **_: Any) -> None:
    from sealbus.web.devices.services import renew_shipped

    renew_shipped()
