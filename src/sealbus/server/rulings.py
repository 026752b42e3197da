"""What may be done with a request, decided once per kind of request and not once per request.

A ruling is a pure function of the role's rights, the unit id and the PDU. Masters poll: the same bytes come every second.
So the ruling on an allowed read is cached by those bytes, and one look-up replaces parsing and deciding. Denials and
requests that may change state are decided each time. The cache is bounded and is dropped with its policy.

Authorization comes before everything else: a malformed request is answered as malformed only when the role may call that
function on that unit at all, so that a denial never reveals more than exception 01 (MODBUS/TCP Security v36, R-31).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.protocol import ExceptionCode, RequestError, WireRequest, parse_request

if TYPE_CHECKING:
    from sealbus.policy import Decision, Policy, Rights
    from sealbus.protocol import Request

__all__ = ["PolicyRulings", "RoleRulings", "Ruling"]

_REMEMBERED = 4096
_ROLES_REMEMBERED = 256


class Ruling:
    """The decision on one request. `exception_code` is the exception to answer, or None when it is forwarded.

    `request` and `wire_request` are the request parsed and as bytes; a malformed one has neither.
    """

    __slots__ = ("decision", "exception_code", "request", "wire_request")

    def __init__(
        self,
        decision: Decision,
        exception_code: ExceptionCode | None,
        request: Request | None = None,
        wire_request: WireRequest | None = None,
    ) -> None:
        self.decision = decision
        self.exception_code = exception_code
        self.request = request
        self.wire_request = wire_request


class RoleRulings:
    """The rulings for one role under one policy. `known` maps allowed reads, as ADUs without transaction id, to rulings."""

    __slots__ = ("_rights", "known")

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self.known: dict[bytes, Ruling] = {}

    def judge(self, unit_and_pdu: bytes) -> Ruling:
        """The ruling on a request that is not in `known`. `unit_and_pdu` is the unit id and the PDU."""
        unit_id, pdu = unit_and_pdu[0], unit_and_pdu[1:]
        try:
            request = parse_request(pdu)
        except RequestError as error:
            return self._judge_malformed(unit_and_pdu, error)
        decision = self._rights.decide(unit_id, request)
        exception_code = None if decision.allowed else ExceptionCode.ILLEGAL_FUNCTION
        wire_request = WireRequest(unit_and_pdu)
        ruling = Ruling(decision, exception_code, request, wire_request)
        if exception_code is None and not wire_request.may_change_state:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[wire_request.frame] = ruling
        return ruling

    def _judge_malformed(self, unit_and_pdu: bytes, error: RequestError) -> Ruling:
        decision = self._rights.may_call(unit_and_pdu[0], unit_and_pdu[1:])
        exception_code = error.exception_code if decision.allowed else ExceptionCode.ILLEGAL_FUNCTION
        return Ruling(decision, exception_code)


class PolicyRulings:
    """The policy of one listener, and the rulings of each role under it."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._named = frozenset(role.name for role in policy.roles)
        self._of_role: dict[str, RoleRulings] = {}

    @property
    def policy(self) -> Policy:
        return self._policy

    def rulings_of(self, role: str) -> RoleRulings:
        """The rulings for `role`, as in the certificate; "" is the NULL role."""
        rulings = self._of_role.get(role)
        if rulings is None:
            rulings = RoleRulings(self._policy.rights_of(role))
            # All sessions of a role share one cache. Roles that the policy does not name come from certificates, and a
            # certificate must not decide how much memory is used: only so many of them are kept.
            if role in self._named or len(self._of_role) < _ROLES_REMEMBERED:
                self._of_role[role] = rulings
        return rulings
