"""The content of a key given as the path of its file is refused, and is in no error: errors go into logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pki
from sealbus.cli.option_files import load_identity
from sealbus.errors import ConfigError
from sealbus.security import Identity, Trust
from sealbus.server.serve import serve

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_given_as_a_path_is_not_shown(tmp_path: Path) -> None:
    certificate, key = pki.make_leaf(pki.make_root()).save(tmp_path, "client")
    content = key.read_text()
    for given in (content, content.replace("\n", " ")):
        for load in (
            lambda text: Identity.load(certificate, text),
            lambda text: Identity.load(text, key),
            Trust.load,
            lambda text: load_identity(certificate, type(key)(text), None),
        ):
            with pytest.raises(ConfigError, match="the path of the file belongs here") as refused:
                load(given)
            assert "PRIVATE KEY" not in str(refused.value)


async def test_a_policy_given_as_a_path_is_named() -> None:
    with pytest.raises(ConfigError, match=r"policy.*the path of the file belongs here"):
        await serve("tcp://127.0.0.1:0", object(), policy='[[role]]\nname = "Operator"\n')  # type: ignore[arg-type,misc]


def test_a_password_may_be_text(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate, key = pki.make_leaf(pki.make_root()).save(tmp_path, "client")
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    key.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    assert Identity.load(certificate, key, "secret").pairs
    assert Identity.load(certificate, key, b"secret").pairs
