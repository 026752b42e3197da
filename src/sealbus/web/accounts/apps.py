"""The app's name for Django."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["AccountsApp"]


class AccountsApp(AppConfig):
    """`sealbus.web.accounts`."""

    name = "sealbus.web.accounts"
    label = "accounts"
