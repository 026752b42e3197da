"""The Django app, and its health probes."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AuditApp"]


class AuditApp(AppConfig):
    """`sealbus.web.audit`."""

    name = "sealbus.web.audit"
    label = "audit"

    def ready(self) -> None:
        """Register the probes of the forwarding and of the takeover."""
        from sealbus.web.audit.forwarding import forwarding_problem
        from sealbus.web.audit.takeover import records_problem
        from sealbus.web.coordination.probes import ADVISORIES

        ADVISORIES["records"] = records_problem
        ADVISORIES["syslog"] = forwarding_problem
