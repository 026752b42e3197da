"""Accounts by API."""

from __future__ import annotations

from sealbus.web.accounts.views.administration import AssignmentsView, GroupsView, RolesView, UsersView
from sealbus.web.accounts.views.links import EmergencyView, PasswordLinkView, SetUpView
from sealbus.web.accounts.views.oneself import AccessReviewView, MeView, TokensView

__all__ = [
    "AccessReviewView",
    "AssignmentsView",
    "EmergencyView",
    "GroupsView",
    "MeView",
    "PasswordLinkView",
    "RolesView",
    "SetUpView",
    "TokensView",
    "UsersView",
]
