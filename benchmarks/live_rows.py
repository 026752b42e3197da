"""`python -m benchmarks.live_rows HOME DEVICES TAGS TOKENS`: make a site with DEVICES devices of TAGS tags each, and print
one line of JSON: the tag ids of each device, and tokens, each of another person, that may view them.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

__all__ = ["main"]


def main() -> int:
    """Create the tables and the rows."""
    from sealbus import web

    home, devices, tags, tokens = Path(sys.argv[1]), *(int(each) for each in sys.argv[2:5])
    web.boot(home, os.environ)
    web.migrate()
    from sealbus.web.accounts.models import ApiToken, Assignment, Group, Role, User
    from sealbus.web.devices.models import Device, RetentionClass, Tag

    group = Group.objects.create(name="plant")
    retention = RetentionClass.objects.get_or_create(name="standard")[0]
    made = Device.objects.bulk_create(Device(name=f"device {number}", group=group) for number in range(devices))
    Tag.objects.bulk_create(
        [
            Tag(device=device, name=f"tag {number}", place=f"input:{number}", type="uint16", retention=retention)
            for device in made
            for number in range(tags)
        ],
        batch_size=500,
    )
    users = [User.objects.create_user(f"bench-{number}") for number in range(tokens)]
    Assignment.objects.bulk_create(Assignment(user=user, role=Role.objects.get(name="Viewer")) for user in users)
    secrets = [
        ApiToken.objects.create(user, expiry=timedelta(hours=1), name="bench", actions=["view"], all_groups=True)[1]
        for user in users
    ]
    tags_of = {device.pk: list(device.tags.order_by("pk").values_list("pk", flat=True)) for device in made}
    print(json.dumps({"tags_of": tags_of, "tokens": secrets}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
