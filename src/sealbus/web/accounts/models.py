"""Users, roles, groups, tokens.

Rights are role x device group x action: a `Role` is a set of actions (`Grant`), an `Assignment` gives a user a role
in one group or, without one, in all. There is no superuser and no flag that skips a check. What two people may edit at
the same time carries a `version` that counts its changes. User names are unique whatever their case: whoever signs in
does not have to remember it, and nobody can stand beside another as his twin.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from knox.models import AbstractAuthToken

from sealbus.web.access.actions import Action

__all__ = ["ApiToken", "Assignment", "Grant", "Group", "OneTimeLink", "RefusalTally", "Role", "User", "UserManager"]

_ACTIONS = [(action.value, action.value) for action in Action]


class UserManager(BaseUserManager["User"]):
    """Makes users; django-allauth asks it by these names."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A user who can sign in once his password is set. Rights come by assignment alone."""
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # auth_token_set comes from knox, untyped
    """A person. Switched off rather than deleted: the audit names him."""

    username = models.CharField(
        max_length=100,
        unique=True,
        validators=[RegexValidator(r"^[\w.@+-]+\Z", "letters, digits and . @ + - _ only")],
    )
    name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        app_label = "accounts"
        ordering = ("username",)
        constraints = (models.UniqueConstraint(Lower("username"), name="accounts_username_once"),)

    def __str__(self) -> str:
        return self.username


class Group(models.Model):
    """A group of devices: a site, a plant, a line. Archived rather than deleted."""

    name = models.CharField(max_length=100, unique=True)
    text = models.CharField(max_length=500, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        app_label = "accounts"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Role(models.Model):
    """A named set of actions."""

    name = models.CharField(max_length=100, unique=True)
    text = models.CharField(max_length=500, blank=True)
    needs_second_factor = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        app_label = "accounts"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """One action that a role allows."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="grants")
    action = models.CharField(max_length=16, choices=_ACTIONS)

    class Meta:
        app_label = "accounts"
        constraints = (
            models.UniqueConstraint(fields=["role", "action"], name="accounts_grant_once"),
            models.CheckConstraint(
                condition=models.Q(action__in=[action.value for action in Action]), name="accounts_grant_known"
            ),
        )


class Assignment(models.Model):
    """A user holds a role: in one group, or in all where `group` is empty."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="assignments")
    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="assignments")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="assignments")

    class Meta:
        app_label = "accounts"
        constraints = (  # two, because SQLite knows no constraint in which nulls are equal
            models.UniqueConstraint(fields=["user", "role", "group"], name="accounts_assignment_once"),
            models.UniqueConstraint(
                fields=["user", "role"], condition=models.Q(group=None), name="accounts_assignment_in_all_once"
            ),
        )


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # untyped library
    """A token of a user, by knox: only its hash is stored. It can do what its owner can, cut to `actions` and
    `groups`. Revoked rather than deleted: whoever reviews rights wants to see what there was.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=100)
    actions = models.JSONField(default=list)
    all_groups = models.BooleanField(default=False)
    groups = models.ManyToManyField(Group, blank=True, related_name="tokens")
    networks = models.JSONField(default=list)
    """From where it may be used, as networks ("10.0.0.0/8"); empty: from anywhere."""
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_from = models.CharField(max_length=64, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "accounts"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["user", "name"], condition=models.Q(revoked_at=None), name="accounts_token_name"
            ),
        )

    @property
    def full_name(self) -> str:
        """As the audit calls it: the user name of its owner, a slash, its own name."""
        return f"{self.user.username}/{self.name}"


class OneTimeLink(models.Model):
    """A link that works once and for a while: to make the first account, or to watch when signing in is locked. Only
    its hash is here.
    """

    class Kind(models.TextChoices):
        """What it opens."""

        SETUP = "setup"
        EMERGENCY = "emergency"
        PASSWORD = "password"  # noqa: S105 - the name of a kind

    kind = models.CharField(max_length=16, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "accounts"


class RefusalTally(models.Model):
    """How often the same caller was refused within one minute, beyond the first time, which is in the audit already.

    Written into the audit, and removed here, when the minute is over.
    """

    key = models.CharField(max_length=64)
    minute = models.PositiveBigIntegerField()
    count = models.PositiveIntegerField(default=0)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.PositiveBigIntegerField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)

    class Meta:
        app_label = "accounts"
        constraints = (models.UniqueConstraint(fields=["key", "minute"], name="accounts_tally_once"),)
