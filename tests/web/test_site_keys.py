"""Keys that site and collector derive from the secret key: one for each purpose, and none is the secret key."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from sealbus.web.config.environment import OidcProvider, load_environment

if TYPE_CHECKING:
    from pathlib import Path

_SECRET = "0123456789abcdef0123456789abcdef"
# openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:SECRET -kdfopt info:"sealbus bus frames" HKDF
_BUS_KEY = bytes.fromhex("a9ae08fe3f9f1914763d4a587dd6cca4000439ac166b6249925c6743a26fe121")


def test_the_key_of_the_bus_is_derived_from_the_secret_key(tmp_path: Path) -> None:
    given = {"SEALBUS_HOME": str(tmp_path), "SEALBUS_SECRET_KEY": _SECRET}
    assert load_environment(given).bus_key == _BUS_KEY
    assert load_environment(given | {"SEALBUS_SECRET_KEY": _SECRET[::-1]}).bus_key != _BUS_KEY


def test_processes_with_one_state_folder_have_the_same_key_without_a_setting(tmp_path: Path) -> None:
    one, two = (load_environment({"SEALBUS_HOME": str(tmp_path)}) for _ in range(2))
    other = load_environment({"SEALBUS_HOME": str(tmp_path / "other")})
    assert one.bus_key == two.bus_key != other.bus_key


def test_the_text_of_the_settings_has_no_secret() -> None:
    settings = dataclasses.replace(
        load_environment(os.environ),
        secret_key="very-secret",
        bus="redis://u:very-secret@h",
        history="postgresql://u:very-secret@h/n",
        oidc=OidcProvider("n", "https://h", "id", "very-secret"),
    )
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in str(settings.database)
