"""The way into the process: HTTP to Django, sockets to the live consumers, both behind the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.asgi import get_asgi_application

from sealbus.web.config.callers import Callers
from sealbus.web.config.exposure import exposure_of
from sealbus.web.config.front import Front
from sealbus.web.config.headers import default_headers
from sealbus.web.trends.socket import live_socket

if TYPE_CHECKING:
    from sealbus.web.config.environment import Environment

__all__ = ["application"]

_SITE: Environment = settings.SEALBUS  # type: ignore[misc]  # ours

application = Front(
    get_asgi_application(),
    live_socket,
    Callers(exposure_of(_SITE), settings.ALLOWED_HOSTS, _SITE.trusted_proxies, _SITE.public_url),
    default_headers(is_https=_SITE.is_https),
)
