"""Services check the right themselves: each is called without view or gate, by a user who may only view there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from sealbus.plant import CommandKind
from sealbus.web.access.actions import Action
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts import services as accounts
from sealbus.web.accounts.models import Group, Role
from sealbus.web.audit.models import Entry
from sealbus.web.coordination.versions import read_version
from sealbus.web.devices import services
from sealbus.web.devices.columns import Table
from sealbus.web.devices.interchange import Report, Row
from sealbus.web.devices.models import AllowedNetwork, Command, Connection, Device, RetentionClass, Tag, Template
from sealbus.web.devices.services import CommandRequest
from sealbus.web.errors import Conflict, Forbidden
from web.people import a_subject, a_user
from web.plant_rows import a_connection, a_device, a_group, a_retention, a_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealbus.web.access.subject import Subject

pytestmark = pytest.mark.django_db


def _device() -> Device:
    return Device.objects.get(name="theirs")


def _tag() -> Tag:
    return Tag.objects.get(name="power")


def _line() -> Connection:
    return Connection.objects.get(name="to theirs")


def _lonely() -> Device:
    return Device.objects.create(name="lonely", group=a_group("theirs"))


def _template() -> Template:
    return Template.objects.filter(shipped=True)[0]


def _archived() -> Tag:
    return Tag.objects.get(name="archived")


def _request(kind: CommandKind) -> Callable[[Subject], object]:
    def call(subject: Subject) -> object:
        request = CommandRequest(kind=kind, target=_device(), tags=(_tag().pk,))
        return services.request_commands(requests=[request], subject=subject)

    return call


_CALLS: dict[str, Callable[[Subject], object]] = {
    "archive a connection": lambda subject: services.archive(row=_line(), subject=subject),
    "archive a device": lambda subject: services.archive(row=_device(), subject=subject),
    "archive a tag": lambda subject: services.archive(row=_tag(), subject=subject),
    "restore a tag": lambda subject: services.restore(row=_archived(), subject=subject),
    "change a connection": lambda subject: services.change(row=_line(), fields={"text": "x"}, subject=subject),
    "change a device": lambda subject: services.change(row=_device(), fields={"text": "x"}, subject=subject),
    "change a tag": lambda subject: services.change(row=_tag(), fields={"text": "x"}, subject=subject),
    "change nothing of a tag": lambda subject: services.change(row=_tag(), fields={}, subject=subject),
    "create a device": lambda subject: services.create(
        row=Device(name="new", group=a_group("theirs"), connection=None), subject=subject
    ),
    "create a tag": lambda subject: services.create(
        row=Tag(name="new", device=_device(), place="input:1", type="uint16", retention=a_retention()), subject=subject
    ),
    "create a setting": lambda subject: services.create_setting(
        row=AllowedNetwork(network="127.0.0.1"), subject=subject
    ),
    "change a setting": lambda subject: services.change_setting(
        row=a_retention(), fields={"raw_days": 1}, subject=subject
    ),
    "delete a setting": lambda subject: services.delete_setting(row=a_retention(), subject=subject),
    "apply a template": lambda subject: services.apply_template(
        template=_template(), device=_device(), report=Report(), subject=subject, dry_run=True
    ),
    "archive a template": lambda subject: services.archive_template(template=_template(), subject=subject),
    "make SunSpec tags": lambda subject: services.make_sunspec_tags(
        command=Command(kind=CommandKind.SUNSPEC, device=_device()),
        device=_device(),
        report=Report(),
        subject=subject,
        options={"scale_factors": "live"},
        dry_run=True,
    ),
    "request a test": lambda subject: services.request_commands(
        requests=[CommandRequest(kind=CommandKind.TEST, target=_line())], subject=subject
    ),
    "request a scan of a device without a connection": lambda subject: services.request_commands(
        requests=[CommandRequest(kind=CommandKind.SUNSPEC, target=_lonely())], subject=subject
    ),
    **{f"request {kind}": _request(kind) for kind in CommandKind},
    "withdraw the command of another user": lambda subject: services.withdraw_command(
        command=Command(kind=CommandKind.TEST, group=a_group("theirs"), actor_id=0), subject=subject
    ),
    "withdraw an own command in a group that is hidden now": lambda subject: services.withdraw_command(
        command=Command(kind=CommandKind.TEST, group=a_group("hidden"), actor_id=subject.user_id or 0), subject=subject
    ),
}


@pytest.fixture
def subject() -> Subject:
    """May configure and command in the group "mine", and only view in "theirs", where the plant is."""
    device = a_device("theirs", group=a_group("theirs"))
    a_tag(device)
    a_tag(device, "archived", archived_at=timezone.now())
    a_user("bert", Action.VIEW, Action.CONFIGURE, Action.WRITE, group=a_group("mine"))
    return a_subject(a_user("bert", Action.VIEW, group=a_group("theirs")))


@pytest.mark.parametrize("call", _CALLS)
def test_a_service_refuses_a_subject_without_the_right_and_records_it(subject: Subject, call: str) -> None:
    before = (read_version("plan"), read_version("command"), Entry.objects.count())
    with pytest.raises(Forbidden):
        _CALLS[call](subject)
    assert (read_version("plan"), read_version("command"), Entry.objects.count()) == (*before[:2], before[2] + 1)
    entry = Entry.objects.get(action="access.refused")
    assert (entry.actor_name, entry.result) == ("bert", "refused")


def test_a_template_is_imported_only_by_a_subject_that_configures_somewhere(subject: Subject) -> None:
    document = {"name": "mine", "tags": []}
    viewer = a_subject(a_user("dora", Action.VIEW))
    with pytest.raises(Forbidden):
        services.import_template(document=document, report=Report(), subject=viewer, dry_run=False)
    assert Entry.objects.get(action="access.refused").actor_name == "dora"
    assert services.import_template(document=document, report=Report(), subject=subject, dry_run=False) is not None


def test_rows_of_a_table_are_refused_in_the_group_where_the_right_is_missing(subject: Subject) -> None:
    row = Row(1, {"group": "theirs", "device": "theirs", "name": "new", "place": "input:1", "type": "uint16"})
    report = services.import_rows(table=Table.TAGS, rows=[row], report=Report(), subject=subject, dry_run=False)
    assert [problem.column for problem in report.problems] == ["group"]
    assert not Tag.objects.filter(name="new").exists()
    assert Entry.objects.get(action="access.refused").detail["action"] == "tag.import"


def test_settings_and_templates_are_visible_to_subjects_that_may_use_them(subject: Subject) -> None:
    nobody, chief = a_subject(a_user("nobody")), a_subject(a_user("chief", Action.ADMINISTER))
    seen = {
        model: [model.objects.visible_to(each).exists() for each in (nobody, subject, chief)]
        for model in (Template, RetentionClass, AllowedNetwork)
    }
    assert seen == {
        Template: [False, True, False],
        RetentionClass: [False, True, True],
        AllowedNetwork: [False, False, True],
    }


def test_nothing_comes_below_a_row_that_was_archived_since_it_was_read() -> None:
    line, device = a_connection("line"), a_device("meter")
    elsewhere = a_device("elsewhere", connection=None)
    tag = a_tag(elsewhere, "level")
    services.archive(row=Connection.objects.get(pk=line.pk), subject=SHELL)
    services.archive(row=Device.objects.get(pk=device.pk), subject=SHELL)
    operations: list[Callable[[], object]] = [
        lambda: services.create(row=Device(name="new", group=line.group, connection=line), subject=SHELL),
        lambda: services.change(row=elsewhere, fields={"connection": line}, subject=SHELL),
        lambda: services.create(row=Tag(name="new", device=device, retention=a_retention()), subject=SHELL),
        lambda: services.change(row=tag, fields={"device": device}, subject=SHELL),
    ]
    for operation in operations:
        with pytest.raises(Conflict, match=r'^Its (connection "line|device "meter)" is archived: restore that first$'):
            operation()
    assert set(Device.objects.live()) == {elsewhere}
    assert list(Tag.objects.live()) == [tag]


def test_a_role_is_not_given_in_a_group_that_was_archived_since_it_was_read() -> None:
    group, role = a_group("left"), Role.objects.get(name="Viewer")
    accounts.archive_group(subject=SHELL, group=Group.objects.get(pk=group.pk))
    with pytest.raises(Conflict, match="is archived"):
        accounts.assign(subject=SHELL, user=a_user("anna", Action.VIEW), role=role, group=group)
