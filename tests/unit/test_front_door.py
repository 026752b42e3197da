"""`import sealbus` imports only the package itself; each public name is imported at its first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sealbus


@pytest.mark.parametrize("name", sealbus.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(sealbus, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        sealbus.conect  # noqa: B018


def test_importing_the_package_imports_no_subpackage() -> None:
    loaded = _modules_after("import sealbus")
    assert {name for name in loaded if name.startswith("sealbus")} == {"sealbus", "sealbus.version"}


def test_the_help_does_not_import_the_verbs() -> None:
    loaded = _modules_after(
        "import sys; sys.argv = ['sealbus', '--help']\nfrom sealbus.cli import main\ntry: main()\nexcept SystemExit: pass"
    )
    assert not loaded & {"asyncio", "ssl", "cryptography", "sealbus.gateway", "sealbus.web", "sealbus.client"}


def _modules_after(program: str) -> set[str]:
    program += "\nimport sys; print('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("MODULES ")[2].split())
