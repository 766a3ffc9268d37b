"""Asking for a password: typed twice, or one line on standard input. It never stands on the command line, where others could see it."""

import sys

import click

from mailsvc.cli.output import Refused
from mailsvc.cli.words import option, texts
from mailsvc.texts import Sentence

__all__ = ["ask_password", "password_stdin"]

password_stdin = option("--password-stdin", is_flag=True, help="cli.password-stdin")
"""The option of commands that need a password."""


def ask_password(from_stdin: bool) -> str:
    """The new password. Raises Refused if there is none."""
    if from_stdin:
        password = _first_line()
    elif sys.stdin.isatty():
        password = _prompt()
    else:
        raise Refused(Sentence("refused.no-terminal"))
    if not password:
        raise Refused(Sentence("refused.empty-password"))
    return password


def _first_line() -> str:
    data = sys.stdin.buffer.readline().rstrip(b"\r\n")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused(Sentence("refused.password")) from None


def _prompt() -> str:
    password: str = click.prompt(texts().say("cli.password"), hide_input=True, err=True)
    again: str = click.prompt(texts().say("cli.password-again"), hide_input=True, err=True)
    if password != again:
        raise Refused(Sentence("refused.passwords-differ"))
    return password
