"""`sealbus collect`: read the options, make the store of the site, and run the collector process on it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from sealbus.cli.exits import one_line_errors
from sealbus.cli.home import state_home
from sealbus.cli.log import LogFormat, start_log
from sealbus.cli.readiness import say
from sealbus.errors import ConfigError
from sealbus.transport import new_event_loop

__all__ = ["collect"]


def collect(
    home: Annotated[Path | None, typer.Option(help="State folder (else SEALBUS_HOME, else the usual place)")] = None,
    records: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=DIR", help="A gateway's record folder, to take into the audit; repeat for several"),
    ] = None,
    log: Annotated[LogFormat, typer.Option(help="How log lines look")] = LogFormat.PLAIN,
) -> None:
    """Poll devices, keep their history, publish live values, execute commands."""
    start_log(log)  # first: what is wrong with the options is a line of the log too
    with one_line_errors():
        folder = state_home(home)
        sources = [_source(each) for each in records or _listed(os.environ.get("SEALBUS_RECORDS", ""))]
        from sealbus import web
        from sealbus.collector import CollectorSettings, RecordSource, run_collector

        web.boot(folder, os.environ)
        web.migrate()
        say(f"collecting for the site in {folder.absolute()}")
        intake = tuple(RecordSource(name, path) for name, path in sources)
        for source in intake:
            if not source.folder.is_dir():
                say(f"{source.folder}: there are no records of {source.name} yet; they are taken as soon as there are")
        with web.collector_store(folder) as store, asyncio.Runner(loop_factory=new_event_loop) as runner:
            site = store.environment
            settings = CollectorSettings(
                home=site.home,
                history=site.history,
                time_zone=site.time_zone,
                bus=site.bus,
                bus_folder=site.bus_folder,
                bus_key=site.bus_key,
                records=intake,
            )

            async def until_signal() -> None:
                stopped = asyncio.Event()
                loop = asyncio.get_running_loop()
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.add_signal_handler(number, stopped.set)
                await run_collector(store, settings, stopped=stopped, report=say)

            runner.run(until_signal())


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _source(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals or not name.strip() or not folder.strip():
        raise ConfigError(
            f"{text!r} does not name a source of records",
            key="--records",
            hint="write NAME=DIR, for example plant-7=/srv/records",
        )
    return name.strip(), Path(folder.strip()).absolute()
