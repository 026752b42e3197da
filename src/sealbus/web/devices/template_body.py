"""The form of a template document.

    {"schema": 1, "name": ..., "number": 1, "manufacturer": ..., "model": ..., "text": ...,
     "sources": ["where its places come from"],
     "device": {"unit_id": 1, "max_registers": 80},
     "tags": [{"name": "power", "place": "input:52", "type": "float32", "unit": "W"}, ...]}

Its tags have the columns of an exchanged table without group and device, so applying a template is an import into a
device. The inputs of calculated tags are names of tags in the same template.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from rest_framework import serializers

from sealbus.plant import DEVICE_BOUNDS
from sealbus.web.devices.columns import COLUMNS, Table
from sealbus.web.devices.fields import BoundedForm
from sealbus.web.devices.models import Device
from sealbus.web.http.strict import Strict

__all__ = ["DEVICE_MEMBERS", "TAG_MEMBERS", "TemplateDevice", "TemplateDocument", "shipped_documents"]

TAG_MEMBERS = tuple(name for name in COLUMNS[Table.TAGS] if name not in ("group", "device"))
DEVICE_MEMBERS = (*DEVICE_BOUNDS, "forbidden")
_MAX_TAGS = 2000


class TemplateDevice(BoundedForm):
    """The settings that a device takes over."""

    bounds = DEVICE_BOUNDS

    class Meta:
        model = Device
        fields = DEVICE_MEMBERS
        validators: tuple[Any, ...] = ()


class TemplateDocument(Strict):
    """A template as a file."""

    schema = serializers.ChoiceField(choices=[1])
    name = serializers.CharField(max_length=100)
    number = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)
    manufacturer = serializers.CharField(max_length=100, allow_blank=True, required=False, default="")
    model = serializers.CharField(max_length=100, allow_blank=True, required=False, default="")
    text = serializers.CharField(max_length=1000, allow_blank=True, required=False, default="")
    sources = serializers.ListField(
        child=serializers.CharField(max_length=300), max_length=20, required=False, default=list
    )
    device = TemplateDevice(required=False, default=dict)
    tags = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=_MAX_TAGS)


def shipped_documents() -> list[dict[str, Any]]:
    """The templates that come with Sealbus, in order of their files."""
    folder = resources.files("sealbus.web.devices") / "template_files"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".json")), key=lambda each: each.name)
    return [json.loads(each.read_text(encoding="utf-8")) for each in files]
