"""What goes wrong in Twisted's own mail servers, and the tests which show that it does not here.

Twisted 26.10's SMTP and POP3 servers were studied before this project began; ours are built on their classes. Each row below is
a weakness that was found, with the tests that watch it: in memory, byte by byte, and over a real socket with real TLS. A row without tests,
or with tests that do not exist (any more), is a failure here. Rows about IMAP, Sieve and the PROXY protocol follow with those.

A test is ``module:Class.method`` or, for a written conversation, ``smtp/name`` or ``pop3/name``: it stands in ``dialogues.py`` and is
carried out by ``test_dialogues.py`` in memory and by ``test_tls_dialogues.py`` over sockets.
"""

from importlib import import_module

import attrs
import pytest


@attrs.frozen
class Row:
    """:ivar memory: tests over StringTransport. :ivar socket: tests over a real TLS socket. :ivar both: conversations, which are both."""

    weakness: str
    both: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    socket: tuple[str, ...] = ()


SMTP, SMTP_TLS = "tests.smtp.test_server:", "tests.smtp.test_tls_dialogues:SocketDialogueTests."
POP3, POP3_TLS = "tests.pop3.test_retrieval:RetrievalTests.", "tests.pop3.test_tls_retrieval:SocketTests."
LIMITS = "tests.smtp.test_limits:LimitTests."
WIRE, SOCKET = "tests.wire.test_conversation:", "tests.wire.test_socket:SocketTests."

ROWS = (
    Row(
        "commands pipelined behind STARTTLS in clear are carried out",
        both=("smtp/starttls-forgets-what-came-before", "pop3/stls-forgets-what-came-before"),
        memory=(WIRE + "TLSTests.test_what_came_before_tls_is_discarded",),
    ),
    Row(
        "EHLO, log-in and transaction survive STARTTLS",
        both=("smtp/starttls-forgets-what-came-before", "pop3/stls-forgets-what-came-before"),
    ),
    Row(
        "after a line of 20,000 octets in DATA the rest of the message is carried out as commands",
        both=("smtp/over-long-line-stays-in-data", "smtp/long-command-line", "pop3/long-line"),
    ),
    Row(
        "20 MB without CRLF take memory and time without bound",
        memory=(
            LIMITS + "test_20_mb_without_crlf",
            LIMITS + "test_20_mb_without_crlf_in_data",
            LIMITS + "test_endless_answer_in_auth",
            WIRE + "FramingTests.test_endless_line_is_bounded_and_ends",
        ),
        socket=(SMTP_TLS + "test_20_mb_without_crlf",),
    ),
    Row(
        "line ends other than CRLF, and NUL, are stored and passed on, for the next server to take for an end of data",
        both=(
            *("smtp/smuggling-lf-dot-lf", "smtp/smuggling-lf-dot-crlf", "smtp/smuggling-cr-dot-cr"),
            *("smtp/smuggling-cr-dot-crlf", "smtp/smuggling-crlf-dot-lf", "smtp/smuggling-crlf-dot-cr"),
            *("smtp/nul", "smtp/normalised", "smtp/chunks-have-bare-newlines-refused-too"),
            *("smtp/bare-lf-command-line", "smtp/helo-injection", "pop3/bare-newlines"),
        ),
    ),
    Row(
        "behind a slow recipient, pipelined commands are answered out of order and DATA is lost",
        memory=(
            SMTP + "WaitingTests.test_slow_recipient_with_pipelined_data",
            SMTP + "WaitingTests.test_slow_commit",
            SMTP + "WaitingTests.test_slow_log_in",
            "tests.pop3.test_server:LoginTests.test_commands_behind_a_slow_login_wait",
            WIRE + "OrderTests.test_pipelined_commands_behind_a_slow_one_wait",
        ),
        socket=(SMTP_TLS + "test_slow_recipient_with_pipelined_data",),
    ),
    Row(
        "a temporary failure of the store (452) becomes 550",
        both=("smtp/452-from-the-store", "smtp/store-down", "smtp/low-disk"),
        memory=(SMTP + "FailureTests.test_unforeseen_failure",),
    ),
    Row(
        "if one of two recipients fails, the message is refused although the other has it",
        both=("smtp/one-recipient-of-two-fails",),
        memory=(SMTP + "FailureTests.test_one_recipient_of_two_fails_at_the_end",),
    ),
    Row(
        "AUTH without argument, with =, *, garbage or too much ends the connection with a traceback",
        both=("smtp/malformed-auth", "pop3/auth-refused", "pop3/auth-list"),
    ),
    Row(
        "a line that is a dot, where POP3 cuts the message, ends it: the rest can forge replies",
        both=("pop3/dots-are-doubled",),
        memory=(
            POP3 + "test_any_message_in_any_pieces",
            POP3 + "test_dot_at_every_piece_offset",
            POP3 + "test_dot_at_every_offset_of_a_real_piece",
        ),
        socket=(
            POP3_TLS + "test_dot_at_every_piece_offset",
            POP3_TLS + "test_dot_at_every_offset_of_a_real_piece",
        ),
    ),
    Row(
        "POP3 commands with too many, too few or impossible arguments end the connection, or delete the last message",
        both=("pop3/argument-counts", "pop3/argument-counts-before-login", "pop3/message-numbers-out-of-range"),
    ),
    Row(
        "an unknown command among pipelined ones hangs the session or ends it",
        both=("smtp/unknown-commands", "smtp/non-ascii-command-word", "pop3/pipelined-unknown-command"),
    ),
    Row(
        "Nagle's algorithm holds small replies back: 22 messages in a second",
        memory=(WIRE + "OrderTests.test_tcp_nodelay_set",),
        socket=(SOCKET + "test_smtp_tcp_nodelay_set", SOCKET + "test_pop3_tcp_nodelay_set"),
    ),
)


def exists(test: str) -> bool:
    """Whether there is such a test."""
    module, _, path = test.partition(":")
    found = import_module(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return callable(found)


def over_a_socket(conversation: str) -> str:
    """The test that carries a conversation out over TLS."""
    room, name = conversation.split("/")
    return f"tests.{room}.test_tls_dialogues:SocketDialogueTests.test_{name.replace('-', '_')}"


def in_memory(conversation: str) -> bool:
    """Whether a conversation is one that is carried out in memory."""
    room, name = conversation.split("/")
    cases = import_module(f"tests.{room}.test_dialogues").CASES
    return name in {case.values[0].name for case in cases}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.weakness)
def test_row_is_watched(row: Row) -> None:
    """Each weakness has a test in memory and one over a TLS socket, and all that are named exist."""
    assert row.both or (row.memory and row.socket)
    assert [test for test in row.memory + row.socket if not exists(test)] == []
    assert [name for name in row.both if not in_memory(name) or not exists(over_a_socket(name))] == []
