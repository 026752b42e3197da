"""The files in deploy/ are accepted by systemd and nft."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from architecture.tree import ROOT
from needs import program_path

if TYPE_CHECKING:
    from pathlib import Path

_DEPLOY = ROOT / "deploy"
_UNITS = ("sealbus-gateway.service", "sealbus-wrap@.service", "sealbus-collector.service", "sealbus-site.service")
_EXPOSURE_TENTHS = "20"  # of 100; systemd calls anything up to 40 medium


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("name", _UNITS)
def test_systemd_accepts_every_line_of_the_unit_and_rates_it_hardened(name: str, tmp_path: Path) -> None:
    text = (_DEPLOY / "systemd" / name).read_text(encoding="utf-8")
    unit = tmp_path / name
    unit.write_text(text.replace("/opt/sealbus/bin/sealbus", "/bin/true"), encoding="utf-8")
    assert _run("systemd-analyze", "verify", unit) == ""
    _run("systemd-analyze", "security", "--offline=true", f"--threshold={_EXPOSURE_TENTHS}", unit)


@pytest.mark.needs("nft")
def test_the_firewall_example_loads_and_loads_again(tmp_path: Path) -> None:
    apart = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs its own network namespace, which this machine does not allow")
    rules = tmp_path / "sealbus.nft"
    text = (_DEPLOY / "nftables" / "sealbus.nft").read_text(encoding="utf-8")
    rules.write_text(text.replace('"sealbus"', "0", 1), encoding="utf-8")  # the user need not exist here
    _run(*apart, "sh", "-c", '"$0" -f "$1" && "$0" -f "$1"', program_path("nft") or "nft", rules)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr
