"""Exports of a running site: as long as they may be, and their place is given back when the caller goes in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from web.live_site import Site

_ROOT = Path(__file__).resolve().parents[2]
_ENTRIES = 6_000
_AT_ONCE = 6


@pytest.mark.timeout(300)
def test_an_aborted_export_releases_its_place(site: Site) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEALBUS_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tests")])
    command = [sys.executable, "-m", "web.audit_work", str(site.home), "fill", str(_ENTRIES)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    token = site.do("token", user=site.do("user", name="auditor", actions=["audit"]), actions=["audit"])
    headers = {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=site.origin, headers=headers, timeout=60) as client:
        for _ in range(2 * _AT_ONCE):
            with client.stream("GET", "/api/v1/audit/export") as answer:
                assert answer.status_code == 200
                next(answer.iter_raw())
        whole = client.get("/api/v1/audit/export", params={"action": "test.fill"})
        lines = [json.loads(line) for line in whole.text.splitlines()]
    assert len(lines) == _ENTRIES
    assert [line["sequence"] for line in lines] == sorted(line["sequence"] for line in lines)
    assert lines[1]["previous_hash"] == lines[0]["hash"]
