"""Connections, devices and tags as the API shows and takes them.

The fields are those of the models. A form checks each member alone; the rules between members are those of
`devices.rules`, which imports and templates call too, so a table can store nothing that a form cannot. Rights in groups
are checked by the services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from sealbus.plant import CONNECTION_BOUNDS, DEVICE_BOUNDS, TAG_BOUNDS
from sealbus.protocol import ValueType
from sealbus.web.access.subject import NOBODY
from sealbus.web.accounts.models import Group
from sealbus.web.devices.calculated import hidden_inputs
from sealbus.web.devices.fields import BoundedForm, columns_of
from sealbus.web.devices.models import Connection, Device, RetentionClass, Tag
from sealbus.web.devices.models.archiving import visible
from sealbus.web.devices.rules import Problems, Rules
from sealbus.web.errors import ROW, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.db import models

__all__ = ["ConnectionForm", "DeviceForm", "TagForm", "VisibleRow"]

_GROUPS = Group.objects.filter(archived_at__isnull=True)


@extend_schema_field(OpenApiTypes.INT)
class VisibleRow(serializers.PrimaryKeyRelatedField[Any]):
    """A row by its id, of those that the caller may see. Another id is answered as if there were no such row."""

    def __init__(self, *, path: str = "group", **options: Any) -> None:
        self._path = path
        super().__init__(**options)

    def get_queryset(self) -> models.QuerySet[Any, Any]:
        rows: Any = super().get_queryset()
        seen: models.QuerySet[Any, Any] = visible(rows, self.context.get("subject", NOBODY), self._path)
        return seen

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)


class _Configured(BoundedForm):
    """`version` may be sent along with a change: the change is refused (409) if the row was changed since that version."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The rules between members, over what is stored and what comes in."""
        if problems := self.problems(self._whole(attrs)):
            raise serializers.ValidationError(problems)
        return attrs

    def judge(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The valid members of a row of a table or a template. Raises Invalid, by member."""
        try:
            valid: dict[str, Any] = self.run_validation(values)
        except serializers.ValidationError as error:
            detail = error.detail if isinstance(error.detail, dict) else {ROW: error.detail}
            raise Invalid({str(name): [*_texts(messages)] for name, messages in detail.items()}) from None
        return valid

    def problems(self, row: dict[str, Any]) -> Problems:
        """What is wrong with a row as it would be."""
        raise NotImplementedError

    @property
    def rules(self) -> Rules:
        """The rules for the caller, read once for all rows that this form judges."""
        context: Any = self.context
        if "rules" not in context:
            context["rules"] = Rules(context.get("subject", NOBODY), bool(context.get("inputs_later")))
        found: Rules = context["rules"]
        return found

    def _whole(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = [name for name, field in self.fields.items() if not field.read_only]
        model: type[models.Model] = self.Meta.model
        row = self.instance if self.instance is not None else model()
        whole = {name: getattr(row, name) for name in names if name not in attrs and _is_set(row, name)}
        return whole | attrs


def _is_set(row: Any, name: str) -> bool:
    """Whether a row has a member: a new row has no foreign key yet."""
    field = row._meta.get_field(name)
    return not (field.is_relation and getattr(row, field.attname) is None and not field.null)


def _texts(messages: Any) -> Iterator[str]:
    """All texts of the messages of one member, which may be nested."""
    if isinstance(messages, dict | list):
        for each in messages.values() if isinstance(messages, dict) else messages:
            yield from _texts(each)
    else:
        yield str(messages)


class ConnectionForm(_Configured):
    """A way to devices."""

    bounds = CONNECTION_BOUNDS
    group = VisibleRow(queryset=_GROUPS, path="pk")

    class Meta:
        model = Connection
        fields = columns_of(Connection)
        read_only_fields = ("id", "archived_at")
        validators: tuple[Any, ...] = ()

    def problems(self, row: dict[str, Any]) -> Problems:
        """The rules of a connection."""
        stored: Any = self.instance
        return self.rules.connection(row, stored)


class DeviceForm(_Configured):
    """A device. Without a connection it only has calculated tags."""

    bounds = DEVICE_BOUNDS
    group = VisibleRow(queryset=_GROUPS, path="pk")
    connection = VisibleRow(queryset=Connection.objects.live(), allow_null=True, required=False)

    class Meta:
        model = Device
        fields = columns_of(Device)
        read_only_fields = ("id", "template_name", "template_version", "archived_at")
        validators: tuple[Any, ...] = ()

    def problems(self, row: dict[str, Any]) -> Problems:
        """The rules of a device."""
        return self.rules.device(row)


class _TagList(serializers.ListSerializer[Any]):
    """Tags, whose inputs are looked up together."""

    def to_representation(self, data: Any) -> list[Any]:
        """Each as `TagForm` shows it."""
        rows = list(data)
        context: Any = self.context
        context["hidden"] = hidden_inputs(rows, context.get("subject", NOBODY))
        shown: list[Any] = super().to_representation(rows)
        return shown


class TagForm(_Configured):
    """A tag. An input that the caller may not see has null for its id."""

    bounds = TAG_BOUNDS
    device = VisibleRow(queryset=Device.objects.live().select_related("connection"))
    retention = serializers.PrimaryKeyRelatedField(queryset=RetentionClass.objects.all(), required=False)
    type = serializers.ChoiceField(choices=["", *map(str, ValueType)], required=False, allow_blank=True)

    class Meta:
        model = Tag
        fields = columns_of(Tag)
        read_only_fields = ("id", "archived_at")
        validators: tuple[Any, ...] = ()
        list_serializer_class = _TagList

    def to_representation(self, instance: Tag) -> dict[str, Any]:
        """The members of a tag."""
        shown: dict[str, Any] = super().to_representation(instance)
        hidden = self.context.get("hidden")
        if hidden is None:
            hidden = hidden_inputs([instance], self.context.get("subject", NOBODY))
        shown["inputs"] = {name: None if tag_id in hidden else tag_id for name, tag_id in instance.inputs.items()}
        return shown

    def problems(self, row: dict[str, Any]) -> Problems:
        """The rules of a tag."""
        retention = row.get("retention") or self._standard()
        return self.rules.tag(row, retention)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With a retention class: the standard one if none is named."""
        attrs = super().validate(attrs)
        if self.instance is None:
            attrs.setdefault("retention", self._standard())
        return attrs

    def _standard(self) -> RetentionClass:
        if self.rules.standard is None:
            raise serializers.ValidationError({"retention": ["there is no retention class; create one first"]})
        return self.rules.standard
