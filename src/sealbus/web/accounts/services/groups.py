"""Device groups. One that is archived keeps what belongs to it, and can be given to nobody any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from sealbus.web.accounts.models import Group
from sealbus.web.accounts.services.changing import changing_rights, save_changes, unique
from sealbus.web.audit.services import Event, Target, append

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealbus.web.access.subject import Actor

__all__ = ["archive_group", "change_group", "create_group"]


def create_group(*, by: Actor, name: str, text: str = "") -> Group:
    """A new group. Raises ValidationError by field."""
    group = Group(name=name, text=text)
    group.full_clean()
    with changing_rights():
        with unique("name"):
            group.save()
        append(Event(by, "group.create", _target(group), detail={"new": {"name": name, "text": text}}))
    return group


def change_group(*, by: Actor, group: Group, changes: Mapping[str, str], version: int | None = None) -> Group:
    """Change `name` or `text`."""
    with changing_rights():
        detail = save_changes(group, changes, version)
        if detail:
            append(Event(by, "group.change", _target(group), detail=detail))
    return group


def archive_group(*, by: Actor, group: Group) -> None:
    """Put a group away. Nothing of it is deleted."""
    with changing_rights():
        if Group.objects.filter(pk=group.pk, archived_at=None).update(archived_at=timezone.now()):
            append(Event(by, "group.archive", _target(group)))


def _target(group: Group) -> Target:
    return Target("group", group.pk, group.name)
