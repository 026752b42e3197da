"""Templates: import, apply to devices, archive. A version is never changed: a change makes a new version.

Those that come with Sealbus are stored after `migrate`; a version that is stored already stays as it is, because devices
name the version that they were made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from sealbus.web.access.actions import Action
from sealbus.web.access.require import require
from sealbus.web.access.requirement import needs
from sealbus.web.audit.models import Result
from sealbus.web.audit.services import Event, Target, append
from sealbus.web.devices.columns import Table
from sealbus.web.devices.interchange import Report, Row
from sealbus.web.devices.models import Device, RetentionClass, Tag, Template
from sealbus.web.devices.queries import standard_retention
from sealbus.web.devices.serializers import TagForm
from sealbus.web.devices.services.audited_writes import compare_and_swap, differing, note_refused
from sealbus.web.devices.services.configuring import groups_touched
from sealbus.web.devices.services.importing import Operation, import_rows
from sealbus.web.devices.template_body import DEVICE_MEMBERS, TAG_MEMBERS, shipped_documents
from sealbus.web.errors import Conflict, Forbidden, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealbus.web.access.subject import Subject

__all__ = ["apply_template", "archive_template", "check_tags", "import_template", "renew_shipped", "tags_into"]

_MEMBERS = ("manufacturer", "model", "text")


def import_template(*, document: Mapping[str, Any], report: Report, subject: Subject, dry_run: bool) -> Template | None:
    """Store a template as its next version, unless the report has a problem in the end.

    Conflict: the document names a version that exists. Forbidden: the name is in use, and the subject may not configure
    all groups.
    """
    _check_may_publish(document["name"], subject)
    check_tags(document["tags"], report)
    if report.has_problems() or dry_run:
        append(_not_stored(document, report, subject, dry_run=dry_run))
        return None
    with transaction.atomic():
        versions = Template.objects.select_for_update().filter(name=document["name"])
        newest = versions.aggregate(newest=Max("number"))["newest"] or 0
        number = document.get("number", newest + 1)
        if taken := versions.filter(number=number).first():
            state = "exists already" if taken.archived_at is None else "exists already, archived"
            raise Conflict(f"Version {number} of this template {state}: leave the number out", code="name-taken")
        template = _template(document, number, shipped=False)
        template.save(force_insert=True)
        detail = {"tags": len(document["tags"]), "number": number}
        append(Event(subject.actor, "template.import", _target(template), Result.DONE, detail))
    return template


def _check_may_publish(name: str, subject: Subject) -> None:
    """Templates belong to no group, and a new version is offered to the engineers of all groups in place of the last.
    So an engineer of some groups may add a name, and no version to a name that is there.
    """
    if subject.rights.allows(Action.CONFIGURE, None):
        return
    if not subject.rights.allows_anywhere(Action.CONFIGURE):
        note_refused(subject, Action.CONFIGURE.value)
        raise Forbidden(needs(Action.CONFIGURE, "in a group"))
    if Template.objects.filter(name__iexact=name).exists():  # "abb b23" would stand beside "ABB B23" in the list
        note_refused(subject, Action.CONFIGURE.value)
        raise Forbidden(
            'A new version of a template needs the right "configure" in all groups; ask for it, or write another name'
        )


def archive_template(*, template: Template, subject: Subject) -> None:
    """Archive it, for all groups. Tags that were made from it stay."""
    require(subject, Action.CONFIGURE, None)
    with transaction.atomic():
        if Template.objects.filter(pk=template.pk, archived_at__isnull=True).update(archived_at=timezone.now()):
            append(Event(subject.actor, "template.archive", _target(template)))


def apply_template(*, template: Template, device: Device, report: Report, subject: Subject, dry_run: bool) -> Report:
    """Make or change the tags of a device after a template, and note its version there. All or nothing."""
    given = template.body.get("device", {})
    settings = {name: given[name] for name in DEVICE_MEMBERS if name in given}
    require(subject, Action.CONFIGURE, *groups_touched(device, settings))
    about = Target("device", device.pk, device.name)
    changes = differing(device, settings | {"template_name": template.name, "template_version": template.number})

    def store() -> None:
        if changes:
            compare_and_swap(device, changes)
        detail = {"template": str(template), "settings": settings, "created": report.created}
        append(Event(subject.actor, "template.apply", about, Result.DONE, detail))

    operation = Operation(about, store, is_change=bool(changes))
    tags = template.body["tags"]
    return tags_into(device=device, tags=tags, report=report, subject=subject, dry_run=dry_run, part_of=operation)


def tags_into(
    *,
    device: Device,
    tags: Sequence[Mapping[str, Any]],
    report: Report,
    subject: Subject,
    dry_run: bool,
    part_of: Operation | None = None,
) -> Report:
    """Import tags into one device."""
    if device.archived_at is not None:
        raise Conflict("This is archived: restore it first", code="archived")
    place = {"group": device.group.name, "device": device.name}
    rows = [Row(line, {**tag, **place}) for line, tag in enumerate(tags, 1)]
    operation = part_of or Operation(Target("device", device.pk, device.name))
    return import_rows(table=Table.TAGS, rows=rows, report=report, subject=subject, dry_run=dry_run, part_of=operation)


def check_tags(tags: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Report what keeps these from being tags of a device."""
    form = TagForm(context={"inputs_later": True})
    standard = standard_retention()
    names = {str(tag.get("name", "")).strip() for tag in tags}
    seen: dict[str, int] = {}
    for line, tag in enumerate(tags, 1):
        name = str(tag.get("name", "")).strip()
        if name in seen:
            report.add(line, "name", f'"{name[:100]}" is the name of item {seen[name]} too', "rename it")
        seen.setdefault(name, line)
        for member in tag:
            if member not in TAG_MEMBERS:
                report.add(
                    line, member, f'a tag has no member "{member[:50]}"', f"the members are {', '.join(TAG_MEMBERS)}"
                )
        _check_tag(form, tag, line, names, standard, report)


def _check_tag(
    form: TagForm, tag: Mapping[str, Any], line: int, names: set[str], standard: RetentionClass | None, report: Report
) -> None:
    inputs = tag.get("inputs") or {}
    if not isinstance(inputs, dict):
        report.add(line, "inputs", 'this is not an object; write {"flow": "flow in"}')
        return
    for name in inputs.values():
        if not isinstance(name, str) or name not in names:
            report.add(
                line, "inputs", f'there is no tag "{str(name)[:50]}" in this template', "add it, or write another name"
            )
    form.instance = Tag(name="new", retention=standard, inputs=dict.fromkeys(map(str, inputs), 1))
    form.partial = True
    values = {name: value for name, value in tag.items() if name in TAG_MEMBERS and name not in ("inputs", "retention")}
    try:
        form.judge(values | {"name": values.get("name", "")})
    except Invalid as error:
        for member, messages in error.problems.items():
            for message in messages:
                report.add(line, member, message)


def renew_shipped() -> int:
    """Store the shipped templates whose version is not stored yet. Returns their number."""
    stored = set(Template.objects.values_list("name", "number"))
    missing = [each for each in shipped_documents() if (each["name"], each["number"]) not in stored]
    made = 0
    for document in missing:
        template = _template(document, document["number"], shipped=True)
        fields = {name: getattr(template, name) for name in ("manufacturer", "model", "text", "body", "shipped")}
        _, is_new = Template.objects.get_or_create(name=template.name, number=template.number, defaults=fields)
        made += is_new
    return made


def _template(document: Mapping[str, Any], number: int, *, shipped: bool) -> Template:
    body = {name: document.get(name, empty) for name, empty in (("device", {}), ("tags", []), ("sources", []))}
    words = {name: document.get(name, "") for name in _MEMBERS}
    return Template(name=document["name"], number=number, body=body, shipped=shipped, **words)


def _not_stored(document: Mapping[str, Any], report: Report, subject: Subject, *, dry_run: bool) -> Event:
    detail = {"tags": len(document["tags"]), "problems": report.problem_count} | ({"dry_run": True} if dry_run else {})
    result = Result.DONE if dry_run else Result.FAILED
    return Event(subject.actor, "template.import", Target("template", "", document["name"]), result, detail)


def _target(template: Template) -> Target:
    return Target("template", template.pk, str(template))
