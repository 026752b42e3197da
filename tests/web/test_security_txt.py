"""security.txt names the contact for vulnerabilities, if the operator has set one (RFC 9116)."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from sealbus.web.config.environment import load_environment

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_caller_without_an_account_reads_the_contact_and_its_expiry(client: Client) -> None:
    answer = client.get("/.well-known/security.txt")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    contact, expires, language = answer.content.decode().splitlines()
    assert (contact, language) == ("Contact: mailto:security@plant.example", "Preferred-Languages: en")
    until = datetime.fromisoformat(expires.removeprefix("Expires: "))
    assert timedelta(days=30) < until - datetime.now(UTC) < timedelta(days=365)
    assert client.post("/.well-known/security.txt").status_code == 405


def test_without_a_contact_there_is_no_file(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SEALBUS", dataclasses.replace(load_environment(os.environ), security_contact=""))
    assert client.get("/.well-known/security.txt").status_code == 404
