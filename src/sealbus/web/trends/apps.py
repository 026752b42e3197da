"""The Django app, and its advisories for health."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["TrendsApp"]


class TrendsApp(AppConfig):
    """`sealbus.web.trends`."""

    name = "sealbus.web.trends"
    label = "trends"

    def ready(self) -> None:
        """Register the advisories. Anyone who may write to the bus can cause the first: the site stays ready. Losses are
        past: the site is ready again.
        """
        from sealbus.web.coordination.probes import ADVISORIES
        from sealbus.web.trends.collector_request import lost_samples
        from sealbus.web.trends.live_service import refused_messages

        ADVISORIES["bus messages"] = refused_messages
        ADVISORIES["lost samples"] = lost_samples
