"""Users, roles, groups, tokens.

Rights are role x device group x action: a `Role` is a set of actions (`Grant`), an `Assignment` gives a user a role
in one group or, without a group, in all. There is no superuser and no flag that skips a check. A row that two users may
edit at the same time has a `version` that counts its changes. User names are unique without regard to case, so that no
user can be mistaken for another.

`visible_to(subject)` of each QuerySet is the one rule of what a subject may see; every surface uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from knox.models import AbstractAuthToken, AuthTokenManager

from sealbus.web.access.actions import Action
from sealbus.web.accounts.user_names import validate_user_name

if TYPE_CHECKING:
    from sealbus.web.access.subject import Subject

__all__ = [
    "AdministeredQuerySet",
    "ApiToken",
    "Assignment",
    "Grant",
    "Group",
    "GroupQuerySet",
    "OneTimeLink",
    "Passkey",
    "RefusalTally",
    "Role",
    "TokenManager",
    "TokenQuerySet",
    "User",
    "UserManager",
]

_ACTIONS = [(action.value, action.value) for action in Action]
_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class AdministeredQuerySet(models.QuerySet[_Row], Generic[_Row]):
    """Rows of the whole site: users, roles, assignments."""

    def visible_to(self, subject: Subject) -> AdministeredQuerySet[_Row]:
        """All to an administrator or an auditor of the whole site; none to anyone else."""
        rights = subject.rights
        if rights.allows(Action.ADMINISTER, None) or rights.allows(Action.AUDIT, None):
            return self
        return self.none()


class GroupQuerySet(models.QuerySet["Group"]):
    """Device groups."""

    def visible_to(self, subject: Subject) -> GroupQuerySet:
        """Those in which the subject may view something; all to an administrator, who gives rights in them."""
        groups = subject.rights.groups(Action.VIEW)
        if groups is None or subject.rights.allows(Action.ADMINISTER, None):
            return self
        return self.filter(pk__in=groups)

    def live(self) -> GroupQuerySet:
        """Those that are not archived."""
        return self.filter(archived_at=None)


class TokenQuerySet(models.QuerySet["ApiToken"]):
    """API tokens."""

    def visible_to(self, subject: Subject) -> TokenQuerySet:
        """The subject's own; those of all users to an administrator."""
        if subject.rights.allows(Action.ADMINISTER, None):
            return self
        return self.filter(user=subject.user_id)


class UserManager(BaseUserManager["User"]):
    """Creates users; django-allauth calls it by these names."""

    def get_queryset(self) -> AdministeredQuerySet[User]:
        """With `visible_to`."""
        return AdministeredQuerySet(self.model, using=self._db)

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A user who can sign in once a password is set. Rights come by assignment only."""
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # auth_token_set comes from knox, untyped
    """A person. Deactivated rather than deleted: the audit names the account."""

    username = models.CharField(max_length=100, unique=True, validators=[validate_user_name])
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

    objects = GroupQuerySet.as_manager()

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

    objects = AdministeredQuerySet["Role"].as_manager()

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

    objects = AdministeredQuerySet["Assignment"].as_manager()

    class Meta:
        app_label = "accounts"
        constraints = (  # two, because SQLite knows no constraint in which nulls are equal
            models.UniqueConstraint(fields=["user", "role", "group"], name="accounts_assignment_once"),
            models.UniqueConstraint(
                fields=["user", "role"], condition=models.Q(group=None), name="accounts_assignment_in_all_once"
            ),
        )


class TokenManager(AuthTokenManager.from_queryset(TokenQuerySet)):  # type: ignore[misc]  # untyped library
    """knox's manager, whose `create` returns a token and its secret, with the queries above."""


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # untyped library
    """A token of a user, by knox: only its hash is stored. It can do what its owner can, reduced to `actions` and
    `groups`. Revoked rather than deleted: a review of rights shows what there was.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=100)
    actions = models.JSONField(default=list)
    all_groups = models.BooleanField(default=False)
    groups = models.ManyToManyField(Group, blank=True, related_name="tokens")
    networks = models.JSONField(default=list)
    """The networks that it may be used from ("10.0.0.0/8"); empty: any."""
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_from = models.CharField(max_length=64, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TokenManager] = TokenManager()

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
        """As the audit names it: the user name of its owner, a slash, its own name."""
        return f"{self.user.username}/{self.name}"


class OneTimeLink(models.Model):
    """A link that works once and for a limited time: for the first account, a new password, or a view in an emergency.
    Only the hash of its secret is stored.
    """

    class Kind(models.TextChoices):
        """Its purpose."""

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


class Passkey(models.Model):
    """The credential of a security key or passkey, whose other data the library keeps (its `Authenticator`)."""

    credential = models.CharField(max_length=64, unique=True)
    """SHA-256 of its id: one credential is one row, so it has one owner."""
    authenticator_id = models.PositiveBigIntegerField(unique=True)
    counter = models.PositiveBigIntegerField(default=0)
    """The highest one that was seen."""

    class Meta:
        app_label = "accounts"


class RefusalTally(models.Model):
    """How often the same caller was refused within one minute, after the first time, which is in the audit already.

    When the minute is over, the number goes into the audit and the row is deleted.
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
