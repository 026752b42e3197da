"""The world in which the matrix is walked: two groups, callers of every kind, and one thing of each kind in the home group.

To add a route: nothing, if its URL names nothing. If its URL names a thing, add to THINGS how one is made in a group, by
the first word of the route's name ("device" for `device-detail`). If its body names a group, a device or the like, so that
the right depends on the body, add the body to BODIES: with an empty one the answer is 400 before the right is looked at.
Sockets go to SOCKETS, work that is done later on behalf of a user (commands) to BACKGROUND. Then run
`SEALBUS_WRITE_MATRIX=1 pytest tests/web/test_matrix.py`, and read the rows that this adds to matrix.toml before you commit.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from sealbus.plant import CommandKind
from sealbus.web.access.subject import Actor, ActorKind
from sealbus.web.accounts import services
from sealbus.web.accounts.models import ApiToken, Assignment, Group, Role, User
from sealbus.web.audit.services import Event, append
from sealbus.web.coordination import leases
from sealbus.web.devices.models import AllowedNetwork, Command, RetentionClass, SerialPattern, Template
from sealbus.web.devices.services.collector import claim_commands
from sealbus.web.trends.handshake import AdmittedCaller, admit
from web.plant_rows import a_connection, a_device, a_tag

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BACKGROUND", "BODIES", "ROLES", "SOCKETS", "THINGS", "Caller", "callers"]

ROLES = ("Viewer", "Operator", "Engineer", "Security officer", "Auditor", "Administrator")
"""The columns of each line of six."""


@dataclass
class Caller:
    """A caller. The client has the session, or sends the token."""

    client: Client = field(default_factory=Client)
    user: User | None = None
    token: ApiToken | None = None
    secret: str = ""

    def scope(self, path: str) -> dict[str, Any]:
        """The handshake of a socket of this caller, from a page of the site."""
        headers = [(b"host", b"127.0.0.1:8000")]
        if self.secret:
            headers.append((b"authorization", f"Token {self.secret}".encode()))
        else:
            cookie = self.client.cookies.get("sealbus")
            headers += [
                (b"origin", b"http://127.0.0.1:8000"),
                (b"cookie", f"sealbus={cookie.value if cookie else ''}".encode()),
            ]
        return {
            "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "scheme": "ws", "headers": headers, "client": ["192.0.2.7", 5000], "server": ["127.0.0.1", 8000],
        }  # fmt: skip


def callers(home: Group, away: Group) -> dict[str, list[Caller]]:
    """By line of the table: one caller, or one for each role."""
    lines = {"everywhere": None, "home": home, "away": away}
    made = {
        line: [_signed_in(f"{line}-{n}", role, group) for n, role in enumerate(ROLES)] for line, group in lines.items()
    }
    half = _signed_in("half", "Administrator", None, used_second_factor=False)
    return {"nobody": [Caller()], "half": [half], "token": [_token()], "emergency": [_emergency()]} | made


def _signed_in(name: str, role: str, group: Group | None, *, used_second_factor: bool = True) -> Caller:
    user = User.objects.create_user(name)
    caller = Caller(user=user)
    Assignment.objects.create(user=user, role=Role.objects.get(name=role), group=group)
    caller.client.force_login(user)
    if used_second_factor:
        session = caller.client.session
        session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "type": "totp", "at": 0}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    return caller


def _token() -> Caller:
    """Of an administrator, for viewing everywhere."""
    owner = User.objects.create_user("owner")
    Assignment.objects.create(user=owner, role=Role.objects.get(name="Administrator"))
    token, secret = ApiToken.objects.create(user=owner, name="watch", actions=["view"], all_groups=True)
    return Caller(Client(HTTP_AUTHORIZATION=f"Token {secret}"), owner, token, secret)


def _emergency() -> Caller:
    caller = Caller()
    secret = services.emergency_link(1).partition("#")[2]
    answer = caller.client.post("/api/v1/emergency", {"secret": secret}, content_type="application/json")
    assert answer.status_code == 204
    return caller


def _a_command(group: Group, kind: CommandKind = CommandKind.TEST, caller: Caller | None = None) -> Command:
    """A command that waits; of the user who is everywhere an administrator, or of this caller."""
    user = caller.user if caller is not None else User.objects.get(username="everywhere-5")
    token = caller.token if caller is not None else None
    name = "" if user is None else user.username
    line = a_connection("of a command", group=group)
    device = a_device("of a command", group=group, connection=line)
    return Command.objects.create(
        kind=kind,
        group=group,
        connection=line,
        device=device if kind is CommandKind.READ else None,
        tags=[a_tag(device).pk] if kind is CommandKind.READ else [],
        actor_kind=(ActorKind.USER if token is None else ActorKind.TOKEN).value,
        actor_id=0 if user is None else user.pk,
        actor_name=name if token is None else f"{name}/{token.name}",
        token_key="" if token is None else token.token_key,
        requested_at=timezone.now(),
        deadline=timezone.now() + datetime.timedelta(seconds=30),
    )


def _a_token(group: Group) -> int:
    owner = User.objects.create_user("somebody with a token")
    return int(ApiToken.objects.create(user=owner, name="his", actions=["view"], all_groups=True)[0].pk)


THINGS: dict[str, Callable[[Group], int | str]] = {
    "user": lambda group: User.objects.create_user("somebody").pk,
    "role": lambda group: Role.objects.create(name="some role").pk,
    "group": lambda group: group.pk,
    "assignment": lambda group: (
        Assignment.objects.create(
            user=User.objects.create_user("holder"), role=Role.objects.get(name="Viewer"), group=group
        ).pk
    ),
    "token": _a_token,
    "connection": lambda group: a_connection("of the matrix", group=group).pk,
    "device": lambda group: a_device("of the matrix", group=group).pk,
    "tag": lambda group: a_tag(a_device("of the matrix", group=group)).pk,
    "template": lambda group: Template.objects.create(name="of the matrix", body={"tags": []}).pk,
    "value": lambda group: a_tag(a_device("of the matrix", group=group)).pk,
    "command": lambda group: _a_command(group).pk,
    "retention": lambda group: RetentionClass.objects.create(name="of the matrix").pk,
    "allowed": lambda group: AllowedNetwork.objects.create(network="10.99.0.0/16").pk,
    "serial": lambda group: SerialPattern.objects.create(pattern="/dev/matrix*").pk,
    "audit": lambda group: append(Event(Actor(ActorKind.SYSTEM), "matrix.walk")).sequence,
    "person": lambda group: User.objects.create_user("somebody else").pk,
    "admin-token-revoke": _a_token,
    "help-entry": lambda group: "device",
    "admin-session-end": lambda group: (
        UserSession.objects.create(
            user=User.objects.create_user("signed in elsewhere"), session_key="of the matrix", ip="192.0.2.9"
        ).pk
    ),
    "openid_connect_callback": lambda group: 1,
    "revoke": _a_token,  # of somebody else, so nobody finds it
    "mfa_edit_webauthn": lambda group: 1,
    "mfa_remove_webauthn": lambda group: 1,
}
"""How the thing is made that a URL names, by the first word of the route's name (or the whole)."""

BODIES: dict[str, Callable[[Group], dict[str, Any]]] = {
    "POST connection-archive": lambda group: {"ids": [a_connection("to be archived", group=group).pk]},
    "POST device-archive": lambda group: {"ids": [a_device("to be archived", group=group).pk]},
    "POST tag-archive": lambda group: {"ids": [a_tag(a_device("to be archived from", group=group)).pk]},
    "POST connection-list": lambda group: {"group": group.pk, "name": "new", "url": "tcp://10.0.0.9:502"},
    "POST device-list": lambda group: {
        "group": group.pk, "name": "new", "connection": a_connection("for a new device", group=group).pk,
    },
    "POST tag-list": lambda group: {
        "device": a_device("for a new tag", group=group).pk, "name": "new", "place": "input:0", "type": "uint16",
    },
    "POST tag-read": lambda group: {"tags": [a_tag(a_device("to be read", group=group)).pk]},
}  # fmt: skip
"""What is sent where the right depends on it, by method and name of the route."""


def _live(caller: Caller) -> str:
    admitted = admit(caller.scope("/ws/live"))
    return "in" if isinstance(admitted, AdmittedCaller) else str(int(admitted.status))


SOCKETS: dict[str, Callable[[Caller], str]] = {"/ws/live": _live}
"""The handshake of every socket: `in`, or the status of its refusal."""


def _command(kind: CommandKind) -> Callable[[Caller, Group], str]:
    def claim(caller: Caller, home: Group) -> str:
        Command.objects.all().delete()
        leases.acquire_or_renew("collector/matrix", "matrix")
        _a_command(home, kind, caller)
        return "in" if claim_commands("matrix", 10) else "403"

    return claim


BACKGROUND: dict[str, Callable[[Caller, Group], str]] = {
    f"command {kind.value}": _command(kind) for kind in (CommandKind.TEST, CommandKind.READ)
}
"""What is done later in the caller's name in the home group: `in`, or `403`."""
