"""A process that works on the database of a running site, like a second process of that site: one command per line.

    python -m web.site_shell HOME     then {"do": NAME, "with": {...}} a line, and {"is": ...} back

What the site's own services do with more ceremony is done here in the plainest way that leaves the same rows.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


def group(name: str) -> int:
    from sealbus.web.accounts.models import Group

    return Group.objects.create(name=name).pk


def device(name: str, group: int, tags: int, **fields: Any) -> dict[str, Any]:
    """A device with tags of this number, in this group: all at once, as the site itself makes them."""
    from django.db import transaction

    from sealbus.web.coordination.versions import bump_version
    from sealbus.web.devices.models import Device, RetentionClass, Tag

    with transaction.atomic():
        retention = RetentionClass.objects.get_or_create(name="standard")[0]
        made = Device.objects.create(name=name, group_id=group)
        shared = {"device": made, "place": "input:0", "type": "uint16", "retention": retention, "unit": "kW"} | fields
        Tag.objects.bulk_create(Tag(name=f"tag {index}", **shared) for index in range(tags))
        bump_version("plan")
    return {
        "device": made.pk,
        "tags": list(Tag.objects.filter(device=made).order_by("pk").values_list("pk", flat=True)),
    }


def renew_lease() -> None:
    """As the collector does every few seconds."""
    from sealbus.web.coordination import leases

    leases.acquire_or_renew("collector/main", "a test")


def connection(name: str, group: int) -> int:
    """A connection in this group."""
    from sealbus.web.devices.models import Connection

    return int(Connection.objects.create(name=name, group_id=group, url="tcp://10.0.0.5:502").pk)


def add_tag(device: int, name: str) -> int:
    from sealbus.web.coordination.versions import bump_version
    from sealbus.web.devices.models import RetentionClass, Tag

    retention = RetentionClass.objects.get(name="standard")
    tag = Tag.objects.create(device_id=device, name=name, place="input:9", type="uint16", retention=retention)
    bump_version("plan")
    return tag.pk


def archive_tag(tag: int) -> None:
    from django.utils import timezone

    from sealbus.web.coordination.versions import bump_version
    from sealbus.web.devices.models import Tag

    Tag.objects.filter(pk=tag).update(archived_at=timezone.now())
    bump_version("plan")


def user(name: str, actions: list[str], group: int | None = None) -> int:
    """A user with these rights in this group, or in all."""
    from sealbus.web.accounts.models import Assignment, Grant, Role, User

    made = User.objects.filter(username=name).first() or User.objects.create_user(name, "correct horse battery")
    role = Role.objects.create(name=f"{name} {Role.objects.count()}")
    Grant.objects.bulk_create(Grant(role=role, action=action) for action in actions)
    Assignment.objects.create(user=made, role=role, group_id=group)
    return made.pk


def session(user: int) -> str:
    """The key of a session of this user."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from sealbus.web.accounts.models import User

    owner = User.objects.get(pk=user)
    store = SessionStore()
    store[SESSION_KEY] = str(owner.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = owner.get_session_auth_hash()
    store.set_expiry(timedelta(hours=1))
    store.save()
    return store.session_key or ""


def token(user: int, name: str = "script", actions: list[str] | None = None, groups: list[int] | None = None) -> str:
    """The secret of a token of this user: for these actions (default: view), in these groups (default: all)."""
    from sealbus.web.accounts.models import ApiToken, User

    made, secret = ApiToken.objects.create(
        user=User.objects.get(pk=user),
        expiry=timedelta(hours=1),
        name=name,
        actions=actions or ["view"],
        all_groups=groups is None,
    )
    made.groups.set(groups or [])
    return str(secret)


def callers(number: int, roles: dict[str, list[str]]) -> dict[str, str]:
    """A user for each of these roles, with its actions everywhere; the secrets of their tokens."""
    from django.db import transaction

    with transaction.atomic():
        return {role: token(user(f"{role}{number}", actions), actions=actions) for role, actions in roles.items()}


def withdraw(user: int, group: int | None = None) -> None:
    """Take the rights in this group, or all of them, away."""
    from sealbus.web.accounts.models import Assignment
    from sealbus.web.coordination.versions import bump_version

    rows = Assignment.objects.filter(user_id=user)
    (rows if group is None else rows.filter(group_id=group)).delete()
    bump_version("rights")


def sign_out(session: str) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    SessionStore(session).delete()


def expire(session: str) -> None:
    """The time of a session is up."""
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    Session.objects.filter(pk=session).update(expire_date=timezone.now())


def switch_off(user: int) -> None:
    from sealbus.web.accounts.models import User

    User.objects.filter(pk=user).update(is_active=False)


def change_password(user: int) -> None:
    from sealbus.web.accounts.models import User

    owner = User.objects.get(pk=user)
    owner.set_password("another horse battery")
    owner.save()


def can_sign_in(user: int, password: str = "correct horse battery") -> None:
    """Give a user a password that the site itself can check: this process makes cheap ones."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    from sealbus.web.accounts.models import User

    hasher = Argon2PasswordHasher()
    User.objects.filter(pk=user).update(password=hasher.encode(password, hasher.salt()))


def demand_second_factor(user: int) -> None:
    """All roles of this user ask for one."""
    from sealbus.web.accounts.models import Role
    from sealbus.web.coordination.versions import bump_version

    Role.objects.filter(assignments__user=user).update(needs_second_factor=True)
    bump_version("rights")


def end_all_sessions(user: int) -> None:
    """As an administrator does."""
    from allauth.usersessions.models import UserSession

    from sealbus.web.coordination.versions import bump_version

    for each in UserSession.objects.filter(user_id=user):
        each.end()
    bump_version("rights")


def revoke(user: int, name: str = "script") -> None:
    from django.utils import timezone

    from sealbus.web.accounts.models import ApiToken

    ApiToken.objects.filter(user_id=user, name=name).update(revoked_at=timezone.now())


def note(action: str) -> int:
    """An entry of the audit; its number."""
    from sealbus.web.access.subject import SHELL
    from sealbus.web.audit.services import Event, append

    return append(Event(SHELL.actor, action)).sequence


def audit() -> list[list[str]]:
    """The refusals that are on record: action, who, the whole detail."""
    from sealbus.web.audit.models import Entry

    rows = Entry.objects.order_by("sequence").values_list("action", "actor_name", "result", "detail")
    return [[action, actor, result, json.dumps(detail)] for action, actor, result, detail in rows]


def main() -> None:
    """Serve until the pipe is closed."""
    from sealbus import web

    web.boot(Path(sys.argv[1]), os.environ)
    web.migrate()
    from django.test.utils import override_settings

    override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]).enable()  # nobody signs in
    _say({"is": "ready"})
    operations: dict[str, Callable[..., Any]] = {
        operation.__name__: operation
        for operation in (
            group,
            device,
            connection,
            add_tag,
            archive_tag,
            user,
            session,
            token,
            callers,
            withdraw,
            sign_out,
            expire,
            switch_off,
        )
        + (change_password, can_sign_in, demand_second_factor, end_all_sessions, revoke, note, audit)
    }
    for line in sys.stdin:
        received = json.loads(line)
        try:
            _say({"is": operations[received["do"]](**received["with"])})
        except Exception:  # noqa: BLE001 - the test gets the error
            _say({"failed": traceback.format_exc()})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
