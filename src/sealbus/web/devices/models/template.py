"""Templates: the map of a kind of device, versioned, so that each device names the version that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from sealbus.web.access.actions import Action

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = ["Template", "TemplateQuerySet"]


class TemplateQuerySet(models.QuerySet["Template"]):
    """Templates."""

    def visible_to(self, subject: Subject) -> TemplateQuerySet:
        """All of them, if the subject may view or configure in any group: they belong to no group."""
        rights = subject.rights
        can_use = rights.allows_anywhere(Action.VIEW) or rights.allows_anywhere(Action.CONFIGURE)
        return self if can_use else self.none()


class Template(models.Model):
    """One version of a template; a change is a new version. `shipped` ones come with Sealbus, which adds newer versions."""

    name = models.CharField(max_length=100)
    number = models.PositiveIntegerField(default=1)
    """Its version."""
    manufacturer = models.CharField(max_length=100, blank=True)
    model = models.CharField(max_length=100, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    body = models.JSONField()
    """The members of `template_body`: device settings, tags, sources."""
    shipped = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        app_label = "devices"
        ordering = ("name", "-number")
        constraints = (
            models.UniqueConstraint(fields=["name", "number"], name="devices_template_version"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="devices_template_number"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.number}"
