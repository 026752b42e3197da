"""Entries, verdicts and sources in the API, and the query parameters."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sealbus.web.access.subject import ActorKind
from sealbus.web.audit.models import Entry, Result, Source
from sealbus.web.audit.verification import Fault
from sealbus.web.http.strict import Strict

__all__ = [
    "EntrySerializer",
    "ExportQuery",
    "FilterQuery",
    "FindingSerializer",
    "HeadSerializer",
    "PageQuery",
    "PageSerializer",
    "SourceSerializer",
    "VerdictSerializer",
    "VerifyQuery",
]

_MAX = 2**63 - 1


class EntrySerializer(serializers.ModelSerializer[Entry]):
    """One entry, as it is hashed."""

    class Meta:
        model = Entry
        fields = (
            "sequence", "time", "actor_kind", "actor_id", "actor_name", "address", "action", "target_kind", "target_id",
            "target_name", "result", "detail", "previous_hash", "hash",
        )  # fmt: skip
        read_only_fields = fields


class PageSerializer(serializers.Serializer[Any]):
    """A page, newest first."""

    results = EntrySerializer(many=True)
    next = serializers.CharField(allow_null=True)


class FilterQuery(Strict):
    """The filters of a list or an export."""

    since = serializers.DateTimeField(required=False, help_text="From this time on.")
    until = serializers.DateTimeField(required=False, help_text="Before this time.")
    actor = serializers.CharField(required=False, max_length=200, help_text="Exactly this name.")
    actor_kind = serializers.ChoiceField(choices=[each.value for each in ActorKind], required=False)
    action = serializers.CharField(required=False, max_length=64, help_text="The beginning of the action.")
    target_kind = serializers.CharField(required=False, max_length=32)
    target_id = serializers.CharField(required=False, max_length=64)
    result = serializers.ChoiceField(choices=Result.choices, required=False)
    group = serializers.IntegerField(
        required=False, min_value=1, max_value=_MAX, help_text="About objects that are in this group now, by its id."
    )
    text = serializers.CharField(required=False, max_length=100, help_text="Anywhere in the entry.")


class PageQuery(FilterQuery):
    """A list."""

    before = serializers.IntegerField(
        required=False, min_value=0, max_value=_MAX, help_text="Entries below this number."
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=1000, default=100)


class ExportQuery(FilterQuery):
    """An export."""

    file = serializers.ChoiceField(choices=("jsonl", "csv"), required=False, default="jsonl")


class VerifyQuery(Strict):
    """A verification."""

    noted = serializers.RegexField(
        r"^\d{1,18}:[0-9a-f]{64}$", required=False, help_text="SEQUENCE:HASH noted earlier; it must still be there."
    )


class HeadSerializer(serializers.Serializer[Any]):
    """An entry by number and hash."""

    sequence = serializers.IntegerField()
    hash = serializers.CharField()


class FindingSerializer(serializers.Serializer[Any]):
    """The first fault."""

    sequence = serializers.IntegerField()
    fault = serializers.ChoiceField(choices=[(each.value, each.value) for each in Fault])
    detail = serializers.CharField()


class VerdictSerializer(serializers.Serializer[Any]):
    """The result of a verification."""

    good = serializers.BooleanField()
    entries = serializers.IntegerField()
    head = HeadSerializer()
    finding = FindingSerializer(allow_null=True)


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A gateway whose records are taken over."""

    class Meta:
        model = Source
        fields = ("id", "name", "sequence", "taken_at", "problem")
        read_only_fields = fields
