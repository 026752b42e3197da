"""All routes."""

from __future__ import annotations

from django.urls import include, path

from sealbus.web.api.health_views import live, ready
from sealbus.web.config.security_txt import security_txt

__all__ = ["handler400", "handler403", "handler404", "handler429", "handler500", "urlpatterns"]

handler400 = "sealbus.web.config.error_pages.bad_request"
handler403 = "sealbus.web.config.error_pages.permission_denied"
handler404 = "sealbus.web.config.error_pages.not_found"
handler429 = "sealbus.web.config.error_pages.too_many_requests"  # django-allauth calls it
handler500 = "sealbus.web.config.error_pages.server_error"

urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path(".well-known/security.txt", security_txt, name="security-txt"),
    path("api/v1/", include("sealbus.web.api.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("accounts/", include("sealbus.web.accounts.single_sign_on.urls")),  # the callback of single sign-on
    path("", include("sealbus.web.pages.urls")),
]
