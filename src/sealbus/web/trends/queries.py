"""Queries of the live side and of the history views, each in a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from sealbus.plant import stale_after_s
from sealbus.web.accounts.models import ApiToken, Group, User
from sealbus.web.coordination import versions
from sealbus.web.devices.models import Device, Tag
from sealbus.web.errors import NotFound
from sealbus.web.trends.catalog import Catalog, CatalogTag

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sealbus.web.access.subject import Subject
    from sealbus.web.trends.handshake import Credential

__all__ = [
    "LiveVersions",
    "NamedTag",
    "RequestedTag",
    "credential_states",
    "find_tags",
    "find_values",
    "load_catalog",
    "read_versions",
]

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RequestedTag:
    """A tag, and what decides how long its value is good."""

    tag_id: int
    stale_after_s: float | None
    interval_s: float | None


@dataclass(frozen=True, slots=True)
class NamedTag:
    """A tag with its names and unit, as files and answers need them."""

    requested: RequestedTag
    name: str
    device: str
    unit: str
    text: str

    @property
    def full_name(self) -> str:
        """Device and tag."""
        return f"{self.device}/{self.name}"


@dataclass(frozen=True, slots=True)
class LiveVersions:
    """The version numbers that open sockets depend on."""

    rights: int
    plan: int


def read_versions() -> LiveVersions:
    """One statement."""
    return LiveVersions(*versions.read_versions("rights", "plan"))


def credential_states(credentials: Collection[Credential]) -> dict[Credential, object]:
    """For each credential a value that differs once the credential is no longer valid or its account has changed.

    It is made of: the session exists, the token is not revoked, the user is active, the hash of the password. Three
    statements.
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


def find_tags(subject: Subject, tag_ids: Sequence[int]) -> dict[int, NamedTag]:
    """The visible ones of these tags, archived ones too: their history stays. One statement for each five hundred."""
    found: dict[int, NamedTag] = {}
    for start in range(0, len(tag_ids), _IDS_AT_ONCE):
        rows = Tag.objects.visible_to(subject).filter(pk__in=tag_ids[start : start + _IDS_AT_ONCE]).order_by()
        for tag_id, stale_s, interval_s, *words in rows.values_list(
            "pk", "stale_after_s", "interval_s", "name", "device__name", "unit", "text"
        ):
            found[tag_id] = NamedTag(RequestedTag(tag_id, stale_s, interval_s), *words)
    return found


def find_values(subject: Subject, query: Mapping[str, Any], most: int) -> list[RequestedTag]:
    """Visible tags by id in the order of the query, or the live tags of a device or a group; at most `most`.

    Raises NotFound for a device or group that does not exist or is not visible.
    """
    if "tags" in query:
        found = find_tags(subject, query["tags"])
        return [found[tag_id].requested for tag_id in query["tags"] if tag_id in found]
    rows = Tag.objects.visible_to(subject).live().filter(device__archived_at__isnull=True).order_by("pk")
    if "device" in query:
        if not Device.objects.visible_to(subject).filter(pk=query["device"]).exists():
            raise NotFound
        rows = rows.filter(device=query["device"])
    else:
        if not Group.objects.visible_to(subject).filter(pk=query["group"]).exists():
            raise NotFound
        rows = rows.filter(device__group=query["group"])
    return [RequestedTag(*row) for row in rows.values_list("pk", "stale_after_s", "interval_s")[:most]]
