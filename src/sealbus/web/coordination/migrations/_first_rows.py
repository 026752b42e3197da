"""What no model describes: the cache table that all processes share, and the first version numbers.

The cache table counts failed logins. It is made with any cache, so that a later change of the bus needs no
further step. The version rows exist from the start, because changes of rights lock the row of `rights`.
"""

from django.core.management import call_command
from django.db import migrations

VERSIONS = ("rights", "plan", "command")


def make_cache_table(apps, schema_editor):
    call_command("createcachetable", "web_cache", database=schema_editor.connection.alias, verbosity=0)


def drop_cache_table(apps, schema_editor):
    schema_editor.execute("DROP TABLE %s" % schema_editor.quote_name("web_cache"))


def make_versions(apps, schema_editor):
    for name in VERSIONS:
        apps.get_model("coordination", "Version").objects.get_or_create(name=name)


OPERATIONS = [
    migrations.RunPython(make_cache_table, drop_cache_table),
    migrations.RunPython(make_versions, migrations.RunPython.noop),
]
