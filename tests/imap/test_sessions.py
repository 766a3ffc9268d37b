"""Several sessions at one mailbox: each has its own numbers, hears of the others' changes where it may, and never gets the wrong text."""

from typing import Any

import pytest

from mailsvc.core.operations import Expunge, StoreFlags
from mailsvc.core.values import SystemFlag
from tests.imap.world import Client, World

MESSAGES = tuple(b"Subject: m%d\r\n\r\ntext of %d\r\n" % (number, number) for number in range(1, 6))


@pytest.fixture
def world() -> World:
    """Five messages."""
    return World(*MESSAGES)


def pair(world: World) -> tuple[Client, Client]:
    """Two sessions that have selected the INBOX and have nothing to hear."""
    first, second = (world.login("alice", "SELECT INBOX") for _ in range(2))
    return first, second


def mailbox_of(client: Client) -> int:
    """The id of the selected mailbox."""
    return client.protocol.selected.view.mailbox


def remove(client: Client, numbers: str) -> None:
    """Remove messages for good."""
    client.do(f"STORE {numbers} +FLAGS.SILENT (\\Deleted)")
    client.do("EXPUNGE")


# --- EXPUNGE (RFC 3501 7.4.1, 5.5) ---


def test_numbers_stay_until_the_session_is_told(world: World) -> None:
    """RFC 3501 7.4.1: another session's EXPUNGE does not shift this one's numbers in the middle of FETCH, STORE, SEARCH."""
    first, second = pair(world)
    remove(first, "1:2")
    assert second.do("FETCH 3 (UID BODY.PEEK[TEXT])") == [b"* 3 FETCH (UID 3 BODY[TEXT] {11}", b"text of 3", b")"]
    assert second.do("FETCH 3 (UID RFC822.TEXT)") == [  # which marks it as read
        b"* 3 FETCH (UID 3 RFC822.TEXT {11}",
        b"text of 3",
        b" FLAGS (\\Seen))",
    ]
    assert second.do("SEARCH ALL") == [b"* SEARCH 3 4 5"]
    assert second.do("STORE 4 +FLAGS (\\Seen)") == [b"* 4 FETCH (FLAGS (\\Seen))"]
    assert second.do("NOOP") == [b"* 1 EXPUNGE", b"* 1 EXPUNGE"]
    assert second.do("FETCH 1 (UID BODY.PEEK[TEXT])") == [b"* 1 FETCH (UID 3 BODY[TEXT] {11}", b"text of 3", b")"]


def test_uid_commands_may_tell_of_expunged_messages(world: World) -> None:
    """RFC 3501 7.4.1: EXPUNGE may be sent during UID FETCH."""
    first, second = pair(world)
    remove(first, "2")
    assert second.do("UID FETCH 2:3 (FLAGS)") == [b"* 3 FETCH (UID 3 FLAGS ())", b"* 2 EXPUNGE"]


def test_fetch_of_a_message_that_is_gone(world: World) -> None:
    """RFC 5530: the others are sent, and EXPUNGEISSUED says that some are missing; by UID a missing one is nothing special."""
    first, second = pair(world)
    remove(first, "1")
    *lines, tagged = second.lines("FETCH 1:2 (UID)")
    assert lines == [b"* 2 FETCH (UID 2)"]
    assert tagged.startswith(b" OK [EXPUNGEISSUED] ")
    assert second.lines("UID FETCH 1 (BODY[])")[-1] == b" OK FETCH completed"


def test_store_of_a_message_that_is_gone(world: World) -> None:
    """RFC 5530: the others are changed, and the answer is NO with EXPUNGEISSUED."""
    first, second = pair(world)
    remove(first, "1")
    *lines, tagged = second.lines("STORE 1:2 +FLAGS (\\Seen)")
    assert lines == [b"* 2 FETCH (FLAGS (\\Seen))"]
    assert tagged == b" NO [EXPUNGEISSUED] Some of the messages are gone"
    assert second.lines("UID STORE 1 +FLAGS (\\Seen)")[-1] == b" OK STORE completed"


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_copy_of_a_message_that_is_gone(world: World, command: str) -> None:
    """RFC 3501 6.4.7: all or none, so nothing is copied; the EXPUNGE that is told with it explains why."""
    first, second = pair(world)
    remove(first, "1")
    lines = second.lines(f"{command} 1:2 Sent")
    assert lines == [b"* 1 EXPUNGE", b" NO [EXPUNGEISSUED] Some of the messages are gone, so nothing was done"]
    assert second.do("STATUS Sent (MESSAGES)") == [b'* STATUS "Sent" (MESSAGES 0)']


def test_message_gone_while_it_is_fetched(world: World) -> None:
    """A message that goes between the beginning of a FETCH and its turn is missing from the responses, and nothing else is."""
    first, second = pair(world)
    store, mailbox = world.made.store, mailbox_of(first)
    get_many = store.bodies.get_many

    async def slow(contents: Any, *args: Any) -> Any:
        store.commit([Expunge(mailbox, ((2, 2),))])
        return await get_many(contents, *args)

    second.protocol.mailboxes.bodies = _Bodies(store.bodies, slow)
    *lines, tagged = second.lines("FETCH 1:3 (UID BODY.PEEK[])")
    assert [line for line in lines if b"FETCH" in line] == [
        b"* 1 FETCH (UID 1 BODY[] {26}",
        b"* 3 FETCH (UID 3 BODY[] {26}",
    ]
    assert tagged.startswith(b" OK [EXPUNGEISSUED]")


class _Bodies:
    """Bodies with another get_many."""

    def __init__(self, bodies: Any, get_many: Any) -> None:
        self._bodies = bodies
        self.get_many = get_many

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bodies, name)


def test_expunge_and_arrival_together(world: World) -> None:
    """RFC 3501 7.3.1: EXISTS counts after the EXPUNGE responses that came before it."""
    first, second = pair(world)
    remove(first, "2,4")
    world.deliver(b"Subject: new\r\n\r\n")
    assert second.do("NOOP") == [b"* 2 EXPUNGE", b"* 3 EXPUNGE", b"* 4 EXISTS", b"* 1 RECENT"]


def test_arrival_is_told_in_fetch_but_not_what_is_gone(world: World) -> None:
    """RFC 3501 7.3.1, 7.4.1: EXISTS may come in a FETCH, EXPUNGE may not; messages not told of are not in 1:*."""
    first, second = pair(world)
    remove(first, "1")
    world.deliver(b"Subject: new\r\n\r\n")
    assert second.do("FETCH 5 (UID)") == [b"* 5 FETCH (UID 5)", b"* 6 EXISTS", b"* 1 RECENT"]
    assert second.do("FETCH 6 (UID)") == [b"* 6 FETCH (UID 6)"]
    assert second.do("NOOP") == [b"* 1 EXPUNGE"]


# --- flags ---


def test_flags_are_told(world: World) -> None:
    """RFC 3501 5.2, 7.4.2: what one session changes, the others hear at the next command."""
    first, second = pair(world)
    first.do("STORE 1:2 +FLAGS (\\Seen)")
    assert second.do("NOOP") == [b"* 1 FETCH (FLAGS (\\Seen))", b"* 2 FETCH (FLAGS (\\Seen))"]
    assert second.do("NOOP") == []


def test_new_keyword_is_told_before_it_is_used(world: World) -> None:
    """RFC 3501 7.2.6: FLAGS, then the FETCH with the new keyword."""
    first, second = pair(world)
    first.do("STORE 1 +FLAGS ($Work)")
    lines = second.do("NOOP")
    assert lines[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)"
    assert lines[-1] == b"* 1 FETCH (FLAGS ($Work))"


def test_modseqs_are_told_to_those_who_want_them(world: World) -> None:
    """RFC 7162 3.1.4.2: an unsolicited FETCH carries MODSEQ after ENABLE CONDSTORE."""
    first, second = pair(world)
    second.do("ENABLE CONDSTORE")
    first.do("STORE 1 +FLAGS.SILENT (\\Seen)")
    modseq = first.protocol.selected.view.modseq
    assert second.do("NOOP") == [b"* 1 FETCH (FLAGS (\\Seen) MODSEQ (%d))" % modseq]


def test_silent_store_tells_of_others_changes(world: World) -> None:
    """RFC 3501 6.4.6: .SILENT hides what the client asked for, not what another session did before."""
    first, second = pair(world)
    first.do("STORE 1 +FLAGS.SILENT (\\Flagged)")
    # The last word is the truth: the client cannot know whether what it hears was before or after its own change.
    assert second.do("STORE 1 +FLAGS.SILENT (\\Seen)") == [
        b"* 1 FETCH (FLAGS (\\Flagged))",
        b"* 1 FETCH (FLAGS (\\Flagged \\Seen))",
    ]
    assert second.do("NOOP") == []
    assert first.do("NOOP") == [b"* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent))"]


def test_silent_store_with_a_change_in_between(world: World) -> None:
    """The same when the other change is made after the STORE has begun and before it is carried out."""
    first, second = pair(world)
    store, mailbox = world.made.store, mailbox_of(first)
    mailboxes: Any = second.protocol.account

    class Interrupted(type(mailboxes)):  # type: ignore[misc]
        async def store_flags(self, *args: Any) -> Any:
            store.commit([StoreFlags(mailbox, ((1, 1),), add=SystemFlag.FLAGGED)])
            return await super().store_flags(*args)

    second.protocol.account = Interrupted(store, mailboxes.account)
    assert second.do("STORE 1 +FLAGS.SILENT (\\Seen)") == [b"* 1 FETCH (FLAGS (\\Flagged \\Seen))"]


def test_recent_in_one_session_only(world: World) -> None:
    """RFC 3501 2.3.2: messages are recent in the session that sees them first."""
    first, second = pair(world)
    assert first.do("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]
    assert second.do("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS ())"]
    assert second.do("SEARCH RECENT") == [b"* SEARCH"]
    assert first.do("SEARCH NEW") == [b"* SEARCH 1 2 3 4 5"]


# --- IDLE (RFC 2177) ---


def idle(client: Client) -> None:
    """Begin to wait."""
    assert client.say(b"idle IDLE\r\n") == b"+ idling\r\n"


def test_idle_tells_at_once(world: World) -> None:
    """Changes by other sessions, deliveries and removals are told as they happen."""
    first, second = pair(world)
    idle(second)
    first.do("STORE 1 +FLAGS (\\Seen)")
    assert second.heard() == b"* 1 FETCH (FLAGS (\\Seen))\r\n"
    world.deliver(b"Subject: new\r\n\r\n")
    assert second.heard() == b"* 6 EXISTS\r\n* 1 RECENT\r\n"
    world.made.store.commit([Expunge(mailbox_of(first), ((2, 3),))])  # as POP3 does
    assert second.heard() == b"* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n"
    assert second.say(b"DONE\r\n") == b"idle OK IDLE completed\r\n"
    first.do("STORE 1 -FLAGS (\\Seen)")
    assert second.heard() == b""
    assert second.do("NOOP") == [b"* 1 FETCH (FLAGS ())"]


def test_idle_begins_with_what_was_missed(world: World) -> None:
    """What happened before IDLE is told when it begins."""
    first, second = pair(world)
    first.do("STORE 1 +FLAGS (\\Seen)")
    assert second.say(b"i IDLE\r\n") == b"+ idling\r\n* 1 FETCH (FLAGS (\\Seen))\r\n"


def test_idle_without_a_mailbox(world: World) -> None:
    """RFC 2177: IDLE without a selected mailbox waits for DONE and says nothing."""
    client = world.login()
    idle(client)
    world.deliver(b"Subject: new\r\n\r\n")
    assert client.heard() == b""
    assert client.say(b"DONE\r\n") == b"idle OK IDLE completed\r\n"


def test_idle_of_a_client_that_leaves(world: World) -> None:
    """A connection that is lost during IDLE leaves no view behind."""
    first, second = pair(world)
    idle(second)
    second.protocol.connectionLost()
    first.do("STORE 1 +FLAGS (\\Seen)")
    assert second.heard() == b""
    assert second.protocol.mbox is None


def test_many_changes_in_idle_wait_for_a_slow_client(world: World) -> None:
    """While the client does not take what is told, nothing is added; afterwards it hears how things stand then."""
    first, second = pair(world)
    idle(second)
    second.transport.producer.pauseProducing()
    first.do("STORE 1 +FLAGS (\\Seen)")
    first.do("STORE 1 +FLAGS (\\Flagged)")
    first.do("STORE 1 -FLAGS (\\Seen)")
    before = second.heard()
    second.transport.producer.resumeProducing()
    assert before + second.heard() == b"* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (FLAGS (\\Flagged))\r\n"
    assert second.say(b"DONE\r\n") == b"idle OK IDLE completed\r\n"


def test_commands_see_what_another_process_has_just_done(world: World) -> None:
    """FETCH and SEARCH answer by the flags that a message has now, though this session has not been told of them yet."""
    _, client = pair(world)
    change = [StoreFlags(mailbox_of(client), ((2, 2),), add=bit) for bit in (SystemFlag.FLAGGED, SystemFlag.SEEN)]
    world.made.store.commit(change[:1])
    assert client.do("FETCH 2 (FLAGS)")[0] == b"* 2 FETCH (FLAGS (\\Flagged))"
    world.made.store.commit(change[1:])
    assert client.do("SEARCH SEEN") == [b"* SEARCH 2", b"* 2 FETCH (FLAGS (\\Flagged \\Seen))"]


# --- mailboxes that go or get another name ---


def test_selected_mailbox_is_deleted(world: World) -> None:
    """Another session deletes the selected mailbox: the client is told with BYE, at once in IDLE."""
    first = world.login("alice", "CREATE foo")
    waiting, idling = (world.login("alice", "SELECT foo") for _ in range(2))
    idle(idling)
    first.do("DELETE foo")
    assert idling.heard() == b"* BYE The selected mailbox was deleted\r\n"
    assert waiting.say(b"x NOOP\r\n") == b"x OK NOOP completed\r\n* BYE The selected mailbox was deleted\r\n"
    assert waiting.transport.disconnecting


def test_selected_mailbox_is_renamed(world: World) -> None:
    """Another session renames it: nothing changes for those who have it selected."""
    first = world.login("alice", "CREATE foo")
    second = world.login("alice", "SELECT foo")
    first.do("RENAME foo bar")
    world.deliver(b"Subject: new\r\n\r\n", mailbox="bar")
    assert second.do("NOOP") == [b"* 1 EXISTS", b"* 1 RECENT"]


def test_accounts_do_not_see_each_other(world: World) -> None:
    """bob's mailboxes have the same names, and nothing of alice's."""
    bob = world.login("bob", "SELECT INBOX")
    assert bob.do("UID FETCH 1:* FLAGS") == []
    world.login("alice", "CREATE secret")
    assert bob.lines("SELECT secret")[-1] == b" NO [NONEXISTENT] No such mailbox"
    assert bob.lines('LIST "" s*') == [b" OK LIST completed"]
