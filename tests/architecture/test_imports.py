"""The import contracts of pyproject.toml are kept, and other packages are imported through their `__init__` only."""

from __future__ import annotations

import ast
import subprocess
import sys

from architecture.tree import ROOT, Module, modules


def test_the_import_contracts_are_kept() -> None:
    program = (
        "import sys; sys.path.insert(0, 'src'); "  # this checkout, not an installed version
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_module_of_another_package_is_never_imported_directly() -> None:
    deep = [place for module in modules() for place in _deep_imports(module)]
    assert not deep, "\n".join(deep)


def test_imports_are_absolute() -> None:
    relative = [
        module.at(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "\n".join(relative)


def _deep_imports(module: Module) -> list[str]:
    wrong = []
    for node in ast.walk(module.tree):
        targets = []
        if isinstance(node, ast.ImportFrom) and node.module:
            targets = [node.module]
        elif isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        for target in targets:
            parts = target.split(".")
            if parts[0] == "sealbus" and len(parts) > 2 and parts[1] != module.package:
                wrong.append(f"{module.at(node)} imports {target}")
    return wrong
