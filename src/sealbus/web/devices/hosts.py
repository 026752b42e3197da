"""May a device be there? The endpoint URL that somebody typed, held against the operator's allowed networks.

Only what is literal is judged here: an address, a port, a serial path. A name is looked up by the collector, which
judges each address that comes and dials the very one it judged. What this says depends on the rules alone, never on
what answers out there: the form is no port scanner.
"""

from __future__ import annotations

from urllib.parse import unquote

from sealbus.endpoints import NetworkRules, Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.web.devices.queries import allowed_lines

__all__ = ["Hosts"]


class Hosts:
    """The rules at one moment, to judge many URLs by."""

    def __init__(self) -> None:
        self._rules = NetworkRules.parse(allowed_lines())

    def problem(self, url: str, identity: str = "") -> str:
        """What speaks against this URL; empty if nothing does."""
        if not unquote(url).isprintable():
            return "there is a character in it that cannot be printed; write the URL anew"
        try:
            endpoint = parse_endpoint(url)
        except ConfigError as error:
            return str(error)
        if endpoint.scheme is Scheme.RELAY:
            return "relay:// is not in this version; write tcp://, mbaps:// or ssh+tcp://"
        secured = endpoint.scheme in (Scheme.MBAPS, Scheme.SSH_TCP)
        if secured and not identity:
            return f"{endpoint.scheme} needs an identity; name the folder of its files at the collector"
        if identity and not secured:
            return f"{endpoint.scheme} shows no identity; leave it out, or write mbaps://"
        if endpoint.forward is not None and (endpoint.forward.key or endpoint.forward.known_hosts):
            return (
                "no file belongs in this URL; the collector has ssh_key and known_hosts in the folder of the identity"
            )
        objection = self._rules.judge_endpoint(endpoint)
        return f"{objection}; ask an administrator to allow it" if objection else ""
