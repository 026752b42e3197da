"""What no model describes: the first version numbers.

The version rows exist from the start, because changes of rights lock the row of `rights`.
"""

from django.db import migrations

VERSIONS = ("rights", "plan", "command")


def make_versions(apps, schema_editor):
    for name in VERSIONS:
        apps.get_model("coordination", "Version").objects.get_or_create(name=name)


OPERATIONS = [
    migrations.RunPython(make_versions, migrations.RunPython.noop),
]
