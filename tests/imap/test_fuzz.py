"""Any octets at all: each command is answered once or the connection closed with BYE; never a traceback. More of it: ``tests/long``."""

from hypothesis import HealthCheck, given, settings

from tests.imap.fuzz import COMMANDS, STREAMS, check_commands, check_cuts

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(COMMANDS)
def test_each_command_is_answered_once(conversation: tuple[bytes, list[bytes]]) -> None:
    """RFC 3501 2.2.2: one tagged response for each command, in order, however senseless its arguments are."""
    check_commands(conversation)


@QUICK
@given(STREAMS)
def test_whole_and_byte_by_byte(stream: bytes) -> None:
    """The same octets get the same answers, however they are cut."""
    check_cuts(stream)
