"""What a new site begins with: retention classes, and private networks and serial ports where devices may be.

Loopback and link-local addresses are left out on purpose. An administrator may change or delete each of these rows;
they are not made again.
"""

from django.db import migrations

RETENTION = (("standard", 90, 400, 3650, None), ("short", 7, 30, 400, 3650), ("long", 400, 1100, 7300, None))
NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
PATTERNS = ("/dev/ttyS*", "/dev/ttyUSB*", "/dev/ttyACM*", "/dev/serial/by-id/*")


def ship(apps, schema_editor):
    retention = apps.get_model("devices", "RetentionClass")
    for name, raw, minute, hour, day in RETENTION:
        retention.objects.create(name=name, raw_days=raw, minute_days=minute, hour_days=hour, day_days=day)
    for network in NETWORKS:
        apps.get_model("devices", "AllowedNetwork").objects.create(network=network, ports="502,802", text="private network")
    for pattern in PATTERNS:
        apps.get_model("devices", "SerialPattern").objects.create(pattern=pattern, text="serial port")


OPERATIONS = [migrations.RunPython(ship, migrations.RunPython.noop)]
