"""The roles that a new site starts with. They are ordinary rows: an administrator may change or delete them."""

from django.db import migrations

EVERYTHING = ("view", "acknowledge", "write", "configure", "administer", "audit")
ROLES = (
    ("Viewer", "Sees devices, live values, history and alarms", ("view",), False),
    ("Operator", "Watches, acknowledges alarms and sends commands", ("view", "acknowledge", "write"), False),
    ("Engineer", "Configures connections, devices and tags", ("view", "acknowledge", "write", "configure"), False),
    ("Security officer", "Gives rights and reads the audit", ("view", "audit", "administer"), True),
    ("Auditor", "Reads the audit", ("view", "audit"), False),
    ("Administrator", "May do everything", EVERYTHING, True),
)


def make_roles(apps, schema_editor):
    Role, Grant = apps.get_model("accounts", "Role"), apps.get_model("accounts", "Grant")
    for name, text, actions, needs_second_factor in ROLES:
        role = Role.objects.create(name=name, text=text, needs_second_factor=needs_second_factor)
        Grant.objects.bulk_create([Grant(role=role, action=action) for action in actions])


OPERATIONS = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
