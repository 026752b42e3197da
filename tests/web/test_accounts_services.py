"""The services of accounts check the right themselves: a caller that passes no gate is refused too, and that is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import SHELL, Subject
from sealbus.web.accounts import services
from sealbus.web.accounts.models import ApiToken, Assignment, Group, Role, User
from sealbus.web.accounts.subjects import subject_of_token
from sealbus.web.audit.models import Entry
from sealbus.web.audit.queries import EntryFilter
from sealbus.web.audit.services import begin_export
from sealbus.web.coordination.versions import read_version
from sealbus.web.errors import Conflict, Forbidden
from web.people import a_subject, a_token, a_user

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def _user() -> User:
    return User.objects.get(username="zoe")


def _role() -> Role:
    return Role.objects.get(name="Viewer")


def _group() -> Group:
    return Group.objects.get(name="north")


def _archived(group: Group) -> Group:
    Group.objects.filter(pk=group.pk).update(archived_at=timezone.now())
    group.refresh_from_db()
    return group


_OPERATIONS: dict[str, Callable[[Subject], object]] = {
    "create_user": lambda subject: services.create_user(subject=subject, username="new"),
    "change_user": lambda subject: services.change_user(
        subject=subject, user=_user(), changes=services.UserChanges(name="Z")
    ),
    "deactivate_user": lambda subject: services.deactivate_user(subject=subject, user=_user()),
    "end_sessions": lambda subject: services.end_sessions(subject=subject, user=_user()),
    "reset_second_factor": lambda subject: services.reset_second_factor(subject=subject, user=_user()),
    "password_link": lambda subject: services.password_link(subject=subject, user=_user()),
    "create_role": lambda subject: services.create_role(subject=subject, wanted=services.RoleChanges(name="R")),
    "change_role": lambda subject: services.change_role(
        subject=subject, role=_role(), changes=services.RoleChanges(text="t")
    ),
    "delete_role": lambda subject: services.delete_role(subject=subject, role=_role()),
    "create_group": lambda subject: services.create_group(subject=subject, name="g"),
    "change_group": lambda subject: services.change_group(subject=subject, group=_group(), changes={"text": "t"}),
    "archive_group": lambda subject: services.archive_group(subject=subject, group=_group()),
    "restore_group": lambda subject: services.restore_group(subject=subject, group=_archived(_group())),
    "assign": lambda subject: services.assign(subject=subject, user=_user(), role=_role(), group=None),
    "unassign": lambda subject: services.unassign(subject=subject, assignment=Assignment.objects.get(user=_user())),
    "revoke_token": lambda subject: services.revoke_token(subject=subject, token=ApiToken.objects.get(name="script")),
    "begin_export": lambda subject: begin_export(subject=subject, wanted=EntryFilter(), kind="csv"),
}
_NOT_FOR_TOKENS = frozenset(
    {"change_user", "reset_second_factor", "password_link", "create_role", "change_role", "revoke_token"}
)


@pytest.fixture(autouse=True)
def _rows() -> None:
    zoe = a_user("zoe", Action.VIEW)
    a_token(zoe, Action.VIEW)
    Group.objects.create(name="north")


def _administrator() -> User:
    return a_user("boss", *Action)


@pytest.mark.parametrize("operation", _OPERATIONS.values(), ids=_OPERATIONS.keys())
def test_a_service_refuses_a_subject_without_the_right_and_records_it(operation: Callable[[Subject], object]) -> None:
    _administrator()
    engineer = a_subject(a_user("anna", Action.VIEW, Action.WRITE, Action.CONFIGURE))
    with pytest.raises(Forbidden):
        operation(engineer)
    last = Entry.objects.filter(action="access.refused").order_by("sequence").last()
    assert last is not None
    assert last.actor_name == "anna"
    assert last.detail["reason"] == "refused"


@pytest.mark.parametrize("operation", _OPERATIONS.values(), ids=_OPERATIONS.keys())
def test_a_service_accepts_an_administrator(operation: Callable[[Subject], object]) -> None:
    operation(a_subject(_administrator()))


@pytest.mark.parametrize("name", _OPERATIONS)
def test_tokens_cannot_change_rights_or_ways_into_an_account(name: str) -> None:
    token, _ = a_token(_administrator(), *Action, expiry=timedelta(days=1), name="all")
    token.expiry = timezone.now() + timedelta(days=1)
    token.save()
    subject = subject_of_token(token, address="192.0.2.1")
    assert subject is not None
    if name not in _NOT_FOR_TOKENS:
        _OPERATIONS[name](subject)
        return
    with pytest.raises(Forbidden) as refused:
        _OPERATIONS[name](subject)
    assert refused.value.code == "not-for-tokens"


def _a_token(*actions: Action) -> Subject:
    token, _ = a_token(_administrator(), *actions, expiry=timedelta(days=1), name="provisioning")
    subject = subject_of_token(token, address="192.0.2.1")
    assert subject is not None
    return subject


def test_a_token_gives_no_right_that_it_does_not_have_itself() -> None:
    subject = _a_token(Action.ADMINISTER, Action.VIEW)
    viewer, engineer = (Role.objects.get(name=name) for name in ("Viewer", "Engineer"))
    services.assign(subject=subject, user=_user(), role=viewer, group=None)
    for group in (None, _group()):
        with pytest.raises(Forbidden):
            services.assign(subject=subject, user=_user(), role=engineer, group=group)
    assert not Assignment.objects.filter(role=engineer).exists()


def test_a_token_makes_accounts_without_a_password_only() -> None:
    subject = _a_token(Action.ADMINISTER)
    assert not services.create_user(subject=subject, username="carla").has_usable_password()
    with pytest.raises(Forbidden) as refused:
        services.create_user(subject=subject, username="dora", password="nobody guesses this one")
    assert refused.value.code == "not-for-tokens"
    assert not User.objects.filter(username="dora").exists()


def test_a_change_that_changes_nothing_bumps_no_version_and_leaves_no_entry() -> None:
    user, role, group = _user(), _role(), _group()
    versions = user.version, role.version, group.version
    before, entries = read_version("rights"), Entry.objects.count()
    services.change_user(subject=SHELL, user=user, changes=services.UserChanges(name=user.name, is_active=True))
    services.change_role(
        subject=SHELL, role=role, changes=services.RoleChanges(name=role.name, actions=frozenset({Action.VIEW}))
    )
    services.change_group(subject=SHELL, group=group, changes={"name": group.name})
    assert (read_version("rights"), Entry.objects.count()) == (before, entries)
    assert (_user().version, _role().version, _group().version) == versions


def test_a_change_that_changes_nothing_is_refused_with_an_old_version() -> None:
    with pytest.raises(Conflict):
        services.change_group(subject=SHELL, group=_group(), changes={}, version=7)
