"""The policy: all roles with their rights, compiled when it is loaded, immutable afterwards.

A role is found by its exact string. A certificate whose role is not in the policy, or a certificate without a role when
the policy has no role "", gets Rights that deny everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.policy.decision import Decision, Verdict, quoted_role
from sealbus.policy.rights import Rights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealbus.policy.rules import Role
    from sealbus.protocol import Request

__all__ = ["Policy", "unsafe_allow_everything"]


class Policy:
    """Roles and their rights. `file` is the path shown to the operator."""

    __slots__ = ("_rights", "file", "roles")

    def __init__(self, roles: Sequence[Role], *, file: str) -> None:
        self.roles: tuple[Role, ...] = tuple(roles)
        self.file = file
        self._rights = {role.name: Rights(role.name, role.rules) for role in self.roles}

    def rights_of(self, role: str) -> Rights:
        """The rights of exactly this role, "" being the NULL role. A role that is not in the policy has none."""
        rights = self._rights.get(role)
        return rights or Rights(role, (), absence=f"{quoted_role(role)} is not in the policy {self.file}")


class _Everything(Rights):
    """All rights."""

    __slots__ = ()

    def decide(self, unit_id: int, request: Request) -> Decision:
        return _ALLOWED

    def may_call(self, unit_id: int, pdu: bytes) -> Decision:
        return _ALLOWED


class _EverythingForEveryone(Policy):
    __slots__ = ()

    def rights_of(self, role: str) -> Rights:
        return _Everything(role, ())


def unsafe_allow_everything() -> Policy:
    """A policy that allows every request of every role: for `sealbus wrap`, where the gateway at the far end decides."""
    return _EverythingForEveryone((), file="(everything is allowed)")


_ALLOWED = Decision(Verdict.ALLOW, "unsafe_allow_everything", "this end allows everything")
