"""Device groups. An archived group keeps what belongs to it, and no more roles are given in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.accounts.models import Group
from sealbus.web.accounts.services.changing import (
    changing_rights,
    check_row,
    check_version,
    compare_and_swap,
    differing,
    unique,
)
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sealbus.web.access.subject import Subject

__all__ = ["GROUP_CONTENTS", "archive_group", "change_group", "create_group", "hold_groups", "restore_group"]

GROUP_CONTENTS: dict[str, Callable[[int], int]] = {}
"""What may be in a group, and how many that are not archived are in the group of this id. Each app above adds its own."""


def create_group(*, subject: Subject, name: str, text: str = "") -> Group:
    """A new group. Raises Invalid by field. Conflict: an archived group has this name."""
    require(subject, Action.ADMINISTER)
    _refuse_archived_name(name)
    group = Group(name=name, text=text)
    check_row(group)
    with changing_rights():
        with unique("name"):
            group.save()
        append(Event(subject.actor, "group.create", _target(group), detail={"new": {"name": name, "text": text}}))
    return group


def change_group(*, subject: Subject, group: Group, changes: Mapping[str, str], version: int | None = None) -> Group:
    """Change `name` or `text`. Conflict: an archived group has this name, or another change was faster."""
    require(subject, Action.ADMINISTER)
    check_version(group, version)
    if changed := differing(group, changes):
        if "name" in changed:
            _refuse_archived_name(changed["name"])
        with changing_rights():
            detail = compare_and_swap(group, changed, version)
            append(Event(subject.actor, "group.change", _target(group), detail=detail))
    return group


def archive_group(*, subject: Subject, group: Group) -> None:
    """Archive a group. An archived group is not changed. Conflict: something is in it, which would still be polled."""
    require(subject, Action.ADMINISTER)
    if group.archived_at is not None:
        return
    with changing_rights():
        _locked([group.pk])  # before it is counted what is in it: what comes in holds the same lock
        _refuse_if_used(group)
        if Group.objects.filter(pk=group.pk, archived_at=None).update(archived_at=timezone.now()):
            append(Event(subject.actor, "group.archive", _target(group)))


def restore_group(*, subject: Subject, group: Group) -> None:
    """Restore an archived group. Restoring one that is not archived does nothing."""
    require(subject, Action.ADMINISTER)
    if group.archived_at is None:
        return
    with changing_rights():
        if Group.objects.filter(pk=group.pk).exclude(archived_at=None).update(archived_at=None):
            append(Event(subject.actor, "group.restore", _target(group)))
    group.archived_at = None


def hold_groups(group_ids: Collection[int]) -> None:
    """Keep these groups from being archived until the transaction ends, in which something comes into them.

    Conflict: one is archived by now; nobody would find there what is polled.
    """
    for group in _locked(group_ids):
        if group.archived_at is not None:
            raise Conflict(f'The group "{group.name}" is archived: restore that first', code="archived")


def _locked(group_ids: Collection[int]) -> list[Group]:
    """The rows as they are now, in one order for all. SQLite has no row locks: its transactions write one at a time."""
    return list(Group.objects.select_for_update(no_key=True).filter(pk__in=group_ids).order_by("pk"))


def _refuse_archived_name(name: str) -> None:
    """Archived groups keep their names: roles are held in them and the audit names them."""
    archived = Group.objects.filter(name=name).exclude(archived_at=None).first()
    if archived is not None:
        text = f"Group {archived.pk}, which is archived, has this name: restore it, or write another name"
        raise Conflict(text, code="taken")


def _refuse_if_used(group: Group) -> None:
    counts = {kind: count(group.pk) for kind, count in GROUP_CONTENTS.items()}
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    if found:
        raise Conflict(f"In this group are {found}: archive them or move them to another group first", code="in-use")


def _target(group: Group) -> Target:
    return Target("group", group.pk, group.name)
