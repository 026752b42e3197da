"""The settings of the administrator: retention classes, allowed networks, serial ports. Rules are in `site_rules`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sealbus.plant import RETENTION_BOUNDS, FieldProblem
from sealbus.web.devices.fields import BoundedForm, columns_of
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern
from sealbus.web.devices.site_rules import network_problems, retention_problems, serial_problems
from sealbus.web.http.strict import Strict

__all__ = ["AllowedNetworkForm", "RetentionForm", "SerialPatternForm"]


def _refuse(problems: list[FieldProblem]) -> None:
    if problems:
        raise serializers.ValidationError({each.key: [str(each)] for each in problems})


class RetentionForm(BoundedForm):
    """How long history is kept."""

    bounds = RETENTION_BOUNDS
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    class Meta:
        model = RetentionClass
        fields = columns_of(RetentionClass)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The rules between members, over what is stored and what comes in."""
        stored: Any = self.instance
        row = stored or RetentionClass()
        _refuse(retention_problems({name: getattr(row, name) for name in RETENTION_BOUNDS} | attrs, stored))
        return attrs


class AllowedNetworkForm(Strict, serializers.ModelSerializer[AllowedNetwork]):
    """Addresses and ports where devices may be: "10.0.0.0/8" and "502,802"."""

    class Meta:
        model = AllowedNetwork
        fields = ("id", "network", "ports", "text")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The network and its ports together are a rule."""
        row = self.instance or AllowedNetwork()
        _refuse(network_problems(*(attrs.get(name, getattr(row, name)) for name in ("network", "ports"))))
        return attrs


class SerialPatternForm(Strict, serializers.ModelSerializer[SerialPattern]):
    """Serial devices that may be opened: "/dev/ttyUSB*"."""

    class Meta:
        model = SerialPattern
        fields = ("id", "pattern", "text")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The pattern is a rule."""
        row = self.instance or SerialPattern()
        _refuse(serial_problems(attrs.get("pattern", row.pattern)))
        return attrs
