"""Sizes are bounded, exceptions are not swallowed, and a name that weakens security contains `unsafe`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from architecture.exemptions import BLIND_EXCEPT, LONG, WEAK_NAMES
from architecture.tree import Module, functions, modules

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULE_LINES = 400
_CLASS_LINES = 400
_FUNCTION_LINES = 50
_WEAK = re.compile(
    r"(?:--)?(?:verify|insecure\w*|skip[-_]\w+|no[-_](?:verify|check|auth|tls)\w*|disable[-_]\w+|trust[-_]all\w*|ignore[-_]\w+)"
)
_HOLDS_PROGRAMS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "yaml"}
_UNPICKLES = re.compile(
    r"^(?:django\.core\.cache\.backends\.(?:db|redis|filebased|memcached|locmem)|.*PickleSerializer$)"
)


def test_modules_classes_and_functions_stay_small() -> None:
    too_long = {name: place for module in modules() for name, place in _too_long(module)}
    _compare(too_long, LONG)


def test_every_blind_except_has_a_written_reason() -> None:
    blind = {name: module.at(node) for module in modules() for name, node in _blind_handlers(module)}
    _compare(blind, BLIND_EXCEPT)


def test_names_that_weaken_security_contain_unsafe() -> None:
    weak = {f"{module.name}: {name}": module.at(node) for module in modules() for name, node in _weak_names(module)}
    _compare(weak, WEAK_NAMES)


def test_no_certificate_and_no_host_key_is_optional() -> None:
    loose = [
        f"{module.at(node)} {ast.unparse(node)}"
        for module in modules()
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"CERT_NONE", "CERT_OPTIONAL"})
        or (isinstance(node, ast.keyword) and node.arg == "known_hosts" and ast.unparse(node.value) == "None")
    ]
    assert not loose, "\n".join(loose)


def test_no_module_uses_a_format_that_can_hold_a_program() -> None:
    """What Django, numpy and others would unpickle on request included: no such request is made."""
    found = [
        module.at(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if any(each.partition(".")[0] in _HOLDS_PROGRAMS for each in _named_modules(node))
        or (isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False")
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and _UNPICKLES.search(node.value))
    ]
    assert not found, "\n".join(found)


def _named_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_production_code_does_not_guard_with_assert() -> None:
    found = [module.at(node) for module in modules() for node in ast.walk(module.tree) if isinstance(node, ast.Assert)]
    assert not found, "\n".join(found)


def test_only_the_command_line_prints() -> None:
    found = [
        module.at(node)
        for module in modules()
        if module.package != "cli"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found, "\n".join(found)


def _compare(found: dict[str, str], exempted: dict[str, str]) -> None:
    unexplained = [f"{name}: {place}" for name, place in found.items() if name not in exempted]
    assert not unexplained, "\n".join(unexplained)
    assert exempted.keys() - found.keys() == set(), "the rule is kept there now: remove the exemption"


def _too_long(module: Module) -> Iterator[tuple[str, str]]:
    lines = module.text.count("\n")
    if lines > _MODULE_LINES:
        yield module.name, f"{lines} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and _lines(node) > _CLASS_LINES:
            yield f"{module.name}.{node.name}", f"{module.at(node)}: {_lines(node)} lines"
    for name, function in functions(module):
        if _lines(function) > _FUNCTION_LINES:
            yield name, f"{module.at(function)}: {_lines(function)} lines"


def _lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _blind_handlers(module: Module) -> Iterator[tuple[str, ast.ExceptHandler]]:
    """Handlers that catch every exception without raising it again, by their function."""
    owners = {id(inner): name for name, function in functions(module) for inner in ast.walk(function)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node) and not _raises_again(node):
            yield owners.get(id(node), module.name), node


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(caught & {"Exception", "BaseException"})


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _weak_names(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """Parameters, fields, arguments and keys that look like a switch for a check. A function may be named `verify`."""
    for node in ast.walk(module.tree):
        name = ""
        match node:
            case ast.arg(arg=name) | ast.keyword(arg=str(name)) | ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case ast.Name(id=name, ctx=ast.Store()) | ast.Constant(value=str(name)):
                pass
        if _WEAK.fullmatch(name) and not (isinstance(node, ast.Constant) and name == "verify"):
            yield name, node
