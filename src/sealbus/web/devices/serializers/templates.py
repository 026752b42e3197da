"""Templates as the API shows them, and what applying one or a discovery takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sealbus.web.devices.models import Device, Template
from sealbus.web.devices.serializers.configured import VisibleRow
from sealbus.web.http.strict import Strict

__all__ = ["ApplyForm", "LeftOutShown", "SunSpecTagsForm", "SunSpecTagsShown", "TemplateListed", "TemplateShown"]


class TemplateListed(serializers.ModelSerializer[Template]):
    """A version of a template, without its tags."""

    tag_count = serializers.SerializerMethodField()

    class Meta:
        model = Template
        fields = ("id", "name", "number", "manufacturer", "model", "text", "shipped", "archived_at", "tag_count")
        read_only_fields = fields

    def get_tag_count(self, template: Template) -> int:
        """The number of tags that it makes."""
        return len(template.body["tags"])


class TemplateShown(TemplateListed):
    """A template with its settings, its tags and the sources of its places."""

    body = serializers.JSONField(read_only=True)

    class Meta(TemplateListed.Meta):
        fields = (*TemplateListed.Meta.fields, "body")  # type: ignore[assignment]  # one more
        read_only_fields = fields  # type: ignore[assignment]


class ApplyForm(Strict):
    """Apply a template to this device."""

    device = VisibleRow(queryset=Device.objects.live().select_related("connection", "group"))


class SunSpecTagsForm(Strict):
    """Make tags from the models that this command found. `scale_factors`: "live" reads them with each value, "fixed" keeps
    those of the discovery. `with_value_only`: no tags for points that had no value in the discovery; at night these are
    points of an inverter that have one by day.
    """

    command = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    models = serializers.ListField(child=serializers.IntegerField(min_value=1, max_value=65_535), required=False)
    scale_factors = serializers.ChoiceField(choices=["live", "fixed"], required=False, default="live")
    with_value_only = serializers.BooleanField(required=False, default=False)


class LeftOutShown(serializers.Serializer[Any]):
    model = serializers.IntegerField()
    point = serializers.CharField()
    why = serializers.CharField()


@extend_schema_field(OpenApiTypes.OBJECT)
class _AnyTag(serializers.DictField):
    pass


class SunSpecTagsShown(serializers.Serializer[Any]):
    """The tags that were or would be made, the names of those that had no value in the discovery, and the points and models
    that were left out.
    """

    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    tags = serializers.ListField(child=_AnyTag())
    without_value = serializers.ListField(child=serializers.CharField())
    left_out = LeftOutShown(many=True)
