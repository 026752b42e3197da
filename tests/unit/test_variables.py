"""A variable that Sealbus does not know is refused with the name that was meant; each one that it reads is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealbus.errors import ConfigError
from sealbus.variables import KNOWN, refuse_unknown

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("SEALBUS_DATABSE", "SEALBUS_DATABASE"),
        ("SEALBUS_TRUSTED_PROXY", "SEALBUS_TRUSTED_PROXIES"),
        ("SEALBUS_TLS_KEY_FILE", "SEALBUS_TLS_KEY"),
        ("SEALBUS_database", "SEALBUS_DATABASE"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(given: str, meant: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_unknown({"PATH": "/bin", given: "geheim"})
    assert refused.value.key == given
    assert f"did you mean {meant}?" in str(refused.value)
    assert "geheim" not in str(refused.value)
    refuse_unknown({"PATH": "/bin", meant: "geheim"})


def test_variables_that_kubernetes_sets_for_a_service_are_no_settings() -> None:
    refuse_unknown(
        {
            "SEALBUS_SERVICE_HOST": "10.0.0.1",
            "SEALBUS_WEB_SERVICE_PORT_HTTPS": "443",
            "SEALBUS_PORT": "tcp://10.0.0.1:443",
            "SEALBUS_WEB_PORT_443_TCP_ADDR": "10.0.0.1",
        }
    )
    with pytest.raises(ConfigError):
        refuse_unknown({"SEALBUS_PORT": "8000"})


def test_each_variable_of_the_source_the_documents_and_the_units_is_known() -> None:
    files = [
        *(_ROOT / "src").rglob("*.py"),
        *(_ROOT / "docs").rglob("*.md"),
        *(_ROOT / "deploy").rglob("*"),
        _ROOT / "README.md",
    ]
    found = {
        name
        for file in files
        if file.is_file()
        for name in re.findall(r"SEALBUS_[A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8", errors="replace"))
    }
    assert len(found) > 20
    assert found <= KNOWN
