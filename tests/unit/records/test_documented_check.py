"""The script in docs/audit.md works without Sealbus, and finds what `verify` finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sealbus.records import RecordLog, verify
from unit.records.samples import SMALL, FakeDisk, write

DOCUMENT = Path(__file__).parents[3] / "docs" / "audit.md"


def check(directory: Path) -> subprocess.CompletedProcess[str]:
    script = DOCUMENT.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, directory], capture_output=True, text=True, check=False
    )


def test_the_documented_check_follows_the_chain_and_finds_a_change(tmp_path: Path) -> None:
    log = RecordLog.open(tmp_path, gateway="plant-7", limits=SMALL, host=FakeDisk().host())
    for _ in range(400):
        log.append(write())
    assert check(tmp_path).stdout == f"good {verify(tmp_path).head[1]}\n"
    log.close()
    segment = tmp_path / "records-00000002.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[9] = lines[9].replace(b'"values":[7]', b'"values":[8]')
    segment.write_bytes(b"".join(lines))
    assert check(tmp_path).stderr == "records-00000002.jsonl, line 10: the hash does not match\n"
