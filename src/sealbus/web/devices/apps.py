"""The app's name for Django, and the templates that come with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

if TYPE_CHECKING:
    from sealbus.web.devices.models import Connection, Device

__all__ = ["DevicesApp"]


class DevicesApp(AppConfig):
    """`sealbus.web.devices`."""

    name = "sealbus.web.devices"
    label = "devices"

    def ready(self) -> None:
        """Store the shipped templates after each migration; count what is in a group that is archived."""
        from sealbus.web.accounts.services import GROUP_CONTENTS
        from sealbus.web.devices.models import Connection, Device

        post_migrate.connect(_renew_templates, sender=self)
        for kind, model in (("connections", Connection), ("devices", Device)):
            GROUP_CONTENTS[kind] = partial(_in_group, model)


def _in_group(model: type[Connection | Device], group_id: int) -> int:
    return model.objects.live().filter(group_id=group_id).count()


def _renew_templates(sender: AppConfig, **_: Any) -> None:
    from sealbus.web.devices.services import renew_shipped

    renew_shipped()
