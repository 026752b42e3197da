"""Routes of the pages."""

from __future__ import annotations

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
from sealbus.web.pages.oneself.account import AccountPage, ChangePasswordPage, SetPasswordPage
from sealbus.web.pages.oneself.factors import (
    AddAppPage,
    AddPasskeyPage,
    FactorsPage,
    NewRecoveryCodesPage,
    PasskeyPage,
    RecoveryCodesPage,
    RemoveAppPage,
    RemovePasskeyPage,
)
from sealbus.web.pages.oneself.sessions import OwnSessionsPage
from sealbus.web.pages.oneself.tokens import NewTokenPage, OwnTokensPage, RevokeOwnTokenPage
from sealbus.web.pages.overview.views import OverviewPage
from sealbus.web.pages.plant.bulk import TagsBulkPage
from sealbus.web.pages.plant.commands import (
    CommandPage,
    CommandWithdrawPage,
    ConnectionCommandPage,
    DeviceCommandPage,
)
from sealbus.web.pages.plant.connections import (
    ConnectionArchivePage,
    ConnectionChangePage,
    ConnectionNewPage,
    ConnectionPage,
    ConnectionRestorePage,
    ConnectionsPage,
)
from sealbus.web.pages.plant.device import (
    DeviceConnectionPage,
    DevicePage,
    DeviceRegistersPage,
    DeviceSettingsPage,
    DeviceStatePage,
)
from sealbus.web.pages.plant.device_forms import (
    DeviceArchivePage,
    DeviceChangePage,
    DeviceNewPage,
    DeviceRestorePage,
    DeviceTagsPage,
)
from sealbus.web.pages.plant.devices import DevicesPage
from sealbus.web.pages.plant.faceplate import TagPage
from sealbus.web.pages.plant.first_steps import FirstStepsPage
from sealbus.web.pages.plant.importing import ImportPage
from sealbus.web.pages.plant.tag_forms import (
    TagArchivePage,
    TagChangePage,
    TagDecodingPage,
    TagNewPage,
    TagRestorePage,
)
from sealbus.web.pages.plant.tags import TagsPage
from sealbus.web.pages.shell.views import FindPage, MorePage, SignedInAgainPage, SignOutPage, VersionPage
from sealbus.web.pages.signing_in.confirming import (
    ConfirmByCodePage,
    ConfirmByPasskeyPage,
    ConfirmByPasswordPage,
    ConfirmByProviderPage,
    SecondFactorPage,
)
from sealbus.web.pages.signing_in.links import EmergencyPage, NewPasswordPage, SetUpPage
from sealbus.web.pages.signing_in.steps import LoginPage, PasskeyLoginPage, SecondStepPage

__all__ = ["urlpatterns"]

urlpatterns = [
    path("", OverviewPage.as_view(), name="overview"),
    path("find", FindPage.as_view(), name="find"),
    path("version", VersionPage.as_view(), name="version"),
    path("more", MorePage.as_view(), name="more"),
    path("sign-out", SignOutPage.as_view(), name="sign-out"),
    path("signed-in-again", SignedInAgainPage.as_view(), name="signed-in-again"),
    # the plant
    path("devices", DevicesPage.as_view(), name="devices"),
    path("devices/<int:pk>", DevicePage.as_view(), name="device"),
    path("devices/<int:pk>/registers", DeviceRegistersPage.as_view(), name="device-registers"),
    path("devices/<int:pk>/connection", DeviceConnectionPage.as_view(), name="device-connection"),
    path("devices/<int:pk>/state", DeviceStatePage.as_view(), name="device-state"),
    path("devices/<int:pk>/settings", DeviceSettingsPage.as_view(), name="device-settings"),
    path("devices/<int:pk>/commands", DeviceCommandPage.as_view(), name="device-command"),
    path("tags", TagsPage.as_view(), name="tags"),
    path("tags/<int:pk>", TagPage.as_view(), name="tag"),
    path("connections/<int:pk>/commands", ConnectionCommandPage.as_view(), name="connection-command"),
    path("first-steps", FirstStepsPage.as_view(), name="first-steps"),
    path("import", ImportPage.as_view(), name="import"),
    path("devices/new", DeviceNewPage.as_view(), name="device-new"),
    path("devices/<int:pk>/edit", DeviceChangePage.as_view(), name="device-edit"),
    path("devices/<int:pk>/archive", DeviceArchivePage.as_view(), name="device-put-away"),
    path("devices/<int:pk>/restore", DeviceRestorePage.as_view(), name="device-unarchive"),
    path("devices/<int:pk>/tags", DeviceTagsPage.as_view(), name="device-tags"),
    path("tags/new", TagNewPage.as_view(), name="tag-new"),
    path("tags/bulk", TagsBulkPage.as_view(), name="tags-bulk"),
    path("tags/<int:pk>/edit", TagChangePage.as_view(), name="tag-edit"),
    path("tags/<int:pk>/decoding", TagDecodingPage.as_view(), name="tag-decoding"),
    path("tags/<int:pk>/archive", TagArchivePage.as_view(), name="tag-put-away"),
    path("tags/<int:pk>/restore", TagRestorePage.as_view(), name="tag-unarchive"),
    path("connections", ConnectionsPage.as_view(), name="connections"),
    path("connections/new", ConnectionNewPage.as_view(), name="connection-new"),
    path("connections/<int:pk>", ConnectionPage.as_view(), name="connection"),
    path("connections/<int:pk>/edit", ConnectionChangePage.as_view(), name="connection-edit"),
    path("connections/<int:pk>/archive", ConnectionArchivePage.as_view(), name="connection-put-away"),
    path("connections/<int:pk>/restore", ConnectionRestorePage.as_view(), name="connection-unarchive"),
    path("commands/<int:pk>", CommandPage.as_view(), name="command"),
    path("commands/<int:pk>/withdraw", CommandWithdrawPage.as_view(), name="command-withdrawal"),
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
    # getting in; the names with underscores are those that django-allauth looks for
    path("login", LoginPage.as_view(), name="account_login"),
    path("login/passkey", PasskeyLoginPage.as_view(), name="mfa_login_webauthn"),
    path("login/second-factor", SecondStepPage.as_view(), name="mfa_authenticate"),
    path("confirm", ConfirmByPasswordPage.as_view(), name="account_reauthenticate"),
    path("confirm/code", ConfirmByCodePage.as_view(), name="mfa_reauthenticate"),
    path("confirm/passkey", ConfirmByPasskeyPage.as_view(), name="mfa_reauthenticate_webauthn"),
    path("confirm/provider", ConfirmByProviderPage.as_view(), name="confirm-by-provider"),
    path("second-factor", SecondFactorPage.as_view(), name="second-factor"),
    path("setup", SetUpPage.as_view(), name="setup-page"),
    path("password", NewPasswordPage.as_view(), name="password-page"),
    path("emergency", EmergencyPage.as_view(), name="emergency-page"),
    # one's own account
    path("account", AccountPage.as_view(), name="account"),
    path("account/password", ChangePasswordPage.as_view(), name="account_change_password"),
    path("account/first-password", SetPasswordPage.as_view(), name="account_set_password"),
    path("account/factors", FactorsPage.as_view(), name="mfa_index"),
    path("account/factors/app", AddAppPage.as_view(), name="mfa_activate_totp"),
    path("account/factors/app/remove", RemoveAppPage.as_view(), name="mfa_deactivate_totp"),
    path("account/factors/codes", RecoveryCodesPage.as_view(), name="mfa_view_recovery_codes"),
    path("account/factors/codes/new", NewRecoveryCodesPage.as_view(), name="mfa_generate_recovery_codes"),
    path("account/passkeys/add", AddPasskeyPage.as_view(), name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>", PasskeyPage.as_view(), name="mfa_edit_webauthn"),
    path("account/passkeys/<int:pk>/remove", RemovePasskeyPage.as_view(), name="mfa_remove_webauthn"),
    path("account/sessions", OwnSessionsPage.as_view(), name="usersessions_list"),
    path("account/tokens", OwnTokensPage.as_view(), name="own-tokens"),
    path("account/tokens/new", NewTokenPage.as_view(), name="new-token"),
    path("account/tokens/<int:pk>/revoke", RevokeOwnTokenPage.as_view(), name="revoke-token"),
]
