"""Accounts by API and, for links that a browser is to open, as plain pages."""

from __future__ import annotations

from sealbus.web.accounts.views.administration import AssignmentsView, GroupsView, RolesView, UsersView
from sealbus.web.accounts.views.links import EmergencyView, PasswordLinkView, SetUpView
from sealbus.web.accounts.views.oneself import AccessReviewView, MeView, TokensView
from sealbus.web.accounts.views.pages import LinkPage, StartPage

__all__ = [
    "AccessReviewView",
    "AssignmentsView",
    "EmergencyView",
    "GroupsView",
    "LinkPage",
    "MeView",
    "PasswordLinkView",
    "RolesView",
    "SetUpView",
    "StartPage",
    "TokensView",
    "UsersView",
]
