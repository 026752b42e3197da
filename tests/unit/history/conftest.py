"""Both engines; each test gets a new store."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from databases import PostgresServer, postgres_server
from unit.history.stores import NOON, Stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    server: PostgresServer | None = None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/history.sqlite3"
    else:
        server = cast("PostgresServer", request.getfixturevalue("server"))
        url = server.database()
    stores = Stores(url, NOON)
    yield stores
    stores.close()
    if server is not None:
        server.drop(url)
