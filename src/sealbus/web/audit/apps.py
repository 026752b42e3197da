"""The app's name for Django, and what it hears and tells."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AuditApp"]


class AuditApp(AppConfig):
    """`sealbus.web.audit`."""

    name = "sealbus.web.audit"
    label = "audit"

    def ready(self) -> None:
        """Hear refusals; tell how the forwarding is."""
        from sealbus.web.access.probes import ADVISORIES
        from sealbus.web.audit import receivers
        from sealbus.web.audit.forwarding import forwarding_problem

        ADVISORIES["syslog"] = forwarding_problem
        receivers.record_refusal  # noqa: B018 - loaded to be connected
