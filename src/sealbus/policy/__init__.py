"""Which role may do what? A Decision = f(rules, role, request).

The package reads policy.toml, the roles-to-rights rules database of MODBUS/TCP Security (v36, 8.4), compiles it, and
decides for each request whether the role may make it, with the rule or the reason. It is pure: text and requests in,
values out. It does not know the source of a role, does not forward or trim requests, and defines no roles of its own: what
no rule allows is denied.
"""

from sealbus.policy.decision import Decision, Verdict, quoted_role
from sealbus.policy.findings import Finding, FindingKind, findings
from sealbus.policy.functions import FUNCTION_NAMES, parse_function
from sealbus.policy.grammar import parse_units
from sealbus.policy.growth import grown_rights
from sealbus.policy.policy import Policy, unsafe_allow_everything
from sealbus.policy.reader import parse_policy, policy_errors
from sealbus.policy.rights import Rights
from sealbus.policy.rules import FunctionGrant, Limit, Role, Rule, render_place, render_ranges

__all__ = [
    "FUNCTION_NAMES",
    "Decision",
    "Finding",
    "FindingKind",
    "FunctionGrant",
    "Limit",
    "Policy",
    "Rights",
    "Role",
    "Rule",
    "Verdict",
    "findings",
    "grown_rights",
    "parse_function",
    "parse_policy",
    "parse_units",
    "policy_errors",
    "quoted_role",
    "render_place",
    "render_ranges",
    "unsafe_allow_everything",
]
