"""The Django app. django-allauth finds the provider and its routes by the names of the modules `provider` and `urls`."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["SingleSignOnApp"]


class SingleSignOnApp(AppConfig):
    """`sealbus.web.accounts.single_sign_on`. It has no models."""

    name = "sealbus.web.accounts.single_sign_on"
    label = "single_sign_on"
