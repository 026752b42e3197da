"""The way into the process: HTTP to Django, sockets to the live consumers."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

__all__ = ["application"]

application = get_asgi_application()
