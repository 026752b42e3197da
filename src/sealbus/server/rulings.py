"""From the bytes of a request to what may be done with it, once per kind of request and not once per request.

A ruling is a pure function of the role's rights, the unit id and the PDU. Masters poll: the same bytes come again every
second. So a ruling on an allowed read is remembered by those bytes, and the next time one look-up replaces parsing and
deciding. Denials and everything that may change state are judged anew each time; the memory is bounded and is thrown
away with the policy it came from.

Authorization stands before everything else: a request that is malformed is told so only when the role might call that
function on that unit at all, so that a denial never tells more than exception 01 (MODBUS/TCP Security v36, R-31).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealbus.protocol import ExceptionCode, RawRequest, RequestError, parse_request

if TYPE_CHECKING:
    from sealbus.policy import Decision, Policy, Rights
    from sealbus.protocol import Request

__all__ = ["PolicyRulings", "RoleRulings", "Ruling"]

_REMEMBERED = 4096
_ROLES_REMEMBERED = 256


class Ruling:
    """What may be done with one request. `refusal` is the exception to answer, or None when it may go on.

    `request` and `raw` are the request in words and in bytes; a malformed one has neither.
    """

    __slots__ = ("decision", "raw", "refusal", "request")

    def __init__(
        self,
        decision: Decision,
        refusal: ExceptionCode | None,
        request: Request | None = None,
        raw: RawRequest | None = None,
    ) -> None:
        self.decision = decision
        self.refusal = refusal
        self.request = request
        self.raw = raw


class RoleRulings:
    """The rulings for one role under one policy. `known` maps an allowed read, as its ADU behind the transaction id, to the
    ruling on it.
    """

    __slots__ = ("_rights", "known")

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self.known: dict[bytes, Ruling] = {}

    def judge(self, tail: bytes) -> Ruling:
        """The ruling on a request that is not among the `known`. `tail` is the unit id and the PDU."""
        unit_id, pdu = tail[0], tail[1:]
        try:
            request = parse_request(pdu)
        except RequestError as error:
            return self._judge_malformed(tail, error)
        decision = self._rights.decide(unit_id, request)
        refusal = None if decision.allowed else ExceptionCode.ILLEGAL_FUNCTION
        raw = RawRequest(tail)
        ruling = Ruling(decision, refusal, request, raw)
        if refusal is None and not raw.may_change_state:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[raw.framed] = ruling
        return ruling

    def _judge_malformed(self, tail: bytes, error: RequestError) -> Ruling:
        decision = self._rights.may_call(tail[0], tail[1:])
        refusal = error.exception_code if decision.allowed else ExceptionCode.ILLEGAL_FUNCTION
        return Ruling(decision, refusal)


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
            # All sessions of a role share one memory. Roles that the policy does not name come from certificates, and
            # certificates must not decide how much is remembered: only so many of them are kept.
            if role in self._named or len(self._of_role) < _ROLES_REMEMBERED:
                self._of_role[role] = rulings
        return rulings
