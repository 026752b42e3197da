"""The arguments of `connect`, checked: the endpoint, the rules, and the TLS context that mbaps needs.

Both clients, with and without `await`, use it, so both check a peer in the same way.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealbus.client.channel import ChannelRules
from sealbus.client.observing import Observer
from sealbus.client.rule_checks import check_seconds
from sealbus.endpoints import Endpoint, Scheme, parse_endpoint
from sealbus.errors import ConfigError
from sealbus.security import Identity, TlsOptions, Trust, build_client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from sealbus.client.observing import ConnectionEvent, WireBytes

__all__ = ["ConnectionTarget", "resolve_target"]


@dataclass(frozen=True, slots=True)
class ConnectionTarget:
    """An endpoint and how to talk to it. `tls` is a context exactly where the endpoint is mbaps."""

    endpoint: Endpoint
    rules: ChannelRules
    tls: ssl.SSLContext | None
    observer: Observer


def resolve_target(
    url: str,
    *,
    identity: Identity | None,
    trust: Trust | str | Path | Sequence[str | Path] | None,
    crl: str | Path | Sequence[str | Path],
    timeout: float | None,
    rules: ChannelRules | None,
    tls_options: TlsOptions | None,
    on_event: Callable[[ConnectionEvent], object] | None = None,
    on_bytes: Callable[[WireBytes], object] | None = None,
) -> ConnectionTarget:
    """The arguments are those of `connect`. Raises ConfigError for invalid arguments."""
    if not isinstance(url, str):
        raise ConfigError(f"{url!r} is not an endpoint URL", key="url", hint="write 'tcp://127.0.0.1:502'")
    endpoint = parse_endpoint(url)
    rules = _rules(timeout, rules)
    for name, callback in (("on_event", on_event), ("on_bytes", on_bytes)):
        if callback is not None and not callable(callback):
            raise ConfigError(f"{callback!r} is no function", key=name, hint=f"give a function, such as {name}=print")
        if _is_awaited(callback):
            hint = "give a plain function; it may start a task"
            raise ConfigError(f"{callback!r} is a coroutine function, which nobody would await", key=name, hint=hint)
    observer = Observer(str(endpoint), on_event, on_bytes)
    if not endpoint.is_encrypted or endpoint.scheme is Scheme.SSH_TCP:
        # Refused, not ignored: otherwise a plain connection could be taken for an encrypted one.
        arguments = {"identity": identity, "trust": trust, "crl": crl or None, "tls_options": tls_options}
        given = [name for name, value in arguments.items() if value is not None]
        if given:
            raise ConfigError(
                f"{url} is not mbaps, so {' and '.join(given)} mean nothing",
                key="url",
                hint="use mbaps://, or leave them out",
            )
        return ConnectionTarget(endpoint, rules, None, observer)
    if identity is None or trust is None:
        missing = "identity" if identity is None else "trust"
        raise ConfigError(
            f"{url} needs {missing}",
            key=missing,
            hint="mbaps is mutual: give identity=Identity.load(...) and trust=...",
        )
    _check_kind("identity", identity, Identity, "give Identity.load(certificate, key)")
    if tls_options is not None:
        _check_kind("tls_options", tls_options, TlsOptions, "give TlsOptions(...)")
    context = build_client_context(identity, _trust(trust, crl), tls_options or TlsOptions())
    return ConnectionTarget(endpoint, rules, context, observer)


def _is_awaited(callback: object) -> bool:
    """Whether its call only makes a coroutine: the client does not await a callback, so its body would never run."""
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None))  # noqa: B004


def _rules(timeout: float | None, rules: ChannelRules | None) -> ChannelRules:
    if timeout is not None:
        check_seconds("timeout", timeout)
    if rules is None:
        return ChannelRules() if timeout is None else ChannelRules(timeout_s=timeout)
    _check_kind("rules", rules, ChannelRules, "give ChannelRules(timeout_s=1.0)")
    if timeout is not None and timeout != rules.timeout_s:  # one of the two would be ignored
        raise ConfigError(
            f"{timeout:g} s differs from timeout_s of rules, {rules.timeout_s:g} s", key="timeout", hint="leave it out"
        )
    return rules


def _trust(trust: Trust | str | Path | Sequence[str | Path], crl: str | Path | Sequence[str | Path]) -> Trust:
    if not isinstance(trust, Trust):
        return Trust.load(_paths("trust", trust), _paths("crl", crl))
    if crl:  # ignored, a revoked peer would be trusted
        raise ConfigError("a Trust holds its revocation lists already", key="crl", hint="give them to Trust.load")
    return trust


def _paths(name: str, paths: object) -> list[str | Path]:
    if isinstance(paths, str | Path):
        return [paths]
    if isinstance(paths, Sequence) and all(isinstance(path, str | Path) for path in paths):
        return list(paths)
    raise ConfigError(f"{paths!r} is not a file", key=name, hint="give the path of a file, or a list of them")


def _check_kind(name: str, value: object, kind: type, hint: str) -> None:
    if not isinstance(value, kind):
        raise ConfigError(f"{value!r} is not a{'n' if kind is Identity else ''} {kind.__name__}", key=name, hint=hint)
