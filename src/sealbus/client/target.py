"""The arguments of `connect`, checked: the endpoint, the rules, and the TLS context that mbaps needs.

Both clients, with and without `await`, use it, so both check a peer in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.client.channel import ChannelRules
from sealbus.endpoints import Endpoint, Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.security import Identity, TlsOptions, Trust, build_client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

__all__ = ["ConnectionTarget", "resolve_target"]


@dataclass(frozen=True, slots=True)
class ConnectionTarget:
    """An endpoint and how to talk to it. `tls` is a context exactly where the endpoint is mbaps."""

    endpoint: Endpoint
    rules: ChannelRules
    tls: ssl.SSLContext | None


def resolve_target(
    url: str,
    *,
    identity: Identity | None,
    trust: Trust | str | Path | Sequence[str | Path] | None,
    crl: str | Path | Sequence[str | Path],
    timeout: float,
    rules: ChannelRules | None,
    tls_options: TlsOptions | None,
) -> ConnectionTarget:
    """The arguments are those of `connect`. Raises ConfigError for invalid arguments."""
    endpoint = parse_endpoint(url)
    rules = rules or ChannelRules(timeout_s=timeout)
    if not endpoint.is_encrypted or endpoint.scheme is Scheme.SSH_TCP:
        # Refused, not ignored: otherwise a plain connection could be taken for an encrypted one.
        if identity is not None or trust is not None:
            raise ConfigError(
                f"{url} is not mbaps, so identity and trust mean nothing",
                key="url",
                hint="use mbaps://, or leave them out",
            )
        return ConnectionTarget(endpoint, rules, None)
    if identity is None or trust is None:
        missing = "identity" if identity is None else "trust"
        raise ConfigError(
            f"{url} needs {missing}",
            key=missing,
            hint="mbaps is mutual: give identity=Identity.load(...) and trust=...",
        )
    if not isinstance(trust, Trust):
        trust = Trust.load(_as_list(trust), _as_list(crl))
    return ConnectionTarget(endpoint, rules, build_client_context(identity, trust, tls_options or TlsOptions()))


def _as_list(paths: str | Path | Sequence[str | Path]) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)
