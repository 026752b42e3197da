"""The routes of the collector's state, of values and of history below `/api/v1/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from sealbus.web.trends.collector_view import CollectorView
from sealbus.web.trends.views import AggregatesView, ExportView, HistoryView, RawView, ValuesView, ValueView

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver

__all__ = ["urlpatterns"]


class _Id(IntConverter):
    regex = "[0-9]{1,18}"


register_converter(_Id, "tag_id")

urlpatterns: list[URLPattern | URLResolver] = [
    path("collector", CollectorView.as_view(), name="collector"),
    path("values", ValuesView.as_view(), name="values"),
    path("values/<tag_id:tag>", ValueView.as_view(), name="value"),
    path("history", HistoryView.as_view(), name="history"),
    path("history/aggregates", AggregatesView.as_view(), name="history-aggregates"),
    path("history/raw", RawView.as_view(), name="history-raw"),
    path("history/export", ExportView.as_view(), name="history-export"),
]
