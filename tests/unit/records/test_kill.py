"""kill -9 at any moment: every record that `append` returned is in the log, and the chain is good.

This shows the effect of a killed process, not that of a power failure: no test here cuts the power.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from sealbus.records import WriteOutcome, WriteRequested, read, verify

if TYPE_CHECKING:
    from pathlib import Path

APPENDER = """
import os, sys
from sealbus.records import *
log = RecordLog.open(sys.argv[1], gateway="plant-7", limits=Limits(segment_bytes=65536, bound_bytes=64 * 65536))
while True:
    request = log.append(WriteRequested(connection=1, peer="p" * 150, unit=1, function=6, device="d", values=(1,)))
    os.write(1, b"%d\\n" % request)
    outcome = log.append(WriteOutcome(request=request, outcome=Outcome.DONE))
    os.write(1, b"%d\\n" % outcome)
    if request % 50 == 0:
        log.maintain(float(request))
"""


def test_every_appended_record_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    directory = tmp_path / "records"
    printed = 0
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", APPENDER, directory], stdout=subprocess.PIPE) as appender:
            assert appender.stdout is not None
            output = appender.stdout.read(random.randint(1, 3000))
            appender.send_signal(signal.SIGKILL)
            output += appender.stdout.read()
        whole_lines = output.split(b"\n")[:-1]
        printed = max(printed, int(whole_lines[-1]) if whole_lines else 0)
        stored = {each.sequence for each in read(directory)}
        assert {int(line) for line in whole_lines} <= stored
    subprocess.run([sys.executable, "-c", APPENDER.split("while")[0] + "log.close()", directory], check=True)
    found = verify(directory)
    assert found.breaks == ()
    assert found.writes_without_outcome == 0
    assert found.last is not None
    assert found.last[0] >= printed


def test_every_write_has_exactly_one_outcome_after_kill_9(tmp_path: Path) -> None:
    directory = tmp_path / "records"
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", APPENDER, directory], stdout=subprocess.PIPE) as appender:
            assert appender.stdout is not None
            appender.stdout.read(2000)
            appender.kill()
    subprocess.run([sys.executable, "-c", APPENDER.split("while")[0] + "log.close()", directory], check=True)
    records = list(read(directory))
    requests = [each.sequence for each in records if isinstance(each.record, WriteRequested)]
    outcomes = [each.record.request for each in records if isinstance(each.record, WriteOutcome)]
    assert sorted(outcomes) == requests
