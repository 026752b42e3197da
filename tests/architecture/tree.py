"""The files of the checkout, and its modules as syntax trees, for the tests in this folder. Nothing is imported."""

from __future__ import annotations

import ast
import fnmatch
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROOT", "Module", "files", "functions", "modules", "top_level"]

ROOT = Path(__file__).resolve().parents[2]
_SOURCE = ROOT / "src"


@dataclass(frozen=True, slots=True)
class Module:
    """One module under src: its dotted name, path, text and syntax tree."""

    name: str
    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def package(self) -> str:
        """Its package directly under sealbus: `protocol` for `sealbus.protocol.mbap`."""
        return self.name.split(".")[1] if "." in self.name else ""

    def at(self, node: ast.AST) -> str:
        """The position of a node, as an editor opens it."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package, in order of name."""
    found = []
    for path in sorted(_SOURCE.rglob("*.py")):
        if path.parent.name == "migrations":  # written by Django
            continue
        parts = path.relative_to(_SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(name=name, path=path, text=text, tree=ast.parse(text, filename=str(path))))
    return tuple(found)


@cache
def files() -> tuple[Path, ...]:
    """Every file of the checkout that git would not ignore. It does not call git, so an unpacked copy works too."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    ignored = [".git", *(line.strip("/") for line in lines if not line.startswith("#"))]

    def is_ours(name: str) -> bool:
        return not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)

    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = filter(is_ours, folders)
        found.extend(Path(folder, name) for name in names if is_ours(name))
    return tuple(sorted(found))


def top_level(module: Module) -> Iterator[ast.stmt]:
    """The statements of a module's own namespace, with those inside `if` and `try`, save `if TYPE_CHECKING`."""
    waiting: list[ast.stmt] = list(module.tree.body)
    while waiting:
        statement = waiting.pop(0)
        yield statement
        if isinstance(statement, ast.If) and not _is_type_checking(statement.test):
            waiting[:0] = [*statement.body, *statement.orelse]
        elif isinstance(statement, ast.Try):
            handlers = [inner for handler in statement.handlers for inner in handler.body]
            waiting[:0] = [*statement.body, *handlers, *statement.orelse, *statement.finalbody]


def functions(module: Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method with its qualified name: `sealbus.protocol.mbap.MbapStream.feed`."""
    yield from _functions(module.tree, module.name)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{child.name}"
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, child
        yield from _functions(child, name)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
