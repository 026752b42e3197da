"""The app's name for Django, and the templates that come with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db.models import CharField
from django.db.models.functions import Cast
from django.db.models.signals import post_migrate

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from sealbus.web.devices.models import Connection, Device, Tag

__all__ = ["DevicesApp"]


class DevicesApp(AppConfig):
    """`sealbus.web.devices`."""

    name = "sealbus.web.devices"
    label = "devices"

    def ready(self) -> None:
        """Store the shipped templates after each migration; count what is in a group that is archived; find what
        entries of the audit about a group name."""
        from sealbus.web.accounts.services import GROUP_CONTENTS
        from sealbus.web.audit.queries import TARGETS_IN_GROUP
        from sealbus.web.devices.models import Connection, Device, Tag

        post_migrate.connect(_renew_templates, sender=self)
        for kind, model in (("connections", Connection), ("devices", Device)):
            GROUP_CONTENTS[kind] = partial(_in_group, model)
        TARGETS_IN_GROUP["connection"] = partial(_ids_in_group, Connection, "group_id")
        TARGETS_IN_GROUP["device"] = partial(_ids_in_group, Device, "group_id")
        TARGETS_IN_GROUP["tag"] = partial(_ids_in_group, Tag, "device__group_id")


def _in_group(model: type[Connection | Device], group_id: int) -> int:
    return model.objects.live().filter(group_id=group_id).count()


def _ids_in_group(model: type[Connection | Device | Tag], field: str, group_id: int) -> QuerySet[Any, Any]:
    rows = model.objects.filter(**{field: group_id})
    return rows.order_by().annotate(as_text=Cast("pk", CharField())).values("as_text")


def _renew_templates(sender: AppConfig, **_: Any) -> None:
    from sealbus.web.devices.services import renew_shipped

    renew_shipped()
