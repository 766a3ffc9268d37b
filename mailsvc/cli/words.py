"""click's commands and options with their help in the person's language.

``help=`` is given as a key of the catalogue (:mod:`mailsvc.texts`) and becomes words when somebody asks for it: the language is known
only once ``--lang`` and the environment have been read.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mailsvc.texts import Texts, language_of

__all__ = ["Command", "Group", "Option", "option", "set_language", "texts"]

F = TypeVar("F", bound=Callable[..., Any])

_LANGUAGE = "mailsvc.language"


def set_language(context: click.Context, _parameter: click.Parameter, language: str | None) -> None:
    """Callback of ``--lang``."""
    if language:
        context.meta[_LANGUAGE] = language


def texts() -> Texts:
    """The catalogue in the language of the running command."""
    context = click.get_current_context(silent=True)
    return Texts((context and context.meta.get(_LANGUAGE)) or language_of())


class _Translated:
    """``help`` is stored as a key and read as words."""

    _key: str | None = None

    @property
    def help(self) -> str | None:
        """The help text."""
        return texts().say(self._key) if self._key else None

    @help.setter
    def help(self, key: str | None) -> None:
        self._key = key


class Option(_Translated, click.Option):
    """An option whose ``help`` is a key; words of click's own, for ``--help`` and ``--version``, stay as they are."""


class Command(_Translated, click.Command):
    """A command whose ``help`` is a key."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """``--help``, explained in the person's language."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = texts().say("cli.help")
        return found


class Group(Command, click.Group):
    """A group whose ``help`` is a key, and that of its commands too."""

    command_class = Command
    group_class = type


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """``click.option`` whose ``help`` is a key of the catalogue."""
    return click.option(*names, cls=Option, **settings)
