"""The Django app: the requirements of library views, and the receivers of signals."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AccountsApp"]


class AccountsApp(AppConfig):
    """`sealbus.web.accounts`."""

    name = "sealbus.web.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Declare the requirements of library views, and connect the receivers."""
        from allauth.account import signals as account
        from allauth.mfa import signals as mfa
        from allauth.mfa.models import Authenticator
        from allauth.socialaccount import signals as social
        from django.contrib.auth.signals import user_logged_out
        from django.db.models.signals import post_delete, post_save

        from sealbus.web.access import gate
        from sealbus.web.accounts import passkeys, receivers
        from sealbus.web.accounts.library_views import REQUIREMENTS

        gate.LIBRARY_VIEWS.update(REQUIREMENTS)
        gate.refused.connect(receivers.on_refused)
        account.user_logged_in.connect(receivers.on_logged_in)
        user_logged_out.connect(receivers.on_logged_out)
        account.password_changed.connect(receivers.on_password_changed)
        account.password_set.connect(receivers.on_password_changed)
        mfa.authenticator_added.connect(receivers.on_second_factor_changed)
        mfa.authenticator_removed.connect(receivers.on_second_factor_changed)
        mfa.authenticator_reset.connect(receivers.on_second_factor_changed)
        mfa.authenticator_used.connect(receivers.on_second_factor_used)
        mfa.authentication_failed.connect(receivers.on_second_factor_failed)
        social.social_account_added.connect(receivers.on_social_account_changed)
        social.social_account_removed.connect(receivers.on_social_account_changed)
        post_save.connect(receivers.on_authenticator_saved, sender=Authenticator)
        post_delete.connect(receivers.on_authenticator_deleted, sender=Authenticator)
        passkeys.install()
