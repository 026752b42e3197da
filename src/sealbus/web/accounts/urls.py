"""Routes below `/api/v1`."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from sealbus.web.accounts import views

__all__ = ["urlpatterns"]

_router = SimpleRouter(trailing_slash=False)
_router.register("users", views.UsersView, basename="user")
_router.register("roles", views.RolesView, basename="role")
_router.register("groups", views.GroupsView, basename="group")
_router.register("assignments", views.AssignmentsView, basename="assignment")
_router.register("tokens", views.TokensView, basename="token")
_router.register("access-review", views.AccessReviewView, basename="access-review")

urlpatterns = [
    path("me", views.MeView.as_view(), name="me"),
    path("setup", views.SetUpView.as_view(), name="setup"),
    path("password", views.PasswordLinkView.as_view(), name="password"),
    path("emergency", views.EmergencyView.as_view(), name="emergency"),
    path("", include(_router.urls)),
]
