"""Make a Django process of this one: environment read and checked, settings loaded, apps ready. Once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
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
    """As `boot_process`, for a folder where a site has run. Its links begin with the URL that the site had last."""
    if not (home / KEY_FILE).is_file():
        demo = home / "demo"
        there = f"the demonstration's is {demo}: " if (demo / KEY_FILE).is_file() else ""
        hint = f"{there}name the state folder of the site with --home, or start it first"
        raise ConfigError("there is no site in this folder", file=str(home), hint=hint)
    file = home / _PUBLIC_URL_FILE
    known = {"SEALBUS_PUBLIC_URL": file.read_text().strip()} if file.is_file() else {}
    boot_process(home, known | dict(environ))


def note_public_url(environment: Environment) -> None:
    """For links that are made at the shell."""
    (environment.home / _PUBLIC_URL_FILE).write_text(f"{environment.public_url}\n")


def boot_process(home: Path, environ: Mapping[str, str]) -> None:
    """Set up Django for this state folder. A second time it only sees that nothing else is asked for."""
    from django.apps import apps

    variables = {name: value for name, value in environ.items() if name.startswith("SEALBUS_")}
    variables["SEALBUS_HOME"] = str(home.absolute())
    if apps.ready:
        if os.environ.get("SEALBUS_HOME") != variables["SEALBUS_HOME"]:
            raise ConfigError(
                "this process has begun with another state folder", file=str(home), hint="start a new one"
            )
        return
    os.umask(0o077)  # databases and keys are nobody else's, whatever becomes of the folder's mode
    own_folder(home.absolute())
    exposure_of(load_environment(variables))  # what is wrong is said before Django is loaded
    for name in [name for name in os.environ if name.startswith("SEALBUS_") and name not in variables]:
        del os.environ[name]
    os.environ.update(variables)
    os.environ["DJANGO_SETTINGS_MODULE"] = _SETTINGS
    import django

    django.setup()
