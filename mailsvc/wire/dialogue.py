"""The dialogue of a connection as it may be logged: commands and the first line of each reply, no passwords, no messages.

What is shown of a command is a list of what is known to be harmless. Whatever else a client sends may be a password: a PASS misspelt,
a line of base64 from a client that did not wait for the answer to its AUTH.
"""

__all__ = ["shown_command", "shown_reply"]

_WHOLE = frozenset(
    b"EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP STARTTLS "
    b"CAPA STLS USER STAT LIST UIDL RETR DELE TOP UTF8 LANG".split()
)
_FIRST_WORD = frozenset({b"PASS", b"APOP"})
_TWO_WORDS = frozenset({b"AUTH"})  # the mechanism, but not its initial response

_LONGEST = 500


def shown_command(line: bytes) -> str:
    """What of a command line may be logged."""
    words = line.split(b" ", 2)
    verb = words[0].upper()
    if verb in _WHOLE:
        return _text(line)
    if verb in _FIRST_WORD:
        return f"{_text(verb)} ***"
    if verb in _TWO_WORDS:
        return _text(b" ".join(words[:2])) + (" ***" if len(words) > 2 else "")
    return f"*** ({len(line)} octets)"


def shown_reply(data: bytes) -> str:
    """What of a reply may be logged: its first line; what follows may be a message."""
    return _text(data.partition(b"\r\n")[0])


def _text(data: bytes) -> str:
    return data[:_LONGEST].decode("utf-8", "backslashreplace")
