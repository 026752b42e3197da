"""Text out of certificates can be shown without doing harm."""

from __future__ import annotations

from pki import make_leaf, make_root
from sealbus.security import printable
from sealbus.security.names import render_name


def test_line_breaks_escapes_and_nul_are_escaped() -> None:
    assert printable("a\r\nb\x1b[31m\0") == "a\\r\\nb\\x1b[31m\\x00"
    assert printable("\u202eevil") == "\\u202eevil"


def test_printable_text_is_unchanged() -> None:
    assert printable("Bediener für Pumpe №1") == "Bediener für Pumpe №1"


def test_a_long_text_is_cut_and_the_cut_is_marked() -> None:
    assert printable("x" * 300) == "x" * 253 + "..."


def test_a_subject_cannot_forge_a_line_of_a_log() -> None:
    name = render_name(make_leaf(make_root(), "admin\nDenied: nobody").certificate.subject)
    assert "\n" not in name
