"""Services and queries of the site know neither HTTP nor REST: a page, an import and a background action use them too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sealbus.web

_WEB = Path(sealbus.web.__file__).parent
_FORBIDDEN = ("rest_framework", "django.http", "sealbus.web.http")
_CHECKED = sorted(
    path
    for app in ("access", "coordination", "audit", "accounts", "trends")
    for path in (_WEB / app).rglob("*.py")
    if "services" in path.relative_to(_WEB).as_posix()
    or path.stem in ("exporting", "queries", "models", "rights", "subject")
)


def _imported(path: Path) -> set[str]:
    """Modules that are imported at run time; for types alone anything may be named."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return {
        name
        for node in ast.walk(tree)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }


@pytest.mark.parametrize("path", _CHECKED, ids=lambda path: path.relative_to(_WEB).as_posix())
def test_a_service_imports_no_rest_and_no_http(path: Path) -> None:
    wrong = [
        name for name in _imported(path) if any(name == each or name.startswith(f"{each}.") for each in _FORBIDDEN)
    ]
    assert not wrong


def test_the_services_of_all_apps_are_checked() -> None:
    assert len(_CHECKED) > 15
