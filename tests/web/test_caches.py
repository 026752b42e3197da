"""What is in a cache is data: a changed row is dropped, and nothing in it is ever run."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache, caches
from django.db import connection, connections

if TYPE_CHECKING:
    from pathlib import Path

    from web.clocks import Clock

pytestmark = pytest.mark.django_db


class _Program:
    """Unpickling this makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def _replace_value(value: str) -> None:
    """As a neighbour does who may write this one table."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE web_cache SET value = %s", [value])
        assert cursor.rowcount == 1


def _only_value() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM web_cache")
        return str(cursor.fetchone()[0])


def test_a_program_in_a_row_of_the_cache_is_not_run(tmp_path: Path) -> None:
    cache.set("failed", [1.5], 60)
    _replace_value(base64.b64encode(pickle.dumps(_Program(tmp_path / "ran"))).decode())
    assert cache.get("failed", "none") == "none"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", [[], [1.25, 1_700_000_000.123456], True, 0, "y", None, {"a": [1]}])
def test_a_value_comes_back_as_it_was_stored(value: object) -> None:
    for name in ("default", "process"):
        caches[name].set("k", value, 60)
        assert caches[name].get("k", "none") == value


def test_a_changed_a_copied_and_an_unreadable_value_count_as_missing() -> None:
    cache.set("b", ["other"], 60)
    of_another_key = _only_value()
    cache.delete("b")
    cache.set("a", ["mine"], 60)
    mine = _only_value()
    for changed in (mine.replace("mine", "main"), of_another_key, mine[:-1], json.dumps(["mine"]), "", "\x01:\x02:"):
        _replace_value(changed)
        assert cache.get("a", "none") == "none", changed
    _replace_value(mine)
    assert cache.get("a", "none") == ["mine"]


def test_a_value_ends_after_its_time_and_its_key_can_be_added_again(clock: Clock) -> None:
    for name in ("default", "process"):
        one = caches[name]
        assert one.add("lock", 1, 60)
        assert not one.add("lock", 2, 60)
        assert one.get("lock") == 1
        clock.pass_by(61)
        assert one.get("lock", "none") == "none"
        assert one.add("lock", 3, 60)
        assert one.get("lock") == 3


def test_values_are_replaced_touched_deleted_counted_and_cleared(clock: Clock) -> None:
    for name in ("default", "process"):
        one = caches[name]
        one.set("n", 1, 60)
        one.set("n", 5, 60)
        assert one.incr("n", 2) == 7
        assert one.touch("n", 600)
        assert not one.touch("absent", 600)
        clock.pass_by(61)
        assert one.get("n") == 7
        assert one.delete("n")
        assert not one.delete("n")
        with pytest.raises(ValueError, match="n"):
            one.incr("n")
        one.set_many({"x": 1, "y": 2}, 60)
        assert one.get_many(["x", "y", "z"]) == {"x": 1, "y": 2}
        one.clear()
        assert one.get_many(["x", "y"]) == {}


def test_keys_of_any_length_and_content_are_kept_apart() -> None:
    keys = ["a" * 5000, "a" * 5001, "a\0b", "\u00e9 \n", ""]
    for number, key in enumerate(keys):
        cache.set(key, number, 60)
    assert [cache.get(key) for key in keys] == list(range(len(keys)))


def test_the_table_is_bounded_and_those_that_end_first_make_room(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    from sealbus.web.coordination import caches as ours
    from sealbus.web.coordination.models import CacheEntry

    monkeypatch.setattr(ours, "_SWEEP_EVERY", 1)
    monkeypatch.setattr(caches["default"], "_max_entries", 10)
    for number in range(9):
        cache.set(f"short {number}", number, 60)
    clock.pass_by(61)
    for number in range(12):
        cache.set(f"long {number}", number, 600 + number)
    kept = [number for number in range(12) if cache.get(f"long {number}") is not None]
    assert len(kept) <= 10
    assert kept == list(range(12 - len(kept), 12)), "the newest, which end last"
    assert CacheEntry.objects.count() == len(kept), "what has ended is gone"


def test_the_memory_is_bounded_and_the_oldest_entries_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    one = caches["process"]
    monkeypatch.setattr(one, "_max_entries", 3)
    for name in ("a", "b", "a", "c", "d"):
        one.set(name, name, 60)
    assert list(one.get_many("abcd")) == ["a", "c", "d"]


@pytest.mark.django_db(transaction=True)
def test_of_many_that_add_one_key_at_a_time_one_succeeds() -> None:
    added: list[bool] = []

    def add() -> None:
        try:
            added.append(cache.add("lock", True, 60))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [False] * 7 + [True]


def test_no_cache_and_no_session_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a cache or a session uses pickle")

    for name in ("dumps", "loads", "dump", "load", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    for name in settings.CACHES:
        one = caches[name]
        one.set("k", [1], 60)
        one.add("new", True, 60)
        assert (one.get("k"), one.get("new")) == ([1], True)
    session = SessionStore()
    session["k"] = "v"
    session.save()
    assert SessionStore(session.session_key)["k"] == "v"


_PROGRAM = """
import json, os, pathlib
import django
django.setup()
from django.conf import settings
print(json.dumps(settings.CACHES))
"""


@pytest.mark.parametrize("options", ["", "?unsafe_plain_redis=1"])
def test_no_setting_of_the_bus_changes_the_caches(tmp_path: Path, options: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALBUS_")}
    environment |= {"SEALBUS_HOME": str(tmp_path), "SEALBUS_BUS": f"redis://:secret@127.0.0.1:1/3{options}"}
    environment["DJANGO_SETTINGS_MODULE"] = "sealbus.web.config.settings"
    done = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == settings.CACHES
    assert "secret" not in done.stdout
