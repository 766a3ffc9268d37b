"""Asking for a password: typed twice, or one line on standard input. It never stands on the command line, where others could see it."""

import sys

import click

from mailsvc.auth.hashing import UnknownScheme, imported, known
from mailsvc.cli.output import Refused
from mailsvc.cli.words import option, texts
from mailsvc.texts import Sentence

__all__ = ["ask_hash", "ask_password", "hash_stdin", "password_stdin"]

password_stdin = option("--password-stdin", is_flag=True, help="cli.password-stdin")
"""The option of commands that need a password."""


hash_stdin = option("--hash-stdin", is_flag=True, help="cli.hash-stdin")
"""The option of commands that take over a password from another program."""


def ask_hash() -> str:
    """The hash in the first line of standard input. Raises Refused if we could not verify a password against it."""
    hashed = imported(_first_line())
    try:
        known(hashed)
    except UnknownScheme as error:
        raise Refused(Sentence("refused.hash", reason=error)) from None
    return hashed


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
