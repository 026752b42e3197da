"""The table of the cache that all processes of one site share, which counts failed logins, and the version numbers.

The table is made whatever cache is set up at the time, so that changing the bus later needs no step that somebody
forgets. The numbers are there from the start, because who changes rights waits for others by the row of `rights`.
"""

from django.core.management import call_command
from django.db import migrations


def make_table(apps, schema_editor):
    call_command("createcachetable", "web_cache", database=schema_editor.connection.alias, verbosity=0)


def drop_table(apps, schema_editor):
    schema_editor.execute("DROP TABLE %s" % schema_editor.quote_name("web_cache"))


def make_versions(apps, schema_editor):
    Version = apps.get_model("access", "Version")
    for name in ("rights", "plan", "order"):
        Version.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]
    operations = [
        migrations.RunPython(make_table, drop_table),
        migrations.RunPython(make_versions, migrations.RunPython.noop),
    ]
