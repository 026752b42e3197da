"""The wheel carries the whole package and nothing else, and works where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from architecture.tree import ROOT, files

_PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by way of the source archive, so that one is proved complete as well."""
    folder = tmp_path_factory.mktemp("dist")
    _run(folder, sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = ROOT / "src"
    assert inside == {path.relative_to(source).as_posix() for path in files() if path.is_relative_to(source)}
    assert "sealbus/py.typed" in inside


def test_an_example_policy_is_in_the_wheel(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    policies = [name for name in archive.namelist() if name.endswith(".toml") and b"[[role]]" in archive.read(name)]
    assert policies != []


def test_the_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    python = fresh / "bin" / "python"
    _run(tmp_path, sys.executable, "-m", "venv", "--without-pip", fresh)
    _run(tmp_path, sys.executable, "-m", "pip", f"--python={python}", "install", "--no-index", "--no-deps", wheel)
    installed = Path(_run(tmp_path, python, "-c", _PURELIB))
    # What Sealbus depends on is borrowed from this environment. The .pth files in there are not read on this way, so
    # the editable Sealbus stays out of reach.
    (installed / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where = _run(tmp_path, python, "-I", "-c", "import sealbus; print(sealbus.__file__)")
    assert Path(where) == installed / "sealbus" / "__init__.py"
    assert "gateway" in _run(tmp_path, fresh / "bin" / "sealbus", "--help")


def _run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()
