"""Each kind of error has its exit status, and a part of Sealbus that is missing is named with the extra that brings it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealbus.cli import exits
from sealbus.cli.exits import arguments_checked, one_line_errors
from sealbus.errors import (
    ConfigError,
    DeviceException,
    LocalError,
    PeerError,
    ResponseTimeout,
    SealbusError,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).parents[3] / "pyproject.toml"
_WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from sealbus.cli import main
sys.argv = ["sealbus", *{words!r}]
main()
"""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("wrong", file="gateway.toml"), 2),
        (LocalError("there is no user 'anna'"), 1),
        (DeviceException(2), 1),
        (PeerError("not Modbus"), 1),
        (ResponseTimeout("no answer"), 1),
        (Unreachable("refused"), 1),
        (OSError(28, "No space left on device"), 1),
    ],
)
def test_a_failed_operation_is_status_1_and_a_wrong_configuration_2(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise error
    assert ended.value.code == status
    assert capsys.readouterr().err.count("\n") == 1


def test_an_argument_that_cannot_be_used_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors(), arguments_checked():
        raise LocalError("there is no register 70000")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "sealbus: there is no register 70000\n"


def test_every_error_of_sealbus_has_a_status() -> None:
    for kind in SealbusError.__subclasses__():
        assert issubclass(kind, ConfigError) or kind.code != "config"


def _modules_of_extras() -> Iterator[tuple[str, str]]:
    extras = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    modules: dict[str, list[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(module)
    for extra, requirements in extras.items():
        for requirement in requirements:
            name = re.split(r"[\[<>=;! ]", requirement)[0]
            if name == "sealbus":
                continue
            public = [each for each in modules.get(name, []) if not each.startswith("_")]
            assert public, f"{name} is not installed here"
            yield extra, " ".join(public)


def test_a_module_of_every_extra_is_in_the_table() -> None:
    for extra, modules in _modules_of_extras():
        assert set(modules.split()) & set(exits._EXTRAS[extra]), (extra, modules)


@pytest.mark.parametrize("module", ["django", "allauth", "csp", "knox", "drf_spectacular", "psycopg", "requests"])
def test_a_partly_installed_site_names_its_extra(module: str, tmp_path: Path) -> None:
    script = _WITHOUT.format(module=module, words=["web", "migrate", "--home", str(tmp_path)])
    environment = {"SEALBUS_DATABASE": "postgresql://u:p@127.0.0.1:1/x"} if module == "psycopg" else {}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == (
        f'sealbus: {module} is not installed, which this command needs; pip install "sealbus[site]"'
    )
    assert "Traceback" not in done.stderr


def test_a_missing_module_of_the_core_says_so(tmp_path: Path) -> None:
    script = _WITHOUT.format(module="msgspec", words=["audit", "verify", str(tmp_path)])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr == (
        "sealbus: msgspec is not installed, which this command needs; pip install --force-reinstall sealbus\n"
    )
