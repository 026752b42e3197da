"""Every route and method, socket and background action, tried by every kind of caller, against the table that people
have read: matrix.toml. The docstring of matrix_world.py explains how to add a row.

In the table, `in` means that the request was admitted: not answered with 401 (a page: led to the sign-in), 403
or 404; where BODIES has a good body,
also not 400, which is the answer to an object in the body that the caller does not see. Each line of six stands for
the shipped roles in the order Viewer, Operator, Engineer, Security officer, Auditor, Administrator, who hold them in all
groups (`everywhere`), in the group of the thing that is asked for (`home`), or only in another (`away`). For the views of
the library that signs people in, which know no roles, the Administrator stands for all.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from sealbus.web.access.gate import refused
from sealbus.web.accounts.models import Group
from web.matrix_world import BACKGROUND, BODIES, SOCKETS, Caller, callers
from web.routes import Route, routes

if TYPE_CHECKING:
    from collections.abc import Iterator

_IS_WRITING = bool(os.environ.get("SEALBUS_WRITE_MATRIX"))
_PARTS = 4  # several processes share the walk
_TABLE = Path(__file__).with_name("matrix.toml")
_LINES = ("nobody", "half", "token", "emergency", "everywhere", "home", "away")
_HEAD = """# What every kind of caller may do: read by people, compared exactly by test_matrix.py, which explains it.
# Written by SEALBUS_WRITE_MATRIX=1 pytest tests/web/test_matrix.py; read what that changes before you commit it.

"""


def _ask(route: Route, caller: Caller, home: Group) -> str:
    """The verdict, and everything as it was before."""
    caches["process"].clear()
    with transaction.atomic():
        path = route.path(home)
        body = BODIES[route.row](home) if route.row in BODIES else {}
        cookies = copy.copy(caller.client.cookies)
        answer = getattr(caller.client, route.method)(path, body, **_json(route.method))
        caller.client.cookies = cookies
        list(answer.streaming_content) if answer.streaming else None
        transaction.set_rollback(True)
    assert answer.status_code != 429, route.row
    assert answer.status_code < 500 or route.name.startswith("health"), f"{route.row}: {answer.status_code}"
    if answer.status_code == 302 and re.fullmatch(f"{reverse('account_login')}([?]next=.*)?", answer["Location"]):
        return "401"  # a page asks for a sign-in by showing the form
    if answer.status_code == 302 and answer["Location"].startswith(reverse("second-factor")):
        return "403"  # as programs are answered; a page leads to where the factor is added or used
    refusals = (400, 401, 403, 404) if route.row in BODIES else (401, 403, 404)
    return str(answer.status_code) if answer.status_code in refusals else "in"


def _json(method: str) -> dict[str, str]:
    return {} if method == "get" else {"content_type": "application/json"}


def _rolled_back(operation: Any, *arguments: Any) -> str:
    with transaction.atomic():
        verdict = str(operation(*arguments))
        transaction.set_rollback(True)
    return verdict


def _walked(part: int) -> dict[str, dict[str, str]]:
    """Each `_PARTS`th route; the first part also has sockets and background actions."""
    home, away = (Group.objects.create(name=name) for name in ("home", "away"))
    asking = callers(home, away)
    rows: dict[str, dict[str, str]] = {}
    for route in routes()[part::_PARTS]:
        some = slice(-1, None) if route.is_of_library else slice(None)
        rows[route.row] = {line: " ".join(_ask(route, each, home) for each in asking[line][some]) for line in _LINES}
    if part == 0:
        for name, handshake in SOCKETS.items():
            rows[f"SOCKET {name}"] = {
                line: " ".join(_rolled_back(handshake, each) for each in asking[line]) for line in _LINES
            }
        for name, operation in BACKGROUND.items():
            rows[f"BACKGROUND {name}"] = {
                line: " ".join(_rolled_back(operation, each, home) for each in asking[line]) for line in _LINES
            }
    return rows


def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(_TABLE.read_text()) if _TABLE.exists() else {}


def _write(rows: dict[str, dict[str, str]]) -> None:
    parts = [f'["{row}"]\n' + "".join(f'{line} = "{rows[row][line]}"\n' for line in _LINES) for row in sorted(rows)]
    _TABLE.write_text(_HEAD + "\n".join(parts))


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the parts that are the same for all callers and tested elsewhere: document, records of refusals, log."""
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *arguments, **named: {})
    monkeypatch.setattr(refused, "send", lambda *arguments, **named: [])
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)  # it is in our transaction
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    walked = {route.row for route in routes()}
    walked |= {f"SOCKET {name}" for name in SOCKETS} | {f"BACKGROUND {name}" for name in BACKGROUND}
    table = _table()
    if _IS_WRITING:
        _write({row: lines for row, lines in table.items() if row in walked})
        return
    assert sorted(walked - table.keys()) == [], "the docstring of matrix_world.py explains how to add a row"
    assert sorted(table.keys() - walked) == [], "the route does not exist any more: remove the row"


@pytest.mark.django_db
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_caller_gets_what_the_table_says(part: int, settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {}
    found = _walked(part)
    if _IS_WRITING:
        _write(_table() | found)
    table = _table()
    differing = {row: (found[row], table.get(row)) for row in found if found[row] != table.get(row)}
    assert not differing, "\n".join(f"{row}\n  is  {is_}\n  not {should}" for row, (is_, should) in differing.items())
