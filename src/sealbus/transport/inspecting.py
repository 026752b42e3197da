"""Look at what a server presents: its certificates and its suites, unproven. For `sealbus check`.

The contexts here trust nobody, so each handshake fails once the server has shown its certificate, and nothing can be sent.
Each suite costs one connection: a server that sends its certificate has chosen the suite that was offered.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealbus.security import EVERY_SUITE, build_inspection_context, presented_chain
from sealbus.transport.dialling import failures_explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from sealbus.endpoints import Endpoint

__all__ = ["PresentedServer", "inspect_server"]


@dataclass(frozen=True, slots=True)
class PresentedServer:
    """The chain that a server sent, leaf first, and the suites that it accepts by version, in the order of Sealbus.

    Of TLS 1.3 one suite is known: Python cannot choose which are offered.
    """

    chain: tuple[x509.Certificate, ...]
    suites_1_2: tuple[str, ...]
    suite_1_3: str


def inspect_server(endpoint: Endpoint, *, timeout_s: float) -> PresentedServer:
    """Connect to an mbaps endpoint once for each suite, `timeout_s` seconds each. Raises Unreachable."""
    chain, suite_1_3 = _present(endpoint, ssl.TLSVersion.TLSv1_3, EVERY_SUITE, timeout_s)
    chosen: list[str] = []
    for suite in EVERY_SUITE:
        found, _ = _present(endpoint, ssl.TLSVersion.TLSv1_2, [suite], timeout_s)
        if found:
            chosen.append(suite)
            chain = chain or found
    return PresentedServer(chain, tuple(chosen), suite_1_3)


def _present(
    endpoint: Endpoint, version: ssl.TLSVersion, suites: Sequence[str], timeout_s: float
) -> tuple[tuple[x509.Certificate, ...], str]:
    """The chain of one handshake, empty if the server refused the offer; and in TLS 1.3 the suite."""
    context = build_inspection_context(version, suites)
    with failures_explained(endpoint, timeout_s):
        raw = socket.create_connection((endpoint.address or endpoint.host, endpoint.port), timeout_s)
    with context.wrap_socket(raw, server_hostname=endpoint.server_name, do_handshake_on_connect=False) as wrapped:
        with contextlib.suppress(OSError):  # ssl.SSLError is one, and always comes: nobody is trusted
            wrapped.do_handshake()
        chosen = wrapped.cipher()
        return presented_chain(wrapped), chosen[0] if chosen else ""
