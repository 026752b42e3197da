"""The bodies of requests for commands, and a command in an answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sealbus.errors import LocalError
from sealbus.protocol import Place, parse_place
from sealbus.web.devices.models import STATE_CHOICES, Command
from sealbus.web.http.strict import Strict

__all__ = ["CommandShown", "CommandsShown", "ReadForm", "ScanRegistersForm", "ScanUnitsForm", "SunSpecForm", "TestForm"]

_MAX_TAGS = 500
_MAX_ADDRESSES = 10_000
_UNIT: dict[str, Any] = {"min_value": 0, "max_value": 255}


def _place(text: str, most: int) -> Place:
    try:
        place = parse_place(text)
    except LocalError as error:
        raise serializers.ValidationError(str(error)) from None
    if place.count > most:
        raise serializers.ValidationError(f"{place.count} addresses are too many: give up to {most}")
    return place


class TestForm(Strict):
    """Connect to the device and read one place."""

    __test__ = False  # pytest collects classes whose names begin with Test

    unit_id = serializers.IntegerField(**_UNIT, required=False, default=1)
    place = serializers.CharField(max_length=32, required=False, default="holding:0")

    def validate_place(self, value: str) -> str:
        """One address."""
        return str(_place(value, 1))


class ReadForm(Strict):
    """Read these tags now."""

    tags = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=_MAX_TAGS
    )


class ScanUnitsForm(TestForm):
    """Find the units that answer."""

    unit_id = None  # type: ignore[assignment]  # the framework's way to drop an inherited field
    first = serializers.IntegerField(**_UNIT, required=False, default=1)
    last = serializers.IntegerField(**_UNIT, required=False, default=247)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`last` is not less than `first`."""
        if attrs["last"] < attrs["first"]:
            raise serializers.ValidationError({"last": [f"this is less than first: give {attrs['first']} or more"]})
        return attrs


class ScanRegistersForm(Strict):
    """Find the addresses of a range that exist, and read them."""

    place = serializers.CharField(max_length=32)

    def validate_place(self, value: str) -> str:
        """A range."""
        return str(_place(value, _MAX_ADDRESSES))


class SunSpecForm(Strict):
    """Find the SunSpec models of a device."""

    bases = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=65_531),
        min_length=1,
        max_length=8,
        required=False,
        help_text="Addresses where the models may begin, in place of 40000, 50000 and 0; one that is silent is passed over.",
    )


@extend_schema_field({"type": "object", "nullable": True, "additionalProperties": True})
class _Result(serializers.JSONField):
    pass


class CommandShown(serializers.ModelSerializer[Command]):
    """A command: what was requested by whom, its state and progress, and its result (`result.found`)."""

    url = serializers.SerializerMethodField()
    result = _Result(read_only=True)
    state = serializers.ChoiceField(choices=STATE_CHOICES, read_only=True)
    actor = serializers.CharField(source="actor_name", read_only=True)

    class Meta:
        model = Command
        fields = (
            "id", "url", "kind", "group", "connection", "device", "tags", "arguments", "actor", "requested_at", "deadline",
            "state", "claimed_at", "sent_at", "withdraw_requested_at", "done", "total", "progress_text", "reason", "result",
            "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, command: Command) -> str:
        """The URL of its state."""
        return f"/api/v1/commands/{command.pk}"


class CommandsShown(serializers.Serializer[Any]):
    """Several commands: a reading of tags is one command for each device."""

    commands = CommandShown(many=True)
