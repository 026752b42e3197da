"""A site in one document, for the shell of its machine: groups, allowed networks, connections, devices, tags.

    {"groups": [{"name": "North", "text": "..."}],
     "networks": [{"network": "10.1.0.0/16", "ports": "502,802", "text": "..."}],
     "connections": [...], "devices": [...], "tags": [...]}

The last three are the tables of an export. Existing rows are kept or changed, none is deleted. The whole document is
imported, or nothing, and the error names the first problem and the number of problems. The shell of the site's machine has
all rights; in the audit the actor is `shell`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework.exceptions import APIException

from sealbus.errors import ConfigError
from sealbus.web.access.subject import SHELL
from sealbus.web.accounts.models import Group
from sealbus.web.accounts.services.groups import create_group
from sealbus.web.config.shell import shell_error
from sealbus.web.devices import services
from sealbus.web.devices.columns import Table
from sealbus.web.devices.interchange import Report
from sealbus.web.devices.models import AllowedNetwork
from sealbus.web.devices.tables import rows_of
from sealbus.web.errors import WebError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["import_site"]

_MEMBERS = ("groups", "networks", *(table.value for table in Table))


class _DryRun(Exception):
    """Rolls the transaction back."""


def import_site(file: Path, *, dry_run: bool = False) -> Iterator[str]:
    """Import a document. Yields a line for each part; raises ConfigError that names the first problem."""
    document = _read(file)
    lines = []
    try:
        with transaction.atomic():
            lines.append(_groups(document, file))
            lines.append(_networks(document, file))
            lines += [_table(document, table, file) for table in Table if table.value in document]
            if dry_run:
                raise _DryRun
    except _DryRun:
        lines.append("nothing was changed: this was a dry run")
    yield from filter(None, lines)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(file), hint="name a readable file") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {error}", file=str(file), hint="fix the syntax at this place") from None
    if not isinstance(document, dict) or not all(isinstance(each, list) for each in document.values()):
        raise ConfigError("must be an object of lists", file=str(file), hint=f"write lists named {', '.join(_MEMBERS)}")
    if unknown := [name for name in document if name not in _MEMBERS]:
        raise ConfigError(
            "unknown member", file=str(file), key=unknown[0], hint=f"the known ones are {', '.join(_MEMBERS)}"
        )
    return document


def _groups(document: dict[str, Any], file: Path) -> str:
    made = 0
    for number, item in enumerate(document.get("groups", []), 1):
        name, text = _texts(item, ("name", "text"), f"groups[{number}]", file)
        if not Group.objects.filter(name=name).exists():
            _worded(lambda name=name, text=text: create_group(subject=SHELL, name=name, text=text), file)
            made += 1
    return f"groups: {made} created" if made else ""


def _networks(document: dict[str, Any], file: Path) -> str:
    made, changed = 0, []
    for number, item in enumerate(document.get("networks", []), 1):
        network, ports, text = _texts(item, ("network", "ports", "text"), f"networks[{number}]", file)
        known = AllowedNetwork.objects.filter(network=network).first()
        if known is None:
            _worded(lambda network=network, ports=ports, text=text: _allow(network, ports, text), file)
            made += 1
        elif known.ports != ports:
            fields, known_ports = {"ports": ports}, known.ports
            _worded(
                lambda row=known, fields=fields: services.change_setting(row=row, fields=fields, subject=SHELL), file
            )
            changed.append(f"{network} from {known_ports} to {ports}")
    return f"networks: {made} allowed, ports changed: {'; '.join(changed) or 'none'}" if made or changed else ""


def _allow(network: str, ports: str, text: str) -> None:
    row = AllowedNetwork(network=network, ports=ports, text=text)
    row.full_clean()
    services.create_setting(row=row, subject=SHELL)


def _table(document: dict[str, Any], table: Table, file: Path) -> str:
    report = Report()
    rows = rows_of({table.value: document[table.value]}, table, report)
    services.import_rows(table=table, rows=rows, report=report, subject=SHELL, dry_run=False)
    if report.problem_count:
        first = report.problems[0]
        more = f" ({report.problem_count} problems in all)" if report.problem_count > 1 else ""
        raise ConfigError(
            f"{first.problem}{more}", file=str(file), key=f"{table.value}[{first.line}].{first.column}", hint=first.hint
        )
    return f"{table.value}: {report.created} created, {report.changed} changed, {report.unchanged} unchanged"


def _texts(item: Any, names: tuple[str, ...], where: str, file: Path) -> list[str]:
    if not isinstance(item, dict) or set(item) - set(names) or not all(isinstance(each, str) for each in item.values()):
        raise ConfigError(
            "must be an object of texts", file=str(file), key=where, hint=f"the known members are {', '.join(names)}"
        )
    if not item.get(names[0]):
        raise ConfigError(f"{names[0]} is missing", file=str(file), key=where, hint=f"add {names[0]}")
    return [item.get(name, "") for name in names]


def _worded(work: Any, file: Path) -> None:
    try:
        work()
    except WebError as error:
        raise shell_error(error, file=str(file)) from None
    except (ValidationError, APIException) as error:
        text = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error.detail)
        raise ConfigError(text, file=str(file)) from None
