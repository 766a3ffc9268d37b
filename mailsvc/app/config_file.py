"""Reading the configuration file: TOML to plain tables, and the line on which each key stands.

``tomllib`` gives values without positions, so :func:`locate` walks the same text once more and notes the lines. It is only asked about
text that ``tomllib`` has accepted; it therefore skips what it need not understand (numbers, dates, the insides of strings).
Grammar: https://toml.io/en/v1.0.0
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import attrs

from mailsvc.texts import Sentence, Texts, language_of

__all__ = ["ConfigError", "ConfigFile", "KeyPath", "Problem", "key_text", "locate", "read"]

KeyPath = tuple[str | int, ...]
"""Where a value is: table names, keys, and indexes (from 0) into arrays."""


@attrs.frozen
class Problem:
    """Something wrong in the configuration.

    :ivar file: the file's name as it was given. :ivar line: from 1; 0 where no line can be named.
    :ivar key: such as ``listener[2].port`` (counted from 1), or ``""``. :ivar text: what is wrong and what would be right.
    """

    file: str
    line: int
    key: str
    text: Sentence

    def say(self, texts: Texts) -> str:
        """``mailsvc.toml:12: listener[2].port: 99999 is not a port; ...``"""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(filter(None, (place, self.key, texts.tell(self.text))))

    def __str__(self) -> str:
        """The same in the language of the environment."""
        return self.say(Texts(language_of()))


@attrs.frozen(auto_exc=True)
class ConfigError(Exception):
    """All that is wrong in a configuration, in the order of the file."""

    problems: tuple[Problem, ...]

    def say(self, texts: Texts) -> str:
        """The problems, one a line."""
        return "\n".join(problem.say(texts) for problem in self.problems)

    def __str__(self) -> str:
        return self.say(Texts(language_of()))


@attrs.frozen
class ConfigFile:
    """A configuration file as read: its tables and the lines of its keys."""

    path: Path
    table: dict[str, Any]
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest table around it that the file has; 1 if there is none."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: KeyPath, text: Sentence) -> Problem:
        """A problem of the value at ``path``."""
        return Problem(str(self.path), self.line(path), key_text(path), text)


def key_text(path: KeyPath) -> str:
    """A key as people write it; entries of arrays count from 1: ``listener[2].port``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return text


def read(path: Path) -> ConfigFile:
    """Read a file. Raises ConfigError if it cannot be read or is not TOML."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _fault(path, 0, "config.unreadable", error.strerror or error) from None
    try:
        text = data.decode()
        return ConfigFile(path, tomllib.loads(text), locate(text))
    except UnicodeDecodeError as error:
        raise _fault(path, data.count(b"\n", 0, error.start) + 1, "config.syntax", error.reason) from None
    except tomllib.TOMLDecodeError as error:
        raise _fault(path, _line_in(str(error), text), "config.syntax", error) from None


def _fault(path: Path, line: int, key: str, reason: object) -> ConfigError:
    return ConfigError((Problem(str(path), line, "", Sentence(key, reason=str(reason))),))


def _line_in(message: str, text: str) -> int:
    """The line that tomllib's message names: ``... (at line 3, column 5)`` or ``(at end of document)``."""
    found = re.search(r"at line (\d+)", message)
    return int(found[1]) if found else text.rstrip("\n").count("\n") + 1


# --- lines of keys ---

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_ATOM = re.compile(r"[^,\]}\n#]+")  # numbers, dates, true and false


def locate(text: str) -> dict[KeyPath, int]:
    """The line (from 1) on which each key, table and array entry of valid TOML begins."""
    return _Locator(text).run()


class _Locator:
    """One pass over the text; ``at`` is how far it has come."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.entries: dict[KeyPath, int] = {}  # arrays of tables, and how many entries each has so far

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip(_BLANK) < len(self.text):
            if self._take("[["):
                table = self._header(array=True)
            elif self._take("["):
                table = self._header(array=False)
            else:
                self._assignment(table)
        return self.lines

    def _header(self, array: bool) -> KeyPath:
        path: KeyPath = ()
        line, keys = self._line(), self._keys()
        for key in keys[:-1]:
            path = self._latest((*path, key))
        path = (*path, keys[-1])
        if array:
            self.lines.setdefault(path, line)
            self.entries[path] = self.entries.get(path, 0) + 1
        path = self._latest(path)
        self._note(path, line)
        self._take("]]" if array else "]")
        return path

    def _latest(self, path: KeyPath) -> KeyPath:
        """A path into the entry of an array of tables that was opened last."""
        return (*path, self.entries[path] - 1) if path in self.entries else path

    def _assignment(self, table: KeyPath) -> None:
        line, path = self._line(), (*table, *self._keys())
        self._note(path, line)
        self._take("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            while not self._closed("}"):
                self._assignment(path)
        else:
            self._skip(_STRING) if self.text[self.at] in "\"'" else self._skip(_ATOM)

    def _array(self, path: KeyPath) -> None:
        index = 0
        while not self._closed("]"):
            self._note((*path, index), self._line())
            self._value((*path, index))
            index += 1

    def _closed(self, bracket: str) -> bool:
        """Pass over a comma and what is blank; True at the end of an array or inline table."""
        self._skip(_BLANK)
        self._take(",")
        self._skip(_BLANK)
        return self._take(bracket)

    def _keys(self) -> tuple[str, ...]:
        """A dotted key."""
        keys = [self._key()]
        while self._take("."):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> str:
        start = self._skip(_SPACE)
        quoted = self.text[start] in "\"'"
        written = self.text[start : self._skip(_STRING if quoted else _BARE)]
        self._skip(_SPACE)
        return str(tomllib.loads(f"key = {written}")["key"]) if quoted else written

    def _note(self, path: KeyPath, line: int) -> None:
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], line)

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def _take(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at
