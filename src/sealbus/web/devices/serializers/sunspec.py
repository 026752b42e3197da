"""How the known SunSpec models look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sealbus.plant import ModelDefinition

__all__ = ["SunSpecModelShown"]


class SunSpecModelShown(serializers.Serializer[ModelDefinition]):
    """A SunSpec model that tags can be made from."""

    id = serializers.IntegerField(help_text="The number that a device gives the model, 1 to 65534.")
    name = serializers.CharField(help_text="The first part of the names of its tags.")
    label: Any = serializers.CharField(help_text="What it describes, in the words of the SunSpec Alliance.")
    length = serializers.IntegerField(
        source="registers", help_text="The number of registers behind id and length, without those of repeated groups."
    )
    repeated = serializers.SerializerMethodField(help_text="The groups that a device has several times.")

    def get_repeated(self, definition: ModelDefinition) -> list[str]:
        """Their names."""
        return [group.name for group in definition.groups if group.count is not None]
