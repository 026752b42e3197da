"""What the administrator decides: classes of history, allowed networks, serial ports."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sealbus.endpoints import NetworkRules
from sealbus.errors import ConfigError
from sealbus.web.devices.fields import Finite
from sealbus.web.devices.models import AllowedNetwork, RetentionClass, SerialPattern
from sealbus.web.http.strict import Strict

__all__ = ["AllowedNetworkForm", "RetentionForm", "SerialPatternForm"]

_LONGEST_DAYS = 36_500
_SERIAL_FOLDER = "/dev/"


def _rule_problem(line: str) -> str:
    if not line.isprintable():  # a line end would make two rules of one
        return "there is a character in it that cannot be printed; write it anew"
    try:
        NetworkRules.parse([line])
    except ConfigError as error:
        return str(error).removeprefix("networks: ")
    return ""


class RetentionForm(Strict, serializers.ModelSerializer[RetentionClass]):
    """How long history is kept."""

    raw_days = serializers.IntegerField(min_value=1, max_value=_LONGEST_DAYS, required=False)
    minute_days = serializers.IntegerField(min_value=1, max_value=_LONGEST_DAYS, required=False)
    hour_days = serializers.IntegerField(min_value=1, max_value=_LONGEST_DAYS, required=False)
    day_days = serializers.IntegerField(min_value=1, max_value=_LONGEST_DAYS, allow_null=True, required=False)
    hold_s = Finite(min_value=1, max_value=604_800, required=False)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    class Meta:
        model = RetentionClass
        fields = ("id", "name", "raw_days", "minute_days", "hour_days", "day_days", "hold_s", "version")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Coarser rollups are kept at least as long as finer ones."""
        row = self.instance or RetentionClass()
        names = ("raw_days", "minute_days", "hour_days", "day_days")
        days = [attrs.get(name, getattr(row, name)) for name in names]
        if days[-1] is None:
            days.pop()
        for finer, coarser, name in zip(days, days[1:], names[1:], strict=False):
            if coarser < finer:
                raise serializers.ValidationError({name: [f"keep it at least as long as what is finer: {finer} days"]})
        if self.instance is not None and "hold_s" in attrs:
            longest = self.instance.tags.order_by("-max_interval_s").values_list("max_interval_s", flat=True).first()
            if longest is not None and longest >= attrs["hold_s"]:
                text = f"a tag of this class stores only every {longest:g} s; write more than that"
                raise serializers.ValidationError({"hold_s": [text]})
        return attrs


class AllowedNetworkForm(Strict, serializers.ModelSerializer[AllowedNetwork]):
    """Addresses and ports where devices may be: "10.0.0.0/8" and "502,802"."""

    class Meta:
        model = AllowedNetwork
        fields = ("id", "network", "ports", "text")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A rule as the collector reads it."""
        row = self.instance or AllowedNetwork()
        network, ports = (attrs.get(name, getattr(row, name)) for name in ("network", "ports"))
        if network.startswith("/") or " " in network:
            raise serializers.ValidationError({"network": ["this is no network; write 10.20.0.0/16"]})
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
