"""Each module and package has a docstring, and its `__all__` equals its public names."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from architecture.tree import Module, modules, top_level

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = "sealbus.web.config.settings"  # Django reads every name in capitals there
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = _FUNCTIONS | ast.ClassDef


def test_every_module_has_a_docstring() -> None:
    silent = [module.name for module in modules() if len(ast.get_docstring(module.tree) or "") < 10]
    assert not silent, "\n".join(silent)


def test_all_equals_the_public_names() -> None:
    wrong = [
        f"{module.name}: {found}"
        for module in modules()
        if module.name != _SETTINGS and (found := _disagreement(module))
    ]
    assert not wrong, "\n".join(wrong)


def _disagreement(module: Module) -> str:
    listed = _listed(module)
    if listed is None:
        return "no __all__"
    public = set(_defined(module)) | set(_imported(module, own=True))
    unlisted = public - set(listed)
    unknown = set(listed) - public - set(_imported(module, own=False))
    twice = {name for name in listed if listed.count(name) > 1}
    findings = {"public, but not in __all__": unlisted, "in __all__, but not here": unknown, "twice in __all__": twice}
    return "; ".join(f"{finding}: {', '.join(sorted(names))}" for finding, names in findings.items() if names)


def _listed(module: Module) -> list[str] | None:
    for node in top_level(module):
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return [str(name) for name in ast.literal_eval(value)]
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                return [str(name) for name in ast.literal_eval(value)]
    return None


def _defined(module: Module) -> Iterator[str]:
    """Public names that the module itself defines."""
    for node in top_level(module):
        names: list[str] = []
        if isinstance(node, _DEFINITIONS):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from filter(_is_public, names)


def _imported(module: Module, *, own: bool) -> Iterator[str]:
    """Names that the `__init__` of a package imports: from its own modules (`own`), or from other packages of Sealbus."""
    if not module.is_package:
        return
    for node in [*top_level(module), *_lazy(module)]:
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("sealbus"):
            continue
        if own == f"{node.module}.".startswith(f"{module.name}."):
            yield from filter(_is_public, (alias.asname or alias.name for alias in node.names))


def _lazy(module: Module) -> Iterator[ast.stmt]:
    """The imports under `if TYPE_CHECKING` of an `__init__` with a `__getattr__`, which makes them at first use."""
    if any(isinstance(node, _FUNCTIONS) and node.name == "__getattr__" for node in module.tree.body):
        for node in module.tree.body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                yield from node.body


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__version__"
