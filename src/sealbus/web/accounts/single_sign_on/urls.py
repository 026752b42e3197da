"""The route that the provider sends browsers back to; the operator registers its URL there."""

from __future__ import annotations

from django.urls import path

from sealbus.web.accounts.single_sign_on.views import CallbackView

__all__ = ["urlpatterns"]

urlpatterns = [
    path("oidc/<str:provider_id>/login/callback/", CallbackView.as_view(), name="openid_connect_callback"),
]
