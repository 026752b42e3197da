"""Routes of the pages."""

from __future__ import annotations

from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from django.urls import path

from sealbus.web.pages.audit.views import AuditPage, ChainPage, EntryPage, ExportPage, NewerPage
from sealbus.web.pages.overview.views import OverviewPage
from sealbus.web.pages.plant.views import DevicePage, DevicesPage, TagPage
from sealbus.web.pages.shell.views import FindPage, MorePage, SignedInAgainPage, SignOutPage

__all__ = ["urlpatterns"]

urlpatterns = [
    path("", OverviewPage.as_view(), name="overview"),
    path("login", LoginView.as_view(template_name="pages/login.html"), name="account_login"),
    path("login/second-factor", AuthenticateView.as_view(template_name="pages/login.html"), name="mfa_authenticate"),
    path("find", FindPage.as_view(), name="find"),
    path("more", MorePage.as_view(), name="more"),
    path("sign-out", SignOutPage.as_view(), name="sign-out"),
    path("signed-in-again", SignedInAgainPage.as_view(), name="signed-in-again"),
    path("devices", DevicesPage.as_view(), name="devices"),
    path("devices/<int:pk>", DevicePage.as_view(), name="device"),
    path("tags/<int:pk>", TagPage.as_view(), name="tag"),
    # audit
    path("audit", AuditPage.as_view(), name="audit"),
    path("audit/newer", NewerPage.as_view(), name="audit-newer"),
    path("audit/chain", ChainPage.as_view(), name="audit-chain"),
    path("audit/export", ExportPage.as_view(), name="audit-export-file"),
    path("audit/<int:pk>", EntryPage.as_view(), name="audit-entry-page"),
]
