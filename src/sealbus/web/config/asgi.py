"""The ASGI application of the process: HTTP to Django, sockets to the live side, both behind `EdgeApp`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.asgi import get_asgi_application

from sealbus.web.config.edge_app import EdgeApp
from sealbus.web.config.exposure import exposure_of
from sealbus.web.config.headers import default_headers
from sealbus.web.config.host_policy import HostAndProxyPolicy
from sealbus.web.trends.socket import live_socket

if TYPE_CHECKING:
    from sealbus.web.config.environment import Environment
    from sealbus.web.config.limits import ServerLimits

__all__ = ["build_application"]


def build_application(limits: ServerLimits) -> EdgeApp:
    """The application, from the settings of this process."""
    site: Environment = settings.SEALBUS  # type: ignore[misc]  # ours
    return EdgeApp(
        get_asgi_application(),
        live_socket,
        HostAndProxyPolicy(exposure_of(site), settings.ALLOWED_HOSTS, site.trusted_proxies, site.public_url),
        default_headers(is_https=site.is_https),
        limits,
    )
