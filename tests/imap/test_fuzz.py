"""Any octets at all: each command is answered once or the connection closed with BYE; never a traceback. More of it: ``tests/long``."""

from hypothesis import HealthCheck, given, settings

from mailsvc.testing.transcript import BYTE_BY_BYTE, WHOLE
from tests.imap.fuzz import COMMANDS, STREAMS, check_answers, converse

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(COMMANDS)
def test_each_command_is_answered_once(conversation: tuple[bytes, list[bytes]]) -> None:
    """RFC 3501 2.2.2: one tagged response for each command, in order, however senseless its arguments are."""
    start, commands = conversation
    tags = [b"c%d" % number for number in range(len(commands))]
    stream = start
    for tag, command in zip(tags, commands, strict=True):
        stream += tag + b" " + command + b"\r\n"
        verb = command.split(b" ")[0]
        # What a client says within these commands; elsewhere it is one more line that is no command.
        stream += {b"IDLE": b"DONE\r\n", b"AUTHENTICATE": b"*\r\n"}.get(verb, b"")
    said, closed = converse(stream, WHOLE)
    check_answers(said, closed, tags)
    assert converse(stream, BYTE_BY_BYTE) == (said, closed)


@QUICK
@given(STREAMS)
def test_whole_and_byte_by_byte(stream: bytes) -> None:
    """The same octets get the same answers, however they are cut."""
    assert converse(stream, BYTE_BY_BYTE) == converse(stream, WHOLE)
