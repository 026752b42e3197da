"""How the site is reached. Plain HTTP is allowed on loopback only; anything else is HTTPS, or the site does not start."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sealbus.endpoints import is_loopback_address
from sealbus.errors import ConfigError

if TYPE_CHECKING:
    from sealbus.web.config.environment import Environment

__all__ = ["Exposure", "exposure_of", "is_loopback_host"]


class Exposure(StrEnum):
    """The four ways to reach the site."""

    PLAIN_LOOPBACK = "plain, on loopback only"
    OWN_CERTIFICATE = "HTTPS with a certificate of its own authority"
    GIVEN_CERTIFICATE = "HTTPS with the given certificate"
    BEHIND_PROXY = "plain HTTP to the declared proxies only, which serve HTTPS"


def exposure_of(environment: Environment) -> Exposure:
    """The exposure that the settings ask for. Raises ConfigError if users would reach the site without HTTPS."""
    _check_pair(environment)
    if environment.tls_certificate is not None:
        _check_https(environment, "a certificate is set, but the public URL is not https")
        return Exposure.GIVEN_CERTIFICATE
    if environment.trusted_proxies.networks:
        _check_https(environment, "a proxy is declared, but the public URL is not https")
        return Exposure.BEHIND_PROXY
    if environment.is_https:
        return Exposure.OWN_CERTIFICATE
    for key, host in (("SEALBUS_LISTEN", environment.listen_host), ("SEALBUS_PUBLIC_URL", environment.public_host)):
        if not is_loopback_host(host):
            raise ConfigError(
                f"plain HTTP is allowed on loopback only, and {host} is not loopback",
                key=key,
                hint="set SEALBUS_PUBLIC_URL=https://HOST: a certificate is created at the start; or set your own with "
                "SEALBUS_TLS_CERTIFICATE and SEALBUS_TLS_KEY, or declare the proxy in front with SEALBUS_TRUSTED_PROXIES",
            )
    return Exposure.PLAIN_LOOPBACK


def is_loopback_host(host: str) -> bool:
    """Whether the host is a name or address of loopback."""
    return host == "localhost" or is_loopback_address(host)


def _check_pair(environment: Environment) -> None:
    if (environment.tls_certificate is None) != (environment.tls_key is None):
        missing = "SEALBUS_TLS_KEY" if environment.tls_key is None else "SEALBUS_TLS_CERTIFICATE"
        raise ConfigError(
            "certificate and key belong together, only one is set", key=missing, hint="set both or neither"
        )


def _check_https(environment: Environment, problem: str) -> None:
    if not environment.is_https:
        raise ConfigError(problem, key="SEALBUS_PUBLIC_URL", hint="write https://HOST or https://HOST:PORT")
