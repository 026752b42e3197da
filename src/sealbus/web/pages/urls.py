"""Routes of the pages."""

from __future__ import annotations

from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from django.urls import path

from sealbus.web.pages.administration.groups import (
    ArchiveGroupPage,
    EditGroupPage,
    GroupsPage,
    NewGroupPage,
    RestoreGroupPage,
)
from sealbus.web.pages.administration.people import NewPersonPage, PeoplePage
from sealbus.web.pages.administration.person import (
    EditPersonPage,
    EndSessionsPage,
    GiveRolePage,
    PasswordLinkPage,
    PersonPage,
    ResetFactorPage,
    SwitchOffPage,
    SwitchOnPage,
    TakeRolePage,
)
from sealbus.web.pages.administration.roles import DeleteRolePage, EditRolePage, NewRolePage, RolesPage
from sealbus.web.pages.administration.settings import (
    EditRetentionPage,
    NetworksPage,
    NewRetentionPage,
    RemoveNetworkPage,
    RemovePatternPage,
    RemoveRetentionPage,
    RetentionPage,
)
from sealbus.web.pages.administration.state import LicencesPage, StatePage
from sealbus.web.pages.administration.ways_in import EndSessionPage, RevokeTokenPage, SessionsPage, TokensPage
from sealbus.web.pages.audit.views import AuditPage, ChainPage, EntryPage, ExportPage, NewerPage
from sealbus.web.pages.helping.views import EntryHelpPage, HelpPage
from sealbus.web.pages.overview.views import OverviewPage
from sealbus.web.pages.plant.views import DevicePage, DevicesPage, TagPage
from sealbus.web.pages.shell.views import FindPage, MorePage, SignedInAgainPage, SignOutPage, VersionPage

__all__ = ["urlpatterns"]

urlpatterns = [
    path("", OverviewPage.as_view(), name="overview"),
    path("login", LoginView.as_view(template_name="pages/login.html"), name="account_login"),
    path("login/second-factor", AuthenticateView.as_view(template_name="pages/login.html"), name="mfa_authenticate"),
    path("find", FindPage.as_view(), name="find"),
    path("version", VersionPage.as_view(), name="version"),
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
    # administration
    path("administration", PeoplePage.as_view(), name="administration"),
    path("administration/people/new", NewPersonPage.as_view(), name="person-new"),
    path("administration/people/<int:pk>", PersonPage.as_view(), name="person"),
    path("administration/people/<int:pk>/change", EditPersonPage.as_view(), name="person-edit"),
    path("administration/people/<int:pk>/role", GiveRolePage.as_view(), name="person-role"),
    path("administration/people/<int:pk>/off", SwitchOffPage.as_view(), name="person-off"),
    path("administration/people/<int:pk>/on", SwitchOnPage.as_view(), name="person-on"),
    path("administration/people/<int:pk>/sessions", EndSessionsPage.as_view(), name="person-sessions"),
    path("administration/people/<int:pk>/factor", ResetFactorPage.as_view(), name="person-factor"),
    path("administration/people/<int:pk>/link", PasswordLinkPage.as_view(), name="person-link"),
    path("administration/assignments/<int:pk>/take", TakeRolePage.as_view(), name="assignment-take"),
    path("administration/roles", RolesPage.as_view(), name="admin-roles"),
    path("administration/roles/new", NewRolePage.as_view(), name="role-new"),
    path("administration/roles/<int:pk>", EditRolePage.as_view(), name="role-edit"),
    path("administration/roles/<int:pk>/delete", DeleteRolePage.as_view(), name="role-delete"),
    path("administration/groups", GroupsPage.as_view(), name="admin-groups"),
    path("administration/groups/new", NewGroupPage.as_view(), name="group-new"),
    path("administration/groups/<int:pk>", EditGroupPage.as_view(), name="group-edit"),
    path("administration/groups/<int:pk>/archive", ArchiveGroupPage.as_view(), name="group-put-away"),
    path("administration/groups/<int:pk>/restore", RestoreGroupPage.as_view(), name="group-unarchive"),
    path("administration/tokens", TokensPage.as_view(), name="admin-tokens"),
    path("administration/tokens/<int:pk>/revoke", RevokeTokenPage.as_view(), name="admin-token-revoke"),
    path("administration/sessions", SessionsPage.as_view(), name="admin-sessions"),
    path("administration/sessions/<int:pk>/end", EndSessionPage.as_view(), name="admin-session-end"),
    path("administration/networks", NetworksPage.as_view(), name="admin-networks"),
    path("administration/networks/<int:pk>/remove", RemoveNetworkPage.as_view(), name="allowed-network-remove"),
    path("administration/serial/<int:pk>/remove", RemovePatternPage.as_view(), name="serial-pattern-remove"),
    path("administration/retention", RetentionPage.as_view(), name="admin-retention"),
    path("administration/retention/new", NewRetentionPage.as_view(), name="retention-class-new"),
    path("administration/retention/<int:pk>", EditRetentionPage.as_view(), name="retention-class-edit"),
    path("administration/retention/<int:pk>/remove", RemoveRetentionPage.as_view(), name="retention-class-remove"),
    path("administration/state", StatePage.as_view(), name="admin-state"),
    path("administration/licences", LicencesPage.as_view(), name="admin-licences"),
    # help
    path("help", HelpPage.as_view(), name="help"),
    path("help/<slug:slug>", EntryHelpPage.as_view(), name="help-entry"),
]
