"""What a connection and a device may be, and what may be dialled: one set of rules for the site and the collector.

`dial_problems` checks the literal parts of a URL: its form, its scheme with or without an identity, and, given the
operator's allowed networks, its address, port or serial path. A host name is resolved by the collector, which judges
each address and dials exactly the one that it judged. The result depends on the rules alone and never on what answers at
the address: the form of the site is not a port scanner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from sealbus.endpoints import Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.plant.fields import CONNECTION_BOUNDS, DEVICE_BOUNDS, FieldProblem, bound_problems
from sealbus.protocol import PlaceError, parse_place

if TYPE_CHECKING:
    from sealbus.endpoints import Endpoint, NetworkRules
    from sealbus.plant.plan import ConnectionPlan, DevicePlan

__all__ = ["connection_problems", "device_problems", "dial_problems"]

_WITH_IDENTITY: Final = (Scheme.MBAPS, Scheme.SSH_TCP)


def connection_problems(plan: ConnectionPlan, rules: NetworkRules | None = None) -> list[FieldProblem]:
    """All problems of a connection, apart from its devices. Without `rules` no network is judged."""
    found = [*dial_problems(plan.url, plan.identity, rules), *bound_problems(plan, CONNECTION_BOUNDS)]
    if (plan.lenient_transaction_id or plan.lenient_unit_id) and plan.in_flight != 1:
        problem = "with lenient transaction ids or unit ids only one request can be in flight"
        found.append(FieldProblem("in_flight", problem, "write 1"))
    if plan.local_echo and not any(each.key == "url" for each in found):
        scheme = parse_endpoint(plan.url).scheme
        if scheme.has_transaction_ids:
            problem = f"{scheme} has no local echo: only rtu://, ascii:// and rtu+tcp:// can have one"
            found.append(FieldProblem("local_echo", problem, "write false"))
    return found


def device_problems(plan: DevicePlan) -> list[FieldProblem]:
    """All that is wrong with a device, apart from its tags."""
    found = list(bound_problems(plan, DEVICE_BOUNDS))
    for text in plan.forbidden:
        try:
            parse_place(text)
        except PlaceError as error:
            found.append(FieldProblem("forbidden", error.problem, error.hint))
    return found


def dial_problems(url: str, identity: str, rules: NetworkRules | None = None) -> list[FieldProblem]:
    """What forbids to dial this URL as this identity: one problem at most."""
    if not unquote(url).isprintable():  # it would go into logs and pages
        return [FieldProblem("url", "the URL has a character that cannot be printed", "write the URL without it")]
    try:
        endpoint = parse_endpoint(url)
    except ConfigError as error:
        return [FieldProblem("url", error.problem, error.hint)]
    if problem := _identity_problem(endpoint, identity):
        return [problem]
    if rules is not None and (objection := rules.objection_to_endpoint(endpoint)):
        return [FieldProblem("url", objection, "ask an administrator to allow it")]
    return []


def _identity_problem(endpoint: Endpoint, identity: str) -> FieldProblem | None:
    scheme, forward = endpoint.scheme, endpoint.forward
    if scheme is Scheme.RELAY:
        return FieldProblem("url", "relay:// is not in this version", "write tcp://, mbaps:// or ssh+tcp://")
    if scheme in _WITH_IDENTITY and not identity:
        hint = "write the name of the folder that holds its files at the collector"
        return FieldProblem("identity", f"{scheme} needs an identity", hint)
    if identity and scheme not in _WITH_IDENTITY:
        return FieldProblem("identity", f"{scheme} shows no identity", "leave identity out, or write mbaps://")
    if forward is not None and (forward.key or forward.known_hosts):
        # a URL is typed by users of the site: it must not name files of the collector's machine
        hint = "leave it out; the collector takes ssh_key and known_hosts from the folder of the identity"
        return FieldProblem("url", "a file cannot be named in this URL", hint)
    return None
