"""Connections, devices and tags as the API shows and takes them.

The forms check what can be said of one row: its members, the rules between them, and that what it refers to exists for
the caller, whose subject comes in the context. Rights in groups are the services' business. The same forms judge the
rows of imports and templates, so a table can do nothing that a form cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sealbus.web.access.actions import Action
from sealbus.web.access.subject import NOBODY
from sealbus.web.accounts.models import Group
from sealbus.web.devices import values
from sealbus.web.devices.calculated import unseen_inputs
from sealbus.web.devices.fields import BoundedJson, Finite
from sealbus.web.devices.hosts import Hosts
from sealbus.web.devices.models import Connection, Device, RetentionClass, Tag
from sealbus.web.devices.tag_rules import TYPES, tag_problems
from sealbus.web.http.strict import Strict

if TYPE_CHECKING:
    from django.db import models

    from sealbus.web.access.subject import Subject

__all__ = ["ConnectionForm", "DeviceForm", "Seen", "TagForm"]

_SHOWN = ("id", "archived_at", "version")
_DELAY_S: dict[str, Any] = {"min_value": 0, "max_value": 60, "required": False}


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class _Places(BoundedJson):
    pass


@extend_schema_field({"type": "array", "items": {"type": "number"}})
class _Numbers(BoundedJson):
    pass


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class _Labels(BoundedJson):
    pass


@extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
class _Inputs(BoundedJson):
    pass


@extend_schema_field(OpenApiTypes.INT)
class Seen(serializers.PrimaryKeyRelatedField[Any]):
    """A row by its id: one of those that the caller may see. Any other does not exist."""

    def __init__(self, *, path: str = "group", **options: Any) -> None:
        self._path = path
        super().__init__(**options)

    def get_queryset(self) -> models.QuerySet[Any, Any]:
        subject: Subject = self.context.get("subject", NOBODY)
        groups = subject.rights.groups(Action.VIEW)
        rows: Any = super().get_queryset()
        seen: models.QuerySet[Any, Any] = rows if groups is None else rows.filter(**{f"{self._path}__in": groups})
        return seen

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)


class _Configured(Strict, serializers.ModelSerializer[Any]):
    """`version` may be sent along with a change: it is refused (409) when somebody else was faster."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The rules between members, over what is stored and what comes in."""
        whole = self._whole(attrs)
        if problems := self.problems(whole):
            raise serializers.ValidationError(problems)
        return attrs

    def problems(self, row: dict[str, Any]) -> dict[str, list[str]]:
        """What is wrong with a row as it would be."""
        raise NotImplementedError

    def _whole(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = [name for name, field in self.fields.items() if not field.read_only]
        model: type[models.Model] = self.Meta.model
        row = self.instance if self.instance is not None else model()
        whole = {name: getattr(row, name) for name in names if name not in attrs and _is_set(row, name)}
        return whole | attrs


def _is_set(row: Any, name: str) -> bool:
    """Whether a row knows a member: a foreign key of a new one does not."""
    field = row._meta.get_field(name)
    return not (field.is_relation and getattr(row, field.attname) is None and not field.null)


class ConnectionForm(_Configured):
    """A way to devices."""

    group = Seen(queryset=Group.objects.filter(archived_at__isnull=True), path="pk")
    timeout_s = Finite(min_value=0.01, max_value=60, required=False)
    connect_timeout_s = Finite(min_value=0.1, max_value=60, required=False)
    connect_delay_s = Finite(**_DELAY_S)
    gap_s = Finite(**_DELAY_S)
    turnaround_s = Finite(**_DELAY_S)
    in_flight = serializers.IntegerField(min_value=1, max_value=64, required=False)
    connections = serializers.IntegerField(min_value=1, max_value=16, required=False)

    class Meta:
        model = Connection
        fields = (
            "id", "name", "text", "group", "url", "identity", "timeout_s", "connect_timeout_s", "connect_delay_s",
            "gap_s", "turnaround_s", "in_flight", "connections", "lenient_transaction_id", "enabled", "archived_at",
            "version",
        )  # fmt: skip
        read_only_fields = ("id", "archived_at")
        validators: tuple[Any, ...] = ()

    def problems(self, row: dict[str, Any]) -> dict[str, list[str]]:
        """The URL is one, and allowed. What is stored already is not judged again unless it changes."""
        found: dict[str, list[str]] = {}
        stored = self.instance
        is_new = stored is None or (stored.url, stored.identity) != (row["url"], row["identity"])
        if is_new and (problem := self._hosts().problem(row["url"], row["identity"])):
            found["url"] = [problem]
        if row["lenient_transaction_id"] and row["in_flight"] != 1:
            found["in_flight"] = ["with lenient transaction ids only one request can be in flight; write 1"]
        return found

    def _hosts(self) -> Hosts:
        context: Any = self.context
        if "hosts" not in context:
            context["hosts"] = Hosts()
        found: Hosts = context["hosts"]
        return found


class DeviceForm(_Configured):
    """A device. Without a connection it only has calculated tags."""

    group = Seen(queryset=Group.objects.filter(archived_at__isnull=True), path="pk")
    connection = Seen(queryset=Connection.objects.live(), allow_null=True, required=False)
    unit_id = serializers.IntegerField(min_value=0, max_value=255, required=False)
    max_registers = serializers.IntegerField(min_value=1, max_value=125, required=False)
    max_bits = serializers.IntegerField(min_value=1, max_value=2000, required=False)
    gap_registers = serializers.IntegerField(min_value=0, max_value=124, required=False)
    gap_bits = serializers.IntegerField(min_value=0, max_value=1999, required=False)
    forbidden = _Places(values.forbidden, required=False)

    class Meta:
        model = Device
        fields = (
            "id", "name", "text", "group", "connection", "unit_id", "max_registers", "max_bits", "gap_registers",
            "gap_bits", "forbidden", "template_name", "template_version", "enabled", "archived_at", "version",
        )  # fmt: skip
        read_only_fields = ("id", "template_name", "template_version", "archived_at")
        validators: tuple[Any, ...] = ()

    def problems(self, row: dict[str, Any]) -> dict[str, list[str]]:
        """Every rule here is about one member."""
        return {}


class TagForm(_Configured):
    """A tag."""

    device = Seen(queryset=Device.objects.live().select_related("connection"))
    retention = serializers.PrimaryKeyRelatedField(queryset=RetentionClass.objects.all(), required=False)
    decimals = serializers.IntegerField(min_value=0, max_value=12, allow_null=True, required=False)
    enumeration = _Labels(values.enumeration, required=False)
    type = serializers.ChoiceField(choices=["", *TYPES], required=False, allow_blank=True)
    length = serializers.IntegerField(min_value=0, max_value=125, required=False)
    bit = serializers.IntegerField(min_value=0, max_value=63, allow_null=True, required=False)
    bit_width = serializers.IntegerField(min_value=1, max_value=64, allow_null=True, required=False)
    scale = Finite(required=False)
    offset = Finite(required=False)
    raw_low = Finite(allow_null=True, required=False)
    raw_high = Finite(allow_null=True, required=False)
    scaled_low = Finite(allow_null=True, required=False)
    scaled_high = Finite(allow_null=True, required=False)
    low = Finite(allow_null=True, required=False)
    high = Finite(allow_null=True, required=False)
    sentinels = _Numbers(values.sentinels, required=False)
    inputs = _Inputs(values.inputs, required=False)
    interval_s = Finite(min_value=0.05, max_value=604_800, allow_null=True, required=False)
    dead_band = Finite(min_value=0, required=False)
    max_interval_s = Finite(min_value=1, max_value=604_800, required=False)
    stale_after_s = Finite(min_value=0.1, max_value=1_209_600, allow_null=True, required=False)
    write_min = Finite(allow_null=True, required=False)
    write_max = Finite(allow_null=True, required=False)
    write_step = Finite(allow_null=True, required=False)

    class Meta:
        model = Tag
        fields = (
            "id", "device", "name", "text", "unit", "decimals", "enumeration", "place", "type", "order", "length", "bit",
            "bit_width", "scale", "offset", "raw_low", "raw_high", "scaled_low", "scaled_high", "low", "high", "sentinels",
            "sunspec", "sunspec_type", "expression", "inputs", "interval_s", "dead_band", "max_interval_s", "stale_after_s",
            "retention", "writable", "write_min", "write_max", "write_step", "needs_confirmation", "needs_second_person",
            "needs_reason", "enabled", "archived_at", "version",
        )  # fmt: skip
        read_only_fields = ("id", "archived_at")
        validators: tuple[Any, ...] = ()

    def problems(self, row: dict[str, Any]) -> dict[str, list[str]]:
        """Its own rules, and that it can have its inputs."""
        row.setdefault("retention", self._standard())
        found = tag_problems(row)
        if row["inputs"] and "inputs" not in found and not self.context.get("inputs_later"):
            for name in unseen_inputs(row["inputs"], self.context.get("subject", NOBODY)):
                found.setdefault("inputs", []).append(f'the input "{name}" is no tag that you can see')
        return found

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With a class of history, the standard one if none is named."""
        attrs = super().validate(attrs)
        if self.instance is None:
            attrs.setdefault("retention", self._standard())
        return attrs

    def _standard(self) -> RetentionClass:
        context: Any = self.context
        if "standard" not in context:
            classes = RetentionClass.objects
            context["standard"] = classes.filter(name="standard").first() or classes.first()
        found: RetentionClass | None = context["standard"]
        if found is None:
            raise serializers.ValidationError({"retention": ["there is no class of history; make one first"]})
        return found
