"""The settings of the web server for tests and the type checker, with a temporary state folder.

SEALBUS_TEST_DATABASE=postgresql://... runs the same tests on PostgreSQL.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "SEALBUS_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="sealbus-tests-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["SEALBUS_HOME"] = _home
os.environ.setdefault("SEALBUS_SECURITY_CONTACT", "mailto:security@plant.example")
if _database := os.environ.pop("SEALBUS_TEST_DATABASE", ""):
    os.environ["SEALBUS_DATABASE"] = _database

from sealbus.web.config import settings

if (
    not settings.SEALBUS.database.is_server
):  # a file, as in production: in memory, two threads would lock each other out
    settings.DATABASES["default"]["TEST"] = {"NAME": str(settings.SEALBUS.home / "test.sqlite3")}
globals().update({name: value for name, value in vars(settings).items() if name.isupper()})

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # argon2 is slow on purpose
WHITENOISE_AUTOREFRESH = True  # each test client builds the middleware again, and would read all static files
