"""The migrations of each app are one file that makes what the models describe."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

OURS = ("accounts", "audit", "coordination", "devices")


@pytest.mark.django_db
def test_the_migrations_create_the_tables_of_the_models() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_each_app_with_tables_has_one_migration() -> None:
    found = [key for key in MigrationLoader(None).disk_migrations if key[0] in OURS]
    assert sorted(found) == [(app, "0001_initial") for app in OURS]


def test_no_other_app_of_ours_has_tables() -> None:
    with_tables = {each.label for each in apps.get_app_configs() if each.name.startswith("sealbus.") and each.models}
    assert with_tables == set(OURS)


@pytest.mark.django_db
def test_a_new_database_has_its_first_rows_its_cache_table_and_its_triggers() -> None:
    from sealbus.web.accounts.models import Role
    from sealbus.web.coordination.models import Version
    from sealbus.web.devices.models import AllowedNetwork, RetentionClass

    assert set(Version.objects.values_list("name", flat=True)) >= {"rights", "plan"}
    assert Role.objects.filter(name="Administrator", grants__action="administer").exists()
    assert RetentionClass.objects.filter(name="standard").exists()
    assert AllowedNetwork.objects.exists()
    assert "web_cache" in connection.introspection.table_names()
