"""The pages that a link leads to, by name. `{device}` and `{tag}` are ids. ENTRY is for people who have not signed in."""

from __future__ import annotations

__all__ = ["ENTRY", "PATHS"]

PATHS = {
    "sign-in": "/login",
    "set-up": "/setup",
    "overview": "/",
    "devices": "/devices",
    "device": "/devices/{device}",
    "registers": "/devices/{device}/registers",
    "device-settings": "/devices/{device}/settings",
    "device-new": "/devices/new",
    "device-edit": "/devices/{device}/edit",
    "tags": "/tags",
    "faceplate": "/tags/{tag}",
    "tag-edit": "/tags/{tag}/edit",
    "connections": "/connections",
    "connection-new": "/connections/new",
    "import": "/import",
    "first-steps": "/first-steps",
    "audit": "/audit",
    "people": "/administration",
    "person-new": "/administration/people/new",
    "roles": "/administration/roles",
    "groups": "/administration/groups",
    "networks": "/administration/networks",
    "retention": "/administration/retention",
    "state": "/administration/state",
    "licences": "/administration/licences",
    "account": "/account",
    "factors": "/account/factors",
    "sessions": "/account/sessions",
    "token-new": "/account/tokens/new",
    "confirm": "/confirm",
    "help": "/help",
    "more": "/more",
}
ENTRY = ("/login", "/setup")
