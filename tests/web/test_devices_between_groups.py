"""Between groups: an engineer of one group changes nothing for the others, and learns neither names nor ids of theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sealbus.web.access.actions import Action
from sealbus.web.devices.models import Tag, Template
from web.browsers import entries
from web.people import a_user, signed_in
from web.plant_rows import a_device, a_group, a_tag

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

_TEMPLATE = {"schema": 1, "tags": [{"name": "flow", "place": "input:0", "type": "float32"}]}


@pytest.fixture
def local() -> APIClient:
    """An engineer of one group."""
    return signed_in(a_user("local", Action.VIEW, Action.CONFIGURE, group=a_group("mine")))


@pytest.fixture
def engineer() -> APIClient:
    """An engineer of all groups."""
    return signed_in(a_user("all", Action.VIEW, Action.CONFIGURE))


def _calculated(name: str, *, of: Tag, group: str) -> Tag:
    device = a_device(f"device of {name}", group=a_group(group), connection=None)
    return a_tag(device, name, place="", type="", expression="x", inputs={"x": of.pk}, interval_s=None)


def _import(client: APIClient, name: str, query: str = "") -> Any:
    return client.post(f"/api/v1/templates{query}", _TEMPLATE | {"name": name}, "json")


@pytest.mark.parametrize("spelling", ["ABB B23", "abb b23", " ABB B23 "])
def test_an_engineer_of_one_group_publishes_no_version_of_a_shipped_template(
    local: APIClient, engineer: APIClient, spelling: str
) -> None:
    before = Template.objects.count()
    for query in ("", "?dry_run=1"):
        refused = _import(local, spelling, query)
        assert refused.status_code == 403
        assert "write another name" in refused.json()["detail"]
    assert Template.objects.count() == before
    assert [entry.actor_name for entry in entries("access.refused")] == ["local"]
    assert _import(engineer, "ABB B23").json()["number"] == 2


def test_an_engineer_of_one_group_adds_a_template_and_changes_that_of_nobody(
    local: APIClient, engineer: APIClient
) -> None:
    assert _import(engineer, "Mixer").status_code == 201
    assert _import(local, "Mixer").status_code == 403
    made = _import(local, "My mixer")
    assert (made.status_code, made.json()["number"]) == (201, 1)
    assert Template.objects.get(name="Mixer").number == 1


def test_a_circle_names_the_tags_that_the_engineer_sees_and_no_others(local: APIClient, engineer: APIClient) -> None:
    flow = a_tag(a_device("meter", group=a_group("mine")), "flow")
    own = _calculated("own", of=flow, group="mine")
    secret = _calculated("secret", of=own, group="theirs")
    deeper = _calculated("deeper", of=secret, group="theirs")
    back = _calculated("back", of=deeper, group="mine")
    body = {"inputs": {"x": back.pk}}
    path = f"/api/v1/tags/{own.pk}"
    # `back` cannot be seen to depend on `own`, but the circle is refused all the same
    refused = local.patch(path, body, "json")
    assert refused.status_code == 400
    (text,) = refused.json()["errors"]["inputs"]
    assert "own > back > ... > own" in text
    assert "secret" not in text
    assert "deeper" not in text
    assert "own > back > deeper > secret > own" in str(engineer.patch(path, body, "json").json())
    assert Tag.objects.get(pk=own.pk).inputs == {"x": flow.pk}


def test_an_input_that_the_reader_cannot_see_has_no_id(local: APIClient, engineer: APIClient) -> None:
    secret = a_tag(a_device("theirs", group=a_group("theirs")), "secret")
    flow = a_tag(a_device("meter", group=a_group("mine")), "flow")
    device = a_device("own", group=a_group("mine"), connection=None)
    both = {"a": flow.pk, "b": secret.pk}
    tag = a_tag(device, "sum", place="", type="", expression="a + b", inputs=both, interval_s=None)
    hidden = {"a": flow.pk, "b": None}
    path = f"/api/v1/tags/{tag.pk}"
    assert local.get(path).json()["inputs"] == hidden
    assert [row["inputs"] for row in local.get("/api/v1/tags?name=sum").json()["results"]] == [hidden]
    assert engineer.get(path).json()["inputs"] == both
    exported = json.loads(b"".join(local.get("/api/v1/tags/export?file=json&name=sum")))
    assert exported["tags"][0]["inputs"]["b"] is None
    assert local.patch(path, {"inputs": hidden}, "json").status_code == 400, "what was hidden became an input"
    assert Tag.objects.get(pk=tag.pk).inputs == both


def test_hiding_inputs_takes_the_same_number_of_statements_for_any_number_of_tags(local: APIClient) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert local.get("/api/v1/tags?page_size=1000").status_code == 200
        return len(asked)

    flow = a_tag(a_device("meter", group=a_group("mine")), "flow")
    _calculated("first", of=flow, group="mine")
    statements()
    few = statements()
    for number in range(50):
        _calculated(f"next {number}", of=flow, group="mine")
    assert statements() == few
