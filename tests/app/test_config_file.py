"""The lines of keys in a TOML file, against tomllib's own reading of the same text."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.app.config_file import ConfigError, KeyPath, key_text, locate, read

EVERYTHING = '''\
# a comment with = and [brackets]
top = 1
dotted.one.two = "a # no comment"
"quoted key" = 'c:\\no\\escape'
"\\u3042" = "あ"

[table]          # the table
  text = """
line [not.a.table]
key = 1 ""\\"
"""
literal = \'\'\'
''x'' \'\'\'
list = [ 1, 2,   # two
  3,
  # nothing here
  [ "nested", ] ,
]
inline = { a = 1, b.c = [ { d = 2 } ], "e" = {} }
date = 1979-05-27 07:32:00Z
last = true

[[thing]]
name = "one"
[thing.sub]
x = 1
[[thing]]
name = "two"
  [[thing.part]]
  y = 1
  [[thing.part]]
  y = 2
[a.b.'c.d']
z = 0
'''

LINES: dict[KeyPath, int] = {
    ("top",): 2,
    ("dotted", "one", "two"): 3,
    ("quoted key",): 4,
    ("あ",): 5,
    ("table",): 7,
    ("table", "text"): 8,
    ("table", "literal"): 12,
    ("table", "list"): 14,
    ("table", "list", 1): 14,
    ("table", "list", 2): 15,
    ("table", "list", 3): 17,
    ("table", "inline"): 19,
    ("table", "inline", "b", "c", 0, "d"): 19,
    ("table", "date"): 20,
    ("table", "last"): 21,
    ("thing",): 23,
    ("thing", 0, "name"): 24,
    ("thing", 0, "sub", "x"): 26,
    ("thing", 1): 27,
    ("thing", 1, "name"): 28,
    ("thing", 1, "part", 0, "y"): 30,
    ("thing", 1, "part", 1): 31,
    ("thing", 1, "part", 1, "y"): 32,
    ("a", "b", "c.d"): 33,
    ("a", "b", "c.d", "z"): 34,
}


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key and index in what tomllib gave."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from paths_of(inner, (*path, key))


def test_every_kind_of_key_has_its_line() -> None:
    """Tables, dotted and quoted keys, arrays over several lines, inline tables: each is found where it stands."""
    lines = locate(EVERYTHING)
    assert {path: lines.get(path) for path in LINES} == LINES


def test_no_key_is_missed_or_invented() -> None:
    """The locator sees exactly the keys that tomllib sees."""
    assert set(locate(EVERYTHING)) == set(paths_of(tomllib.loads(EVERYTHING)))


def test_carriage_returns_do_not_count_twice() -> None:
    """A file with CRLF line ends has the same line numbers."""
    assert locate(EVERYTHING.replace("\n", "\r\n")) == locate(EVERYTHING)


KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.sampled_from(['"a.b"', "'[x]'", '"\\"#"', '"\\u3042"']),
)
VALUES = st.recursive(
    st.sampled_from(
        [
            "1",
            "-2.5e3",
            "true",
            "1979-05-27T07:32:00",
            '"a]b"',
            "'#'",
            '"\\\\"',
            '"""x\n"" y"""',
            "'''\n[z]\n''''",
            '""',
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(f"\n  {item} # ,]" for item in items) + "\n]"),
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=6,
)
LINE = st.one_of(
    st.tuples(st.lists(KEYS, min_size=1, max_size=2), VALUES).map(lambda pair: f"{' . '.join(pair[0])} = {pair[1]}"),
    st.tuples(st.lists(KEYS, min_size=1, max_size=2), st.booleans()).map(
        lambda pair: f"[[{'.'.join(pair[0])}]]" if pair[1] else f"[ {'.'.join(pair[0])} ] # x"
    ),
    st.sampled_from(["", "# [comment]"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINE, max_size=8).map("\n".join))
def test_random_files(text: str) -> None:
    """Whatever valid TOML looks like, the locator finds the same keys as tomllib, on the line where each one is written."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = locate(text)
    assert set(lines) == set(paths_of(table))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a = 1\nb = \nc = 2\n", 2),
        (b"a = 1\nb = [1,\n\n", 2),
        (b"a = 1\na = 2\n", 2),
        (b"a = 1\nb = '\xff'\n", 2),
    ],
)
def test_syntax_error_names_its_line(tmp_path: Path, text: bytes, line: int) -> None:
    """A slip in the syntax is shown with the line it is on."""
    path = tmp_path / "x.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert problem.line == line
    assert problem.text.key == "config.syntax"


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is a problem in words, not a traceback."""
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        read(tmp_path / "absent.toml")


def test_keys_are_shown_as_people_count() -> None:
    """Entries of arrays count from 1, and odd keys keep their quotes."""
    assert key_text(("listener", 1, "a b", "port")) == 'listener[2]."a b".port'
