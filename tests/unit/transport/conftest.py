"""Every asynchronous test of the transport runs on asyncio and on uvloop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop

from pki import make_leaf, make_root, save_trust
from sealbus.security import Identity, Trust, build_client_context, build_server_context
from unit.transport.ends import Contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A server for localhost, 127.0.0.1 and plant.example, and clients that it trusts and does not."""
    directory = tmp_path_factory.mktemp("pki")
    root, stranger = make_root(), make_root("Another root")
    trust = Trust.load(save_trust(directory / "ca.crt", root))
    server = make_leaf(root, "server", hosts=("localhost", "127.0.0.1", "plant.example")).save(directory, "server")
    client = Identity.load(*make_leaf(root, "client", role="Operator").save(directory, "client"))
    foreign = Identity.load(*make_leaf(stranger, "foreign").save(directory, "foreign"))
    return Contexts(
        server=build_server_context(Identity.load(*server), trust),
        renewed=build_server_context(Identity.load(*server), trust),
        client=build_client_context(client, trust),
        foreign=build_client_context(foreign, trust),
        trust_file=directory / "ca.crt",
    )
