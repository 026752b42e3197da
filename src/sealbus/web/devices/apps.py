"""The app's name for Django."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["DevicesApp"]


class DevicesApp(AppConfig):
    """`sealbus.web.devices`."""

    name = "sealbus.web.devices"
    label = "devices"
