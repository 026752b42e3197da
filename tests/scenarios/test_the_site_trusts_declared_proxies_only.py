"""Behind a proxy the site serves plain HTTP, only to that proxy, and only requests that reached the proxy by HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenarios.site_process import SiteProcess, open_site

if TYPE_CHECKING:
    from collections.abc import Iterator

_SITE = {"Host": "plant.example"}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site whose proxy is this machine."""
    variables = {"SEALBUS_PUBLIC_URL": "https://plant.example", "SEALBUS_TRUSTED_PROXIES": "127.0.0.1"}
    with open_site(tmp_path_factory.mktemp("behind"), https=False, limits=None, **variables) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site whose proxy is another machine."""
    variables = {"SEALBUS_PUBLIC_URL": "https://plant.example", "SEALBUS_TRUSTED_PROXIES": "10.9.9.0/24"}
    with open_site(tmp_path_factory.mktemp("elsewhere"), https=False, limits=None, **variables) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"X-Forwarded-Proto": "http"}, 308),
        ({"X-Forwarded-Proto": "https, http"}, 308),
        ({}, 403),
        ({"X-Forwarded-Proto": "https", "Host": "evil.example"}, 400),
    ],
)
def test_only_requests_that_came_by_https_are_served(headers: dict[str, str], status: int, behind: SiteProcess) -> None:
    answer = behind.get("/api/v1/health?a=1", headers=_SITE | headers)
    assert answer.status_code == status
    assert answer.headers["Strict-Transport-Security"]
    if status == 308:
        assert answer.headers["Location"] == "https://plant.example/api/v1/health?a=1"


def test_an_unsafe_method_by_http_is_not_redirected(behind: SiteProcess) -> None:
    assert behind.get("/api/v1/health", "POST", headers=_SITE | {"X-Forwarded-Proto": "http"}).status_code == 403


def test_another_host_is_not_served_with_any_headers(elsewhere: SiteProcess) -> None:
    for headers in ({}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-For": "10.9.9.1"}):
        answer = elsewhere.get("/api/v1/health", headers=_SITE | headers)
        assert answer.status_code == 403
        assert answer.json()["detail"] == "use the address of the proxy"


def test_a_health_check_of_the_machine_itself_needs_no_proxy(elsewhere: SiteProcess) -> None:
    assert elsewhere.get("/health/live").json() == {"status": "alive"}
    assert elsewhere.get("/health/../api/v1/health").status_code != 401
