"""Whether the configured sources of passwords can be what they are said to be, as far as that can be seen from outside.

A name has its password in one source: which one counts must not depend on chance. Two passwd files are compared here; those and our own
accounts by ``mailsvc check``, which may read the store; the rest is told at a log-in (:class:`mailsvc.auth.checkers.Chain`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from twisted.cred.strcred import findCheckerFactories

from mailsvc.auth.passwd import parse
from mailsvc.texts import Sentence

__all__ = ["faults", "names_of"]

_PAM_FILES = Path("/etc/pam.d")


def faults(sources: tuple[str, ...]) -> Iterator[tuple[int, Sentence]]:
    """What is wrong with the sources of AuthOptions, by their places.

    Files of passwords and PAM services must be there, the names of other sources known to Twisted, and none may stand there twice.
    """
    for place, source in enumerate(sources):
        if fault := _source_fault(source) or _twice(sources[:place], source):
            yield place, fault


def _passwd_fault(path: str) -> Sentence | None:
    if not path.startswith("/"):
        return Sentence("config.source-path", value=path)
    return None if Path(path).is_file() else Sentence("config.file-missing", path=path)


def _pam_fault(service: str) -> Sentence | None:
    """Without a file of its own a service would be ``other`` to PAM, which refuses everybody."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", service) is None:
        return Sentence("config.source-pam", value=service)
    return None if (_PAM_FILES / service).is_file() else Sentence("config.file-missing", path=_PAM_FILES / service)


def _source_fault(source: str) -> Sentence | None:
    kind, _, argument = source.partition(":")
    if source == "own":
        return None
    if kind in _FAULTS:
        return _FAULTS[kind](argument)
    known = sorted(factory.authType for factory in findCheckerFactories())
    return (
        None if kind in known else Sentence("config.source", value=source, known=", ".join(["own", *_FAULTS, *known]))
    )


_FAULTS = {"passwd": _passwd_fault, "pam": _pam_fault}


def _twice(before: tuple[str, ...], source: str) -> Sentence | None:
    """A name has its password in one place: which one counts must not depend on chance."""
    if source in before:
        return Sentence("config.source-twice", value=source)
    names = names_of(source)
    for other in before:
        if both := sorted(names & names_of(other)):
            return Sentence("config.source-name-twice", names=", ".join(both[:5]), other=other)
    return None


def names_of(source: str) -> frozenset[str]:
    """The names of a passwd file; of other sources they cannot be known here."""
    if not source.startswith("passwd:"):
        return frozenset()
    try:
        return frozenset(parse(Path(source.removeprefix("passwd:")).read_text("utf-8")).hashes)
    except (OSError, ValueError):
        return frozenset()
