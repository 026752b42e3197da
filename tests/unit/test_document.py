"""Each key of a TOML text has its line, in every notation; invalid TOML is refused with a one-line error."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealbus.document import Document, Path, parse_document
from sealbus.errors import ConfigError

TEXT = '''\
# a comment
name = "plant"          # 2

[gateway]               # 4
records = "records"     # 5
"quoted key" = 1        # 6
a.b = 2                 # 7

[[listener]]            # 9
url = "tcp://127.0.0.1" # 10
[[listener.device]]     # 11
units = "1"             # 12
[[listener.device]]     # 13
units = [
  "2",
  "3",                  # 16
]
limits = { low = 1, high = 2 }   # 18

[[listener]]            # 20
text = """
units = "not a key"
[not.a.table]
"""
device = []             # 25
[listener.tls]          # 26
versions = ["1.2"]      # 27
'''

LINES: dict[Path, int] = {
    ("name",): 2,
    ("gateway",): 4,
    ("gateway", "records"): 5,
    ("gateway", "quoted key"): 6,
    ("gateway", "a", "b"): 7,
    ("listener", 0): 9,
    ("listener", 0, "url"): 10,
    ("listener", 0, "device", 0): 11,
    ("listener", 0, "device", 0, "units"): 12,
    ("listener", 0, "device", 1): 13,
    ("listener", 0, "device", 1, "units"): 14,
    ("listener", 0, "device", 1, "limits"): 18,
    ("listener", 1): 20,
    ("listener", 1, "text"): 21,
    ("listener", 1, "device"): 25,
    ("listener", 1, "tls"): 26,
    ("listener", 1, "tls", "versions"): 27,
}


@pytest.fixture(scope="module")
def document() -> Document:
    return parse_document(TEXT, file="plant.toml")


@pytest.mark.parametrize("path", LINES, ids=repr)
def test_a_key_has_the_line_where_it_was_written(document: Document, path: Path) -> None:
    assert document.line(path) == LINES[path]


def test_text_in_a_string_is_not_a_key(document: Document) -> None:
    assert ("listener", 1, "units") not in document.lines
    assert ("not", "a", "table") not in document.lines


def test_a_value_without_its_own_line_has_the_line_of_its_parent(document: Document) -> None:
    assert document.line(("listener", 0, "device", 1, "units", 1)) == 14
    assert document.line(("listener", 0, "device", 1, "limits", "low")) == 18
    assert document.line(("listener", 0, "device", 1, "missing")) == 13
    assert document.line(("nothing",)) is None


def test_an_error_names_file_line_key_problem_and_hint(document: Document) -> None:
    error = document.error(("listener", 0, "device", 1, "units"), "is wrong", hint="write 1-10")
    assert str(error) == "plant.toml:14: listener[1].device[2].units: is wrong; write 1-10"
    assert str(document.error((), "is empty")) == "plant.toml: is empty"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = ", 1),
        ("a = 1\nb = [1,\n", 3),
        ("[table\nkey = 1", 1),
        ("a = 1\n\n'", 3),
        ("key", 1),
    ],
)
def test_a_syntax_error_has_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as error:
        parse_document(text, file="plant.toml")
    assert (error.value.file, error.value.line) == ("plant.toml", line)
    assert re.fullmatch(rf"plant\.toml:{line}: not valid TOML: .*; correct the TOML syntax", str(error.value))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = 1\na = 2", "plant.toml:2: a is written twice in one table; keep one of the two"),
        ("[a]\n[a]", "plant.toml:2: the table a is written twice; write [[a]], in double brackets"),
        ("[a]\n[[a]]", "plant.toml:2: the table a is written twice; write [[a]], in double brackets"),
        ("[[a]]\n[a]", "plant.toml:2: the table a is written twice; write [[a]], in double brackets"),
    ],
)
def test_a_key_or_a_table_that_is_written_twice_is_named(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as found:
        parse_document(text, file="plant.toml")
    assert str(found.value).startswith(error)


@pytest.mark.parametrize(
    "text",
    ["x = " + "[" * 9_000, "x = " + "{a = " * 2_000, ".".join("a" * 500) + " = 1", "x = " + "9" * 9_000],
    ids=["arrays", "tables", "dots", "digits"],
)
def test_deep_nesting_and_long_numbers_are_refused(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^plant\.toml: tables nest deeper than 32 levels, or a number is too long; "
    ):
        parse_document(text, file="plant.toml")


def test_moderate_nesting_is_read() -> None:
    assert parse_document("x = " + "[" * 10 + "]" * 10, file="plant.toml").values


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse_document("\ufeffname = 1", file="plant.toml").line(("name",)) == 1


def test_lines_are_those_of_toml_and_of_editors() -> None:
    document = parse_document('a = "x\u2028y"  # \x85\u2029\r\n# more\r\nb = 2\r\n[c]\r\n', file="plant.toml")
    assert (document.line(("b",)), document.line(("c",))) == (3, 4)


@given(st.text(alphabet=st.sampled_from(list("[]{}=.,'\"#\\ \n\tab1é\x00\u2028")), max_size=60))
def test_any_text_is_a_document_or_an_error_with_a_line_in_it(text: str) -> None:
    try:
        document = parse_document(text, file="plant.toml")
    except ConfigError as error:
        assert "\n" not in str(error)
        assert error.line is None or 1 <= error.line <= text.count("\n") + 1
    else:
        assert all(1 <= line <= text.count("\n") + 1 for line in document.lines.values())
