"""The settings of the administrator: retention classes, allowed networks, serial ports."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sealbus.endpoints import NetworkRules
from sealbus.errors import ConfigError
from sealbus.plant import RETENTION_BOUNDS, order_problems
from sealbus.web.access.strict import Strict
from sealbus.web.devices.fields import BoundedForm, columns_of
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern

__all__ = ["AllowedNetworkForm", "RetentionForm", "SerialPatternForm"]

_SERIAL_FOLDER = "/dev/"


def _rule_problem(line: str) -> str:
    if not line.isprintable():  # a line end would make two rules of one
        return "it has a character that cannot be printed; write it without that character"
    try:
        NetworkRules.parse([line])
    except ConfigError as error:
        return str(error).removeprefix("networks: ")
    return ""


class RetentionForm(BoundedForm):
    """How long history is kept."""

    bounds = RETENTION_BOUNDS
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    class Meta:
        model = RetentionClass
        fields = columns_of(RetentionClass)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Coarser rollups are kept at least as long as finer ones."""
        row: Any = self.instance or RetentionClass()
        names = ("raw_days", "minute_days", "hour_days", "day_days")
        days = [attrs.get(name, getattr(row, name)) for name in names]
        if problems := {each.key: [str(each)] for each in order_problems(*days)}:
            raise serializers.ValidationError(problems)
        if self.instance is not None and "hold_s" in attrs:
            longest = row.tags.order_by("-max_interval_s").values_list("max_interval_s", flat=True).first()
            if longest is not None and longest >= attrs["hold_s"]:
                text = f"a tag of this class stores only every {longest:g} s; write more than {longest:g}"
                raise serializers.ValidationError({"hold_s": [text]})
        return attrs


class AllowedNetworkForm(Strict, serializers.ModelSerializer[AllowedNetwork]):
    """Addresses and ports where devices may be: "10.0.0.0/8" and "502,802"."""

    class Meta:
        model = AllowedNetwork
        fields = ("id", "network", "ports", "text")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The network and its ports can be parsed as the collector parses them."""
        row = self.instance or AllowedNetwork()
        network, ports = (attrs.get(name, getattr(row, name)) for name in ("network", "ports"))
        if network.startswith("/") or " " in network:
            raise serializers.ValidationError({"network": ["this is not a network; write 10.20.0.0/16"]})
        if problem := _rule_problem(network):
            raise serializers.ValidationError({"network": [problem]})
        if problem := _rule_problem(f"{network} {ports}"):
            raise serializers.ValidationError({"ports": [problem]})
        return attrs


class SerialPatternForm(Strict, serializers.ModelSerializer[SerialPattern]):
    """Serial devices that may be opened: "/dev/ttyUSB*"."""

    class Meta:
        model = SerialPattern
        fields = ("id", "pattern", "text")

    def validate_pattern(self, value: str) -> str:
        """A whole path."""
        if not value.startswith(_SERIAL_FOLDER) or "." in value.split("/") or "//" in value:
            raise serializers.ValidationError("serial devices are in /dev/; write the whole path, such as /dev/ttyUSB*")
        if problem := _rule_problem(value):
            raise serializers.ValidationError(problem)
        return value
