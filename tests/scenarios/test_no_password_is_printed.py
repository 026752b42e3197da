"""No process prints a password that is in its settings: not in its usual lines, and not in an error about the setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from redis_server import RedisServer
from scenarios.programs import Programs, run, sealbus
from scenarios.site_process import open_site

if TYPE_CHECKING:
    from pathlib import Path

_FIRST, _SECOND = "Geheim", "Wort"
"""The two halves of a password, so that a piece of it in an error is found too."""


def _shows_no_password(text: str) -> bool:
    return _FIRST.lower() not in text.lower() and _SECOND.lower() not in text.lower()


@pytest.mark.needs("redis")
@pytest.mark.timeout(180)
def test_collector_and_site_print_the_host_of_the_bus_only(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", password=_FIRST + _SECOND) as redis, Programs() as programs:
        command = sealbus("collect", "--home", tmp_path / "home")
        collector = programs.start("collect", "env", f"SEALBUS_BUS={redis.url}", *command)
        collector.wait_for(f"^listening on redis://127.0.0.1:{redis.port}/0$", within_s=60)
        with open_site(tmp_path, SEALBUS_BUS=redis.url) as site:
            redis.kill()
            collector.wait_for("the bus is down", within_s=60)
            site.program.wait_for("the bus is down", within_s=60)
        collector.stop()
        printed = "\n".join([*collector.lines, *site.program.lines])
        assert _shows_no_password(printed), printed


_WRONG = {
    "bus, a slash": {"SEALBUS_BUS": "redis://u:Geheim/Wort@127.0.0.1"},
    "bus, a question mark": {"SEALBUS_BUS": "redis://u:Geheim?Wort@127.0.0.1"},
    "bus, no host": {"SEALBUS_BUS": "redis://u:GeheimWort"},
    "bus, no scheme": {"SEALBUS_BUS": "u:GeheimWort@127.0.0.1"},
    "bus, far and plain": {"SEALBUS_BUS": "redis://u:GeheimWort@redis.example"},
    "database, a slash": {"SEALBUS_DATABASE": "postgresql://u:Geheim/Wort@127.0.0.1/n"},
    "database, a bracket": {"SEALBUS_DATABASE": "postgresql://u:Geheim[Wort@127.0.0.1/n"},
    "database, a percent sign": {"SEALBUS_DATABASE": "postgresql://u:Geheim%Wort@127.0.0.1/n"},
    "database, no scheme": {"SEALBUS_DATABASE": "GeheimWort:@127.0.0.1/n"},
    "history, a slash": {"SEALBUS_HISTORY": "postgresql://u:Geheim/Wort@127.0.0.1/n"},
    "history, a percent sign": {"SEALBUS_HISTORY": "postgresql://u:Geheim%Wort@127.0.0.1/n"},
    "history, far and plain": {"SEALBUS_HISTORY": "postgresql://u:GeheimWort@db.example/n"},
    "syslog, a password": {"SEALBUS_SYSLOG_URL": "syslog+tls://u:GeheimWort@127.0.0.1"},
    "syslog, a port": {"SEALBUS_SYSLOG_URL": "syslog+tls://u:GeheimWort@127.0.0.1:x"},
    "public URL, a password": {"SEALBUS_PUBLIC_URL": "https://u:GeheimWort@plant.example"},
    "public URL, a scheme": {"SEALBUS_PUBLIC_URL": "ftp://u:GeheimWort@plant.example"},
    "secret key": {"SEALBUS_SECRET_KEY": "GeheimWort"},
}


@pytest.mark.parametrize("verb", ["collect", "web serve"])
@pytest.mark.parametrize("wrong", _WRONG.values(), ids=_WRONG)
def test_an_error_about_a_setting_repeats_no_part_of_its_password(
    verb: str, wrong: dict[str, str], tmp_path: Path
) -> None:
    settings = [f"{name}={value}" for name, value in wrong.items()]
    done = run("env", *settings, *sealbus(*verb.split(), "--home", tmp_path / "home"), within_s=60)
    assert done.status == 2, done.output
    assert _shows_no_password(done.output), done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("option", ["", "?password=GeheimWort"])
def test_a_database_that_does_not_answer_is_named_without_its_password(option: str, tmp_path: Path) -> None:
    url = f"postgresql://u:GeheimWort@127.0.0.1:1/n{option}"
    for verb in (["collect"], ["web", "migrate"]):
        done = run("env", f"SEALBUS_DATABASE={url}", *sealbus(*verb, "--home", tmp_path / "home"), within_s=60)
        assert done.status == 2, done.output
        assert "127.0.0.1:1/n" in done.stderr
        assert _shows_no_password(done.output), done.output
