"""`/api/v1/audit/`."""

from __future__ import annotations

from django.urls import path

from sealbus.web.audit.views import EntriesView, EntryView, ExportView, SourcesViewSet, VerifyView

__all__ = ["urlpatterns"]

urlpatterns = [
    path("entries", EntriesView.as_view(), name="audit-entries"),
    path("entries/<int:sequence>", EntryView.as_view(), name="audit-entry"),
    path("export", ExportView.as_view(), name="audit-export"),
    path("verify", VerifyView.as_view(), name="audit-verify"),
    path("sources", SourcesViewSet.as_view({"get": "list"}), name="audit-sources"),
]
