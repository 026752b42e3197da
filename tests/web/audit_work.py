"""A process that works on the audit of a site of its own, and may be killed at it.

python -m web.audit_work HOME migrate
python -m web.audit_work HOME append COUNT       COUNT entries, each in a transaction of its own, some rolled back
python -m web.audit_work HOME take FOLDER        takes over until killed; prints the number of each takeover
python -m web.audit_work HOME verify             what the chain is, as JSON
python -m web.audit_work HOME taken              the numbers of the records that were taken, one a line
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

__all__: list[str] = []


def _append(count: int) -> None:
    from django.db import transaction

    from sealbus.web.access.subject import Actor, ActorKind
    from sealbus.web.audit.services import Event, append

    for number in range(count):
        try:
            with transaction.atomic():
                append(Event(Actor(ActorKind.SYSTEM, name=str(os.getpid())), "test.append", detail={"number": number}))
                if number % 5 == 4:
                    raise InterruptedError
        except InterruptedError:
            continue


def _fill(count: int) -> None:
    from sealbus.web.access.subject import Actor, ActorKind
    from sealbus.web.audit.services import Event, append_all

    append_all([Event(Actor(ActorKind.SYSTEM, name="test"), "test.fill", detail={"text": "x" * 500})] * count)


def _take(folder: Path) -> None:
    from sealbus.web.audit.takeover import take_records

    while True:
        _say(str(take_records(folder, name="plant-7")))


def _verify() -> None:
    from sealbus.web.audit.verification import verify_chain

    _say(json.dumps(asdict(verify_chain())))


def _taken() -> None:
    from sealbus.web.audit.models import Entry

    for target, action in Entry.objects.order_by("sequence").values_list("target_id", "action"):
        _say(f"{target.rpartition(':')[2]} {action}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Do one of them."""
    from sealbus import web

    home, operation, *words = sys.argv[1:]
    web.boot(Path(home), os.environ)
    if operation == "migrate":
        web.migrate()
    elif operation == "append":
        _append(int(words[0]))
    elif operation == "fill":
        _fill(int(words[0]))
    elif operation == "take":
        _take(Path(words[0]))
    elif operation == "verify":
        _verify()
    elif operation == "taken":
        _taken()


if __name__ == "__main__":
    main()
