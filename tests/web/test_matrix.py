"""Every route and method, socket and background action, tried by every kind of caller, against the table that people
have read: matrix.toml. How a row is added stands at the head of matrix_world.py.

In the table, `in` means that the door was open: the answer is neither 401 nor 403 nor 404; where BODIES has a good body,
also not 400, which is the answer to a thing in the body that the caller does not see. Each line of six stands for
the shipped roles in the order Viewer, Operator, Engineer, Security officer, Auditor, Administrator, who hold them in all
groups (`everywhere`), in the group of the thing that is asked for (`home`), or only in another (`away`). For the views of
the library that signs people in, which know no roles, the Administrator stands for all.
"""

from __future__ import annotations

import logging
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django.test import override_settings
from django.urls import URLResolver, get_resolver, reverse
from drf_spectacular.generators import SchemaGenerator

from sealbus.web.access.gate import refused
from sealbus.web.accounts.models import Group
from web.matrix_world import BACKGROUND, BODIES, ROLES, SOCKETS, THINGS, Caller, callers

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLE = Path(__file__).with_name("matrix.toml")
_METHODS = ("get", "post", "put", "patch", "delete")
_LINES = ("nobody", "half", "token", "emergency", "everywhere", "home", "away")
_HEAD = """# What every kind of caller may do: read by people, compared exactly by test_matrix.py, which says what it means.
# Written by SEALBUS_WRITE_MATRIX=1 pytest tests/web/test_matrix.py; read what that changes before you commit it.

"""


@dataclass(frozen=True, slots=True)
class _Route:
    """A route and one of its methods."""

    name: str
    method: str
    argument: str

    @property
    def row(self) -> str:
        return f"{self.method.upper()} {self.name}"

    @property
    def is_of_library(self) -> bool:
        """Signing in, which knows no roles: one caller is enough for a line."""
        return self.name.startswith(("headless:", "openid_connect"))

    def path(self, home: Group) -> str:
        if not self.argument:
            return reverse(self.name)
        make = THINGS.get(self.name) or THINGS.get(self.name.partition("-")[0])
        if make is None:
            raise LookupError(f"{self.name} names a thing: say in THINGS of matrix_world.py how one is made")
        return reverse(self.name, kwargs={self.argument: make(home)})


def _routes() -> list[_Route]:
    return sorted(set(_walk(get_resolver(), ())), key=lambda route: route.row)


def _walk(resolver: URLResolver, names: tuple[str, ...]) -> Iterator[_Route]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, (*names, pattern.namespace) if pattern.namespace else names)
            continue
        assert pattern.name, f"{pattern} has no name"
        arguments = [*pattern.pattern.regex.groupindex, *resolver.pattern.regex.groupindex]
        assert len(arguments) <= 1, f"{pattern} names more than one thing"
        for method in _methods(pattern.callback):
            yield _Route(":".join((*names, pattern.name)), method, "".join(arguments))


def _methods(view: Any) -> list[str]:
    """Those that a view has; of a plain function nobody knows, so those that matter."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    known = getattr(view, "actions", None) or (
        _METHODS if cls is None else [method for method in _METHODS if hasattr(cls, method)]
    )
    return [method for method in _METHODS if method in known]


def _ask(route: _Route, caller: Caller, home: Group) -> str:
    """The verdict, and everything as it was before."""
    caches["process"].clear()
    with transaction.atomic():
        path = route.path(home)
        body = BODIES[route.row](home) if route.row in BODIES else {}
        cookies = caller.client.cookies.copy()
        answer = getattr(caller.client, route.method)(path, body, **_json(route.method))
        caller.client.cookies = cookies
        list(answer.streaming_content) if answer.streaming else None
        transaction.set_rollback(True)
    assert answer.status_code != 429, route.row
    assert answer.status_code < 500 or route.name.startswith("health"), f"{route.row}: {answer.status_code}"
    told = (400, 401, 403, 404) if route.row in BODIES else (401, 403, 404)
    return str(answer.status_code) if answer.status_code in told else "in"


def _json(method: str) -> dict[str, str]:
    return {} if method == "get" else {"content_type": "application/json"}


def _undone(deed: Any, *arguments: Any) -> str:
    with transaction.atomic():
        verdict = str(deed(*arguments))
        transaction.set_rollback(True)
    return verdict


def _found() -> dict[str, dict[str, str]]:
    home, away = (Group.objects.create(name=name) for name in ("home", "away"))
    asking = callers(home, away)
    rows: dict[str, dict[str, str]] = {}
    for route in _routes():
        some = slice(-1, None) if route.is_of_library else slice(None)
        rows[route.row] = {line: " ".join(_ask(route, each, home) for each in asking[line][some]) for line in _LINES}
    for name, handshake in SOCKETS.items():
        rows[f"SOCKET {name}"] = {line: " ".join(_undone(handshake, each) for each in asking[line]) for line in _LINES}
    for name, deed in BACKGROUND.items():
        rows[f"BACKGROUND {name}"] = {
            line: " ".join(_undone(deed, each, home) for each in asking[line]) for line in _LINES
        }
    return rows


def _rendered(rows: dict[str, dict[str, str]]) -> str:
    parts = []
    for row, lines in rows.items():
        parts.append(f'["{row}"]\n' + "".join(f'{line} = "{lines[line]}"\n' for line in _LINES))
    return _HEAD + "\n".join(parts)


@pytest.mark.django_db
@override_settings(SOCIALACCOUNT_PROVIDERS={})
def test_every_caller_gets_what_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "send", lambda *arguments, **named: [])  # what is recorded is tried elsewhere
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *arguments, **named: {})  # the same for all, and slow
    logging.disable(logging.CRITICAL)
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)  # the connection of this transaction
    assert len(ROLES) == 6
    try:
        found = _found()
    finally:
        logging.disable(logging.NOTSET)
    if os.environ.get("SEALBUS_WRITE_MATRIX"):
        _TABLE.write_text(_rendered(found))
    expected = tomllib.loads(_TABLE.read_text())
    assert sorted(found) == sorted(expected), "a route without a row, or a row without a route: see matrix_world.py"
    differing = {row: (found[row], expected[row]) for row in found if found[row] != expected[row]}
    assert not differing, "\n".join(f"{row}\n  is  {is_}\n  not {should}" for row, (is_, should) in differing.items())
