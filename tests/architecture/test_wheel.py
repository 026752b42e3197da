"""The wheel contains the whole package and no other file, and works without a checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from architecture.tree import ROOT, files

if TYPE_CHECKING:
    from collections.abc import Mapping

_PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
_GATEWAY = """
[gateway]
name = "plant"
[identity]
certificate = "pki/gateway.crt"
key = "pki/gateway.key"
trust = ["pki/ca.crt"]
[[listener]]
url = "mbaps://127.0.0.1:8802"
policy = "policy.toml"
[[listener.device]]
units = "1-247"
url = "tcp://127.0.0.1:5020"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source archive, which shows that the archive is complete too."""
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


def test_the_core_is_small_and_contains_library_gateway_wrap_and_authority(wheel: Path, tmp_path: Path) -> None:
    parts = _closure("core")
    assert len(parts) < 15, sorted(parts)
    assert (
        sum(Path(str(file.locate())).stat().st_size for part in parts.values() for file in _installed_files(part))
        < 60_000_000
    )
    fresh = _install(wheel, tmp_path, parts)
    where = _run(
        tmp_path, fresh / "python", "-I", "-c", "import sealbus; print(sealbus.__file__, sealbus.sync.connect)"
    )
    assert str(tmp_path) in where
    sealbus = fresh / "sealbus"
    assert "gateway" in _run(tmp_path, sealbus, "--help")
    for verb in ("gateway", "wrap", "read", "write", "simulate", "ca", "policy", "audit"):
        _run(tmp_path, sealbus, verb, "--help")
    _run(tmp_path, sealbus, "ca", "init", "pki")
    _run(tmp_path, sealbus, "ca", "issue", "pki", "gateway", "--host", "localhost")
    (tmp_path / "policy.toml").write_text(_run(tmp_path, sealbus, "policy", "example"), encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(_GATEWAY, encoding="utf-8")
    assert _run(tmp_path, sealbus, "gateway", "gateway.toml", "--check").endswith("usable, with 1 warning")


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("web", "migrate", "--home", "site"), "site"),
        (("web", "serve", "--home", "site"), "site"),
        (("collect", "--home", "site"), "site"),
        (("up", "--home", "site"), "site"),
        (("read", "rtu:///dev/ttyUSB0", "holding:0"), "serial"),
        (("read", "ssh+tcp://plant@127.0.0.1/device", "holding:0"), "ssh"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_command_that_lacks_an_extra_names_it(
    core: Path, tmp_path: Path, command: tuple[str, ...], extra: str
) -> None:
    done = subprocess.run([core / "sealbus", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2), "the connection failed, or the command could not start"
    (line,) = done.stderr.splitlines()
    assert f'pip install "sealbus[{extra}]"' in line


def test_the_site_runs_with_its_extra_alone(wheel: Path, tmp_path: Path) -> None:
    fresh = _install(wheel, tmp_path, _closure("site"))
    assert "tables" in _run(tmp_path, fresh / "sealbus", "web", "migrate", "--home", "site")
    assert "http" in _run(tmp_path, fresh / "sealbus", "web", "setup-link", "--home", "site")


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _install(wheel, tmp_path_factory.mktemp("core"), _closure("core"))


def _closure(extra: str) -> dict[str, Distribution]:
    """The distributions that `pip install sealbus[extra]` installs, as they are in this environment."""
    found: dict[str, Distribution] = {}
    waiting = [("sealbus", extra)]
    while waiting:
        name, wanted = waiting.pop()
        part = distribution(name)
        if name != "sealbus":
            found[name] = part
        for text in part.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                waiting += [
                    (canonicalize_name(requirement.name), each)
                    for each in ("", *requirement.extras)
                    if each or canonicalize_name(requirement.name) not in found
                ]
    return found


def _install(wheel: Path, folder: Path, parts: Mapping[str, Distribution]) -> Path:
    """Create an environment with the wheel and links to these distributions; return its bin folder."""
    fresh = folder / "fresh"
    python = fresh / "bin" / "python"
    _run(folder, sys.executable, "-m", "venv", "--without-pip", fresh)
    _run(folder, sys.executable, "-m", "pip", f"--python={python}", "install", "--no-index", "--no-deps", wheel)
    packages = Path(_run(folder, python, "-c", _PURELIB))
    for part in parts.values():
        for name in {file.parts[0] for file in _installed_files(part)}:
            if not (packages / name).exists():
                (packages / name).symlink_to(Path(str(part.locate_file(name))))
    return fresh / "bin"


def _installed_files(part: Distribution) -> list[PackagePath]:
    return [file for file in part.files or () if file.parts[0] not in {"..", "__pycache__"}]


def _run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()
