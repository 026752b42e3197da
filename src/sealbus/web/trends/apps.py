"""The Django app, and its advisory for health."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["TrendsApp"]


class TrendsApp(AppConfig):
    """`sealbus.web.trends`."""

    name = "sealbus.web.trends"
    label = "trends"

    def ready(self) -> None:
        """Register the advisory about the bus. Anyone who may write to it can cause this: the site stays ready."""
        from sealbus.web.coordination.probes import ADVISORIES
        from sealbus.web.trends.live_service import refused_messages

        ADVISORIES["bus messages"] = refused_messages
