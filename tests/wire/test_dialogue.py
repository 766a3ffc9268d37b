"""What of a conversation is logged when the administrator looks: commands and answers, never a password, never a message."""

import pytest

from mailsvc.wire.dialogue import shown_command, shown_reply


@pytest.mark.parametrize(
    "line",
    [
        b"EHLO client.example.test",
        b"MAIL FROM:<a@example.test> SIZE=100",
        b"rcpt to:<b@example.test>",
        b"USER alice",
        b"RETR 1",
        b"QUIT",
    ],
)
def test_harmless(line: bytes) -> None:
    """Commands that hold no secret are shown as they came."""
    assert shown_command(line) == line.decode()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"PASS hunter2", "PASS ***"),
        (b"pass  two words", "PASS ***"),
        (b"APOP alice c4c9334bac560ecc979e58001b3e22fb", "APOP ***"),
        (b"AUTH PLAIN AGFsaWNlAGh1bnRlcjI=", "AUTH PLAIN ***"),
        (b"AUTH LOGIN", "AUTH LOGIN"),
        (b"auth plain AGFs aHVudGVyMg==", "auth plain ***"),
    ],
)
def test_passwords(line: bytes, shown: str) -> None:
    """The secret part of a log-in is hidden, its mechanism shown."""
    assert shown_command(line) == shown


@pytest.mark.parametrize("line", [b"AGFsaWNlAGh1bnRlcjI=", b"PASSS hunter2", b"hunter2", b" PASS hunter2", b""])
def test_unknown(line: bytes) -> None:
    """What is no command of ours may be a password that came at the wrong moment: only its length is shown."""
    assert shown_command(line) == f"*** ({len(line)} octets)"


def test_reply() -> None:
    """Of a reply the first line: what follows +OK may be somebody's letter."""
    assert shown_reply(b"+OK 100 octets\r\nSubject: private\r\n\r\n.\r\n") == "+OK 100 octets"


def test_long_and_undecodable() -> None:
    """Lines are cut and octets that are no text are escaped."""
    assert shown_command(b"EHLO \xff") == "EHLO \\xff"
    assert len(shown_command(b"EHLO " + b"x" * 2000)) == 500
