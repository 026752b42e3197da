"""The Django app, and its health probe."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AuditApp"]


class AuditApp(AppConfig):
    """`sealbus.web.audit`."""

    name = "sealbus.web.audit"
    label = "audit"

    def ready(self) -> None:
        """Register the probe of the forwarding."""
        from sealbus.web.audit.forwarding import forwarding_problem
        from sealbus.web.coordination.probes import ADVISORIES

        ADVISORIES["syslog"] = forwarding_problem
