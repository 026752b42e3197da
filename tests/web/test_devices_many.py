"""A large site: ten thousand tags are listed, planned, imported and exported in few statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sealbus.web.devices import queries
from sealbus.web.devices.models import Device, Tag
from web.people import ALL_ACTIONS, a_user, signed_in
from web.plant_rows import a_connection, a_group, a_retention

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

_DEVICES, _TAGS = 200, 50


@pytest.fixture
def site() -> APIClient:
    """200 devices of 50 tags each, and a user with all rights."""
    line, group, retention = a_connection(), a_group(), a_retention()
    devices = Device.objects.bulk_create(
        Device(name=f"device {n:03}", group=group, connection=line, unit_id=n) for n in range(_DEVICES)
    )
    Tag.objects.bulk_create(
        [
            Tag(device=device, name=f"tag {n:02}", place=f"input:{n}", type="uint16", retention=retention)
            for device in devices
            for n in range(_TAGS)
        ]
    )
    return signed_in(a_user("anna", *ALL_ACTIONS))


def test_the_plan_of_ten_thousand_tags_takes_seven_statements(site: APIClient) -> None:
    with CaptureQueriesContext(connection) as asked:
        plan = queries.plan()
    assert sum(len(device.tags) for device in plan.connections[0].devices) == _DEVICES * _TAGS
    assert len(asked) == 7


def test_a_page_of_ten_thousand_tags_takes_few_statements(site: APIClient) -> None:
    site.get("/api/v1/tags")
    with CaptureQueriesContext(connection) as asked:
        page = site.get("/api/v1/tags?page_size=1000&page=10").json()
    assert (page["count"], len(page["results"])) == (_DEVICES * _TAGS, 1000)
    assert len(asked) <= 10


def test_ten_thousand_tags_are_exported_and_imported(site: APIClient) -> None:
    with CaptureQueriesContext(connection) as asked:
        content = bytes(site.get("/api/v1/tags/export").content)
    assert len(asked) <= 20
    with CaptureQueriesContext(connection) as asked:
        report = site.post("/api/v1/tags/import", content, content_type="text/csv").json()
    assert report["unchanged"] == _DEVICES * _TAGS, report
    assert len(asked) <= 20
