"""No file depends on one machine: no registry host, no path of a workplace, no broken link between documents."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from architecture.tree import ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

_REGISTRY_HOSTS = re.compile(
    r"\b(?:\w+\.)*(?:py" r"pi\.org|python" r"hosted\.org|npm" r"js\.org|crates" r"\.io|deb" r"ian\.org/debian)\b"
)
_MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|opt/wheels)/[\w.-]")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {found[0]}"
        for path in files()
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if (found := _REGISTRY_HOSTS.search(line) or _MACHINE_PATHS.search(line))
    ]
    assert not wrong, "\n".join(wrong)


def test_links_between_documents_are_not_broken() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in files()
        if path.suffix == ".md"
        for link in _LINK.findall(_text(path))
        if ":" not in link and not (path.parent / link).exists()
    ]
    assert not broken, "\n".join(broken)


def test_make_without_a_target_lists_every_target() -> None:
    text = _text(ROOT / "Makefile")
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split())
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in shown.splitlines()} == phony
    assert set(re.findall(r"^([a-z]+):", text, re.MULTILINE)) == phony


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
