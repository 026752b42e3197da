"""Set up Django in this process, once: read and check the environment, load settings and apps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.variables import refuse_unknown
from sealbus.web.config.environment import KEY_FILE, load_environment
from sealbus.web.config.exposure import exposure_of
from sealbus.web.config.folder_lock import own_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sealbus.web.config.environment import Environment

__all__ = ["boot_known_process", "boot_process", "note_public_url"]

_SETTINGS = "sealbus.web.config.settings"
_PUBLIC_URL_FILE = "public-url"


def boot_known_process(home: Path, environ: Mapping[str, str]) -> None:
    """As `boot_process`, for a folder where a site has run. Links begin with the last public URL of that site."""
    if not (home / KEY_FILE).is_file():
        demo = home / "demo"
        there = f"the folder of the demonstration is {demo}: " if (demo / KEY_FILE).is_file() else ""
        hint = f"{there}name the state folder of the site with --home, or start it first"
        raise ConfigError("there is no site in this folder", file=str(home), hint=hint)
    file = home / _PUBLIC_URL_FILE
    known = {"SEALBUS_PUBLIC_URL": file.read_text().strip()} if file.is_file() else {}
    boot_process(home, known | dict(environ))


def note_public_url(environment: Environment) -> None:
    """Store the public URL, for links that are made in the shell."""
    (environment.home / _PUBLIC_URL_FILE).write_text(f"{environment.public_url}\n")


def boot_process(home: Path, environ: Mapping[str, str]) -> None:
    """Set up Django for this state folder. A second call only checks that the folder is the same."""
    from django.apps import apps

    variables = {name: value for name, value in environ.items() if name.startswith("SEALBUS_")}
    variables["SEALBUS_HOME"] = str(home.absolute())
    if apps.ready:
        if os.environ.get("SEALBUS_HOME") != variables["SEALBUS_HOME"]:
            raise ConfigError(
                "this process already uses another state folder", file=str(home), hint="start a new process"
            )
        return
    os.umask(0o077)  # databases and keys stay private even if the mode of the folder is changed
    own_folder(home.absolute())
    refuse_unknown(variables)
    exposure_of(load_environment(variables))  # report errors before the slow import of Django
    for name in [name for name in os.environ if name.startswith("SEALBUS_") and name not in variables]:
        del os.environ[name]
    os.environ.update(variables)
    os.environ["DJANGO_SETTINGS_MODULE"] = _SETTINGS
    import django

    django.setup()
