"""What the live side and the history views ask of the database, each in a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.accounts.models import ApiToken, Group, User
from sealbus.web.coordination.models import Version
from sealbus.web.devices.models import Device, Tag
from sealbus.web.trends.catalog import Catalog, CatalogTag
from sealbus.web.trends.freshness import stale_after_s

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from django.db.models import QuerySet

    from sealbus.web.access.subject import Rights
    from sealbus.web.trends.entry import Credential

__all__ = [
    "AskedTag",
    "Look",
    "TagOf",
    "asked_tags",
    "asked_values",
    "device_or_group_exists",
    "load_catalog",
    "look",
    "visible_tags",
    "witnesses",
]

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AskedTag:
    """A tag, and what decides for how long its value is good."""

    tag_id: int
    stale_after_s: float | None
    interval_s: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """The numbers that say whether anything has changed."""

    rights: int
    plan: int


def look() -> Look:
    """One statement."""
    numbers = dict(Version.objects.filter(name__in=("rights", "plan")).values_list("name", "number"))
    return Look(numbers.get("rights", 0), numbers.get("plan", 0))


def witnesses(credentials: Collection[Credential]) -> dict[Credential, object]:
    """For each credential a value that changes when it is no longer good, or the account behind it was changed: the
    session is there, the token not revoked, the user not switched off, the password the same. Three statements.
    """
    now = timezone.now()
    sessions = set(
        Session.objects.filter(
            session_key__in={each.session_key for each in credentials if each.session_key}, expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    tokens = set(
        ApiToken.objects.filter(
            token_key__in={each.token_key for each in credentials if each.token_key},
            expiry__gt=now,
            revoked_at__isnull=True,
        ).values_list("user_id", "token_key")
    )
    users = {
        user_id: hash((is_active, password))
        for user_id, is_active, password in User.objects.filter(
            pk__in={each.user_id for each in credentials if each.user_id is not None}
        ).values_list("pk", "is_active", "password")
    }
    return {
        each: (
            each.session_key in sessions,
            (each.user_id, each.token_key) in tokens,
            users.get(each.user_id or 0),
        )
        for each in credentials
    }


def load_catalog() -> Catalog:
    """All tags and devices that are not archived. Two statements."""
    groups = dict(Device.objects.live().order_by().values_list("pk", "group_id"))
    tags: dict[int, CatalogTag] = {}
    tags_of: dict[int, list[int]] = {}
    rows = Tag.objects.live().order_by("pk").values_list("pk", "device_id", "stale_after_s", "interval_s")
    for tag_id, device_id, stale_s, interval_s in rows.iterator(chunk_size=2000):
        if device_id in groups:
            tags[tag_id] = CatalogTag(device_id, groups[device_id], stale_after_s(stale_s, interval_s))
            tags_of.setdefault(device_id, []).append(tag_id)
    return Catalog(tags, groups, {device_id: tuple(ids) for device_id, ids in tags_of.items()})


@dataclass(frozen=True, slots=True)
class TagOf:
    """A tag as files and answers name it."""

    asked: AskedTag
    name: str
    device: str
    unit: str
    text: str

    @property
    def full_name(self) -> str:
        """With its device."""
        return f"{self.device}/{self.name}"


def visible_tags(rights: Rights) -> QuerySet[Tag]:
    """The tags that these rights show, archived ones too: their history stays with their group."""
    groups = rights.groups(Action.VIEW)
    rows = Tag.objects.all()
    return rows if groups is None else rows.filter(device__group__in=groups)


def asked_tags(rights: Rights, tag_ids: Sequence[int]) -> dict[int, TagOf]:
    """Those of the tags that these rights show. One statement for each five hundred."""
    found: dict[int, TagOf] = {}
    for start in range(0, len(tag_ids), _IDS_AT_ONCE):
        rows = visible_tags(rights).filter(pk__in=tag_ids[start : start + _IDS_AT_ONCE]).order_by()
        for tag_id, stale_s, interval_s, *words in rows.values_list(
            "pk", "stale_after_s", "interval_s", "name", "device__name", "unit", "text"
        ):
            found[tag_id] = TagOf(AskedTag(tag_id, stale_s, interval_s), *words)
    return found


def device_or_group_exists(rights: Rights, asked: Mapping[str, Any]) -> bool:
    """Whether the device or group that is named is there for these rights; true where none is named."""
    groups = rights.groups(Action.VIEW)
    if "group" in asked:
        return (groups is None or asked["group"] in groups) and Group.objects.filter(pk=asked["group"]).exists()
    if "device" in asked:
        rows = Device.objects.filter(pk=asked["device"])
        return (rows if groups is None else rows.filter(group__in=groups)).exists()
    return True


def asked_values(rights: Rights, asked: Mapping[str, Any], most: int) -> list[AskedTag]:
    """Tags by id in the order asked for, or all that are not archived of a device or a group; `most` at most."""
    if "tags" in asked:
        found = asked_tags(rights, asked["tags"])
        return [found[tag_id].asked for tag_id in asked["tags"] if tag_id in found]
    rows = visible_tags(rights).filter(archived_at__isnull=True, device__archived_at__isnull=True).order_by("pk")
    rows = rows.filter(device=asked["device"]) if "device" in asked else rows.filter(device__group=asked["group"])
    return [AskedTag(*row) for row in rows.values_list("pk", "stale_after_s", "interval_s")[:most]]
