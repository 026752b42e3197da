"""Make a Django process of this one: environment read and checked, settings loaded, apps ready. Once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealbus.errors import ConfigError
from sealbus.web.config.environment import load_environment
from sealbus.web.config.exposure import exposure_of
from sealbus.web.config.folder_lock import own_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["boot_process"]

_SETTINGS = "sealbus.web.config.settings"


def boot_process(home: Path, environ: Mapping[str, str]) -> None:
    """Set up Django for this state folder. A second time it only sees that nothing else is asked for."""
    from django.apps import apps

    variables = {name: value for name, value in environ.items() if name.startswith("SEALBUS_")}
    variables["SEALBUS_HOME"] = str(home.absolute())
    if apps.ready:
        if os.environ.get("SEALBUS_HOME") != variables["SEALBUS_HOME"]:
            raise ConfigError(
                "this process has begun with another state folder", file=str(home), mend="start a new one"
            )
        return
    own_folder(home.absolute())
    exposure_of(load_environment(variables))  # what is wrong is said before Django is loaded
    for name in [name for name in os.environ if name.startswith("SEALBUS_") and name not in variables]:
        del os.environ[name]
    os.environ.update(variables)
    os.environ["DJANGO_SETTINGS_MODULE"] = _SETTINGS
    import django

    django.setup()
