"""Tests give a site short deadlines. The program has those of production, and nothing that an operator sets changes them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sealbus import web
from sealbus.web.config import serving
from sealbus.web.config.limits import ServerLimits

if TYPE_CHECKING:
    import pytest


def test_the_deadlines_of_production() -> None:
    assert asdict(ServerLimits()) == {
        "head_s": 10.0,
        "body_s": 60.0,
        "body_grace_s": 20.0,
        "body_bytes_per_s": 8192.0,
        "stranger_requests_per_s": 20.0,
        "stranger_burst": 200.0,
        "read_s": 30.0,
        "idle_s": 15,
        "tls_handshake_s": 10.0,
        "tls_handshakes_per_s": 50.0,
        "tls_handshake_burst": 200.0,
        "tls_close_s": 3.0,
        "stop_s": 5,
        "socket_close_s": 5.0,
        "certificate_check_s": 2.0,
        "live": {
            "silence_s": 5.0,
            "tick_s": 0.5,
            "snapshot_every_s": 2.0,
            "history_every_s": 2.0,
            "collector_answer_s": 2.0,
            "slow_s": 10.0,
            "rights_every_s": 0.5,
            "accounts_every_s": 1.0,
        },
    }


def test_the_program_serves_with_the_deadlines_of_production(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[ServerLimits] = []
    monkeypatch.setattr(serving, "serve_site", lambda ready, limits: served.append(limits))
    web.serve(lambda line: None)
    assert served == [ServerLimits()]
