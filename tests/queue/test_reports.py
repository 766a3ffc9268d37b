"""What senders are told about their mail, by a real store and its directory."""

import email
import email.policy
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddAlias, ChangeAccount, Deliver, Operation
from mailsvc.core.options import Size
from mailsvc.core.queued import Notify
from mailsvc.core.reports import Action, Original, Told
from mailsvc.core.values import SystemFlag
from mailsvc.formats.address import Address
from mailsvc.formats.dsn.fields import one_line
from mailsvc.formats.dsn.read import read
from mailsvc.formats.sevenbit import seven_bit
from mailsvc.queue.addressees import NOTICES
from mailsvc.queue.reports import MOST_RETURNED, Reports, wants
from mailsvc.store import orphans
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.testing.store import Made, make_store

DATA = Path(__file__).parent / "data"
HOST = "mail.example.test"
ARRIVED = 1_790_000_000
MESSAGE = (
    b"Received: from client by mail.example.test; today\r\n"
    b"From: Alice <alice@example.test>\r\n"
    b"Subject: =?utf-8?B?5Lya6K2w44Gu6LOH5paZ?=\r\n"
    b"Message-ID: <one@example.test>\r\n"
    b"\r\n"
    b"See you.\r\n"
)
UTF8 = MESSAGE.replace(b"Subject: =?utf-8?B?5Lya6K2w44Gu6LOH5paZ?=", "Subject: 会議".encode())
UNKNOWN = Told(
    "bob@elsewhere.test",
    Action.FAILED,
    "5.1.1",
    reply="550 5.1.1 <bob@elsewhere.test>: Recipient address rejected: User unknown in virtual mailbox table",
    host="mx.elsewhere.test [192.0.2.1]:25",
    at=ARRIVED + 2,
)
TARO = attrs.evolve(UNKNOWN, address="太郎@elsewhere.test", orcpt="utf-8;太@elsewhere.test")


def run(work: Any) -> Any:
    """The result of a coroutine that needs nobody to wait for."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


def original(message: bytes = MESSAGE, sender: str = "alice@example.test", **more: Any) -> Original:
    """A message to report about."""

    async def read(offset: int, length: int) -> bytes:
        return message[offset : offset + length]

    return Original("Q1", sender, ARRIVED, len(message), read, **more)


@pytest.fixture(autouse=True)
def _tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A store with alice and bob of example.test."""
    store = make_store(tmp_path)
    yield store
    store.store.close()


class Desk:
    """Reports over a store, a clock in hand."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.now = ARRIVED + 5.0
        self.numbers = iter(range(1, 10_000))
        self.reports = Reports(
            made.store.bodies, made.directory, HOST, lambda: f"R{next(self.numbers)}", lambda: self.now
        )

    def tell(self, about: Original, *told: Told) -> Deliver | None:
        """The delivery of the report, if there is one; it has been carried out."""
        operations: Sequence[Operation] = run(self.reports.report(about, told))
        self.made.store.commit(list(operations))
        assert len(operations) <= 1
        if not operations:
            return None
        (deliver,) = operations
        assert isinstance(deliver, Deliver)
        return deliver


@pytest.fixture
def desk(made: Made) -> Desk:
    """Whom the tests ask."""
    return Desk(made)


def octets(deliver: Deliver | None) -> bytes:
    """The report itself."""
    assert deliver is not None
    assert deliver.data is not None
    return deliver.data


def text(deliver: Deliver | None) -> str:
    """What people read."""
    message = email.message_from_bytes(octets(deliver), policy=email.policy.default)
    part = next(message.iter_parts())
    return str(part.get_content()).replace("\r\n", "\n")


GOLDEN = {
    "unknown": (original(), [UNKNOWN]),
    "delayed": (
        original(),
        [
            Told(
                "bob@elsewhere.test",
                Action.DELAYED,
                "4.4.1",
                reply="Connection timed out",
                at=ARRIVED + 14_400,
                until=ARRIVED + 432_000,
            )
        ],
    ),
    "unreachable": (
        original(),
        [
            Told(
                "bob@elsewhere.test",
                Action.FAILED,
                "4.4.1",
                reply="cannot connect: Connection refused",
                host="mx.elsewhere.test [192.0.2.1]",
                at=ARRIVED + 432_000,
            )
        ],
    ),
    "given-up": (
        original(ret="HDRS"),
        [Told("bob@elsewhere.test", Action.FAILED, "5.0.0", reply="given up by the administrator")],
    ),
    "several": (
        original(ret="HDRS", envid="QQ314159"),
        [
            UNKNOWN,
            Told(
                "kaori@elsewhere.test",
                Action.FAILED,
                "4.2.2",
                orcpt="rfc822;kaori@alias.test",
                reply="452 4.2.2 The mailbox of kaori is over its quota",
                host="mx.elsewhere.test [192.0.2.1]:25",
                at=ARRIVED + 432_000,
            ),
            Told("big@elsewhere.test", Action.FAILED, "5.3.4", reply="552 5.3.4 Message too big", limit=10_000_000),
            Told("list@example.test", Action.EXPANDED, "2.0.0", notify=Notify.SUCCESS),
            Told(
                "ok@elsewhere.test",
                Action.RELAYED,
                "2.0.0",
                notify=Notify.SUCCESS,
                reply="250 Ok",
                host="mx.elsewhere.test [192.0.2.1]",
            ),
        ],
    ),
    "delivered": (original(), [Told("bob@example.test", Action.DELIVERED, "2.1.5", notify=Notify.SUCCESS)]),
    "postmaster": (original(sender=""), [UNKNOWN]),
    "lost": (original(sender="gone@example.test"), [UNKNOWN]),
    "internationalised": (original(UTF8, utf8=True), [TARO]),
    "escaped": (original(UTF8, sender="eve@elsewhere.test", utf8=True), [TARO]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_reports(desk: Desk, name: str) -> None:
    """Whole reports as they are kept in data/: read them when they change. REPORTS=write writes them anew."""
    deliver = desk.tell(GOLDEN[name][0], *GOLDEN[name][1])
    made = {f"{name}.eml": octets(deliver), f"{name}.txt": text(deliver).encode()}
    for file, content in made.items():
        if os.environ.get("REPORTS") == "write":
            (DATA / file).write_bytes(content)
        assert (DATA / file).read_bytes() == content


# --- of what ---


@pytest.mark.parametrize(
    ("notify", "told_of"),
    [
        (0, {Action.FAILED, Action.DELAYED}),
        (Notify.NEVER, set()),
        (Notify.FAILURE, {Action.FAILED}),
        (Notify.DELAY, {Action.DELAYED}),
        (Notify.SUCCESS, {Action.DELIVERED, Action.RELAYED, Action.EXPANDED}),
        (Notify.SUCCESS | Notify.FAILURE | Notify.DELAY, set(Action)),
    ],
)
def test_notify_decides(desk: Desk, notify: int, told_of: set[Action]) -> None:
    """The sender hears of what NOTIFY names; without it, of failures and delays (RFC 3461 4.1)."""
    for action in Action:
        told = Told("bob@elsewhere.test", action, "5.0.0", notify=int(notify))
        assert wants(told) is (action in told_of)
        assert (desk.tell(original(), told) is not None) is (action in told_of)


@pytest.mark.parametrize(
    ("reply", "host", "remote", "diagnostic"),
    [
        ("550 5.1.1 no", "mx.elsewhere.test [192.0.2.1]", "mx.elsewhere.test", "smtp;550 5.1.1 no"),
        ("550", "mx.elsewhere.test [192.0.2.1]", "mx.elsewhere.test", "smtp;550"),
        ("cannot connect: refused", "mx.elsewhere.test [192.0.2.1]", "", "x-mailsvc;cannot connect: refused"),
        ("127.0.0.1 does not answer", "127.0.0.1 [127.0.0.1]", "", "x-mailsvc;127.0.0.1 does not answer"),
        ("The domain does not exist", "", "", "x-mailsvc;The domain does not exist"),
        ("552 5.3.4 Message too big", "", "", "smtp;552 5.3.4 Message too big"),
    ],
)
def test_only_who_answered_is_quoted(desk: Desk, reply: str, host: str, remote: str, diagnostic: str) -> None:
    """Programs read the remote's name only where the words are the remote's (RFC 3464 2.3.5, 2.3.6)."""
    bounce = read(octets(desk.tell(original(), attrs.evolve(UNKNOWN, reply=reply, host=host))))
    assert bounce is not None
    (one,) = bounce.status.recipients
    assert (one.remote, one.diagnostic) == (remote, diagnostic)


def test_one_report_for_all_that_is_wanted(desk: Desk) -> None:
    """What happened at one time is told in one report, without those recipients that the sender does not ask about."""
    quiet = attrs.evolve(UNKNOWN, address="quiet@elsewhere.test", notify=int(Notify.NEVER))
    bounce = read(octets(desk.tell(original(), UNKNOWN, quiet, attrs.evolve(UNKNOWN, address="c@elsewhere.test"))))
    assert bounce is not None
    assert [one.final for one in bounce.status.recipients] == ["bob@elsewhere.test", "c@elsewhere.test"]


# --- to whom ---


def test_a_sender_here_gets_it_into_the_mailbox(desk: Desk) -> None:
    """The report lies in the sender's INBOX, with the null sender, even if the mailbox is full."""
    alice = desk.made.accounts["alice@example.test"]
    desk.made.store.commit([ChangeAccount(alice, quota=10)])
    deliver = desk.tell(original(), UNKNOWN)
    assert deliver is not None
    assert (deliver.accounts, deliver.outgoing) == ((alice,), None)
    assert deliver.prefix == b"Return-Path: <>\r\n"
    inbox = run(desk.made.store.mailbox(alice, "INBOX"))
    assert inbox.messages == 1


def test_a_sender_elsewhere_gets_it_through_the_queue(desk: Desk) -> None:
    """The report waits in the queue with the null sender and no account (RFC 3464 2: MAIL FROM:<>), all of it 7-bit."""
    deliver = desk.tell(original(sender="Eve@Elsewhere.TEST"), UNKNOWN)
    assert deliver is not None
    assert deliver.accounts == ()
    outgoing = deliver.outgoing
    assert outgoing is not None
    assert (outgoing.sender, outgoing.account, outgoing.body, outgoing.utf8) == ("", 0, "7BIT", False)
    assert [(one.address, one.destination) for one in outgoing.recipients] == [("Eve@Elsewhere.TEST", "elsewhere.test")]
    assert deliver.prefix[: outgoing.skip] == b"Return-Path: <>\r\n"
    assert octets(deliver).isascii()
    assert run(desk.made.store.queue.message(outgoing.queue_id)) is not None


def test_an_alias_leads_on(desk: Desk) -> None:
    """A sender that is an alias: the report goes wherever its mail goes."""
    desk.made.store.commit([AddAlias("team@example.test", ("bob@example.test", "eve@elsewhere.test"))])
    deliver = desk.tell(original(sender="team@example.test"), UNKNOWN)
    assert deliver is not None
    assert deliver.accounts == (desk.made.accounts["bob@example.test"],)
    assert deliver.outgoing is not None
    assert [one.address for one in deliver.outgoing.recipients] == ["eve@elsewhere.test"]


@pytest.mark.parametrize("sender", ["", "gone@example.test", "no address"])
def test_failures_without_a_sender_go_to_postmaster(desk: Desk, sender: str) -> None:
    """Null sender, or one that is not here any more: postmaster hears of failures, and of nothing else."""
    deliver = desk.tell(original(sender=sender), UNKNOWN)
    assert deliver is not None
    assert deliver.accounts == (desk.made.accounts["postmaster@example.test"],)
    assert desk.tell(original(sender=sender), Told("bob@elsewhere.test", Action.DELAYED, "4.4.1")) is None
    success = Told("bob@elsewhere.test", Action.DELIVERED, "2.0.0", notify=int(Notify.SUCCESS))
    assert desk.tell(original(sender=sender), success) is None


def test_a_sender_that_is_switched_off(desk: Desk) -> None:
    """A disabled account gets no report; postmaster does."""
    desk.made.store.commit([ChangeAccount(desk.made.accounts["alice@example.test"], enabled=False)])
    deliver = desk.tell(original(), UNKNOWN)
    assert deliver is not None
    assert deliver.accounts == (desk.made.accounts["postmaster@example.test"],)


def test_the_postmaster_of_this_host_is_a_sender_like_others(desk: Desk) -> None:
    """postmaster@ our host name is ours although the host is no mail domain."""
    deliver = desk.tell(original(sender=f"Postmaster@{HOST}"), UNKNOWN)
    assert deliver is not None
    assert deliver.accounts == (desk.made.accounts["postmaster@example.test"],)


def test_never_a_loop(tmp_path: Path) -> None:
    """Postmaster's mail goes elsewhere and fails there: the notice says NOTIFY=NEVER, so nothing follows."""
    made = make_store(tmp_path)
    desk = Desk(made)

    async def resolve(address: object) -> Any:
        return attrs.evolve(await real(address), accounts=(), outside=(elsewhere,))

    elsewhere = Address("admin", "elsewhere.test")
    real = made.directory.resolve
    made.directory.resolve = resolve  # type: ignore[method-assign,assignment]
    deliver = desk.tell(original(sender=""), UNKNOWN)
    assert deliver is not None
    assert deliver.outgoing is not None
    (recipient,) = deliver.outgoing.recipients
    assert recipient.notify == Notify.NEVER
    failed = attrs.evolve(UNKNOWN, address=recipient.address, notify=recipient.notify)
    assert desk.tell(original(octets(deliver), sender=""), failed) is None
    made.store.close()


def test_postmaster_gets_so_many_an_hour(desk: Desk) -> None:
    """A flood of double bounces does not fill postmaster's mailbox; an hour later there is one again."""
    told = [desk.tell(original(sender=""), UNKNOWN) for _ in range(NOTICES + 3)]
    assert sum(one is not None for one in told) == NOTICES
    desk.now += 3600
    assert desk.tell(original(sender=""), UNKNOWN) is not None


def test_a_store_that_does_not_answer(desk: Desk) -> None:
    """When the directory cannot say who the sender is, nothing is decided: NOT_NOW goes through to the caller."""

    async def broken(domain: str) -> bool:
        raise MailError(Kind.NOT_NOW, "down")

    desk.made.directory.is_local = broken  # type: ignore[method-assign]
    with pytest.raises(MailError) as caught:
        desk.tell(original(), UNKNOWN)
    assert caught.value.kind is Kind.NOT_NOW


def test_a_large_report_outlives_hours_without_the_store(tmp_path: Path) -> None:
    """A report that the store refuses for now is given to it again and again: the sweep of files without a message takes nothing of it."""
    options = StoreOptions(low_disk=Size(0), inline_limit=Size(1000))
    made = make_store(tmp_path, options=options)
    told = [attrs.evolve(UNKNOWN, address=f"{number}@elsewhere.test") for number in range(100)]
    (deliver,) = run(Desk(made).reports.report(original(), told))
    assert deliver.size > options.inline_limit
    orphans.sweep(Layout(str(tmp_path)), made.store.connection(), age=-1)
    made.store.commit([deliver])
    ((content,),) = made.store.connection().execute("SELECT id FROM content").fetchall()
    assert isinstance(content, int)
    bounce = read(run(made.store.bodies.get(content)))
    assert bounce is not None
    assert len(bounce.status.recipients) == 100
    made.store.close()


# --- what comes back ---


def returned(deliver: Deliver | None) -> tuple[str, bytes]:
    """Type and content of the third part."""
    message = email.message_from_bytes(octets(deliver))
    parts = message.get_payload()
    assert isinstance(parts, list)
    part = parts[2]
    assert not isinstance(part, str)
    inner = part.get_payload()
    if isinstance(inner, list):
        assert not isinstance(inner[0], str)
        return part.get_content_type(), inner[0].as_bytes()
    return part.get_content_type(), part.get_payload(decode=True)  # type: ignore[return-value]


BIG = MESSAGE + (b"x" * 76 + b"\r\n") * (MOST_RETURNED // 78 + 1)


@pytest.mark.parametrize(
    ("about", "action", "full"),
    [
        (original(), Action.FAILED, True),
        (original(ret="FULL"), Action.FAILED, True),
        (original(ret="HDRS"), Action.FAILED, False),
        (original(ret="FULL"), Action.DELAYED, False),
        (original(BIG, ret="FULL"), Action.FAILED, False),
        (attrs.evolve(original(), size=len(MESSAGE) + 1000), Action.FAILED, False),
    ],
)
def test_all_of_it_or_the_header(desk: Desk, about: Original, action: Action, full: bool) -> None:
    """All of it comes back with a failure, unless RET=HDRS, a size that is too big, or a source that has only the header."""
    kind, content = returned(desk.tell(about, attrs.evolve(UNKNOWN, action=action)))
    assert kind == ("message/rfc822" if full else "text/rfc822-headers")
    assert (b"See you." in content) is full
    assert b"Message-ID: <one@example.test>" in content


@pytest.mark.parametrize("sender", ["alice@example.test", "eve@elsewhere.test"])
def test_a_body_of_8_bits(desk: Desk, sender: str) -> None:
    """A returned message keeps its octets, and the report says that it has 8-bit content."""
    message = MESSAGE.replace(b"See you", "またね".encode())
    deliver = desk.tell(original(message, sender=sender), UNKNOWN)
    assert message in octets(deliver)
    assert b"\r\nContent-Transfer-Encoding: 8bit\r\n" in octets(deliver).partition(b"\r\n--")[0]
    assert deliver is not None
    assert deliver.outgoing is None or deliver.outgoing.body == "8BITMIME"


SIGNED = (
    MESSAGE[: MESSAGE.index(b"\r\n\r\n") + 2]
    + b'MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary="b"; protocol="application/pgp-signature"\r\n'
    + b"\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + "またね。".encode()
    + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    "full",
    [SIGNED, MESSAGE.replace(b"See you", b"Content: \xff").replace(b"From", b"Content-Transfer-Encoding: x\r\nFrom")],
)
def test_a_report_reaches_hosts_that_take_seven_bits_only(desk: Desk, full: bytes) -> None:
    """What may not be changed on the way does not come back by other servers, only its header (RFC 6522 3): else nobody would be told."""
    deliver = desk.tell(original(full, sender="eve@elsewhere.test", ret="FULL"), UNKNOWN)
    assert octets(deliver).isascii()
    assert returned(deliver)[0] == "text/rfc822-headers"
    assert "The header of the original mail is attached" in text(deliver)
    assert deliver is not None
    assert deliver.outgoing is not None
    assert deliver.outgoing.body == "7BIT"
    here = desk.tell(original(full, ret="FULL"), UNKNOWN)
    assert full in octets(here)
    assert "The original mail is attached" in text(here)


@settings(max_examples=40, deadline=None)
@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["text/plain", "multipart/signed; boundary=b", "message/rfc822", "x"]),
)
def test_every_report_to_other_servers_can_be_made_seven_bit(quiet: Desk, body: bytes, kind: str) -> None:
    """Whatever the message is: the report about it is ASCII, or can be made so by the sending side."""
    clean = body.replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"\r\n")
    message = (
        f"Content-Type: {kind}\r\nMessage-ID: <one@example.test>\r\n\r\n".encode()
        + b"--b\r\n\r\n"
        + clean
        + b"\r\n--b--\r\n"
    )
    (deliver,) = run(quiet.reports.report(original(message, sender="eve@elsewhere.test"), [UNKNOWN]))
    assert seven_bit(deliver.data).isascii()


def test_a_message_that_holds_our_boundary(desk: Desk) -> None:
    """Whatever the message holds, it is one part of the report."""
    message = MESSAGE + b"--=_R1.0\r\n\r\n--=_R1.0--\r\n"
    assert returned(desk.tell(original(message), UNKNOWN))[1].endswith(b"--=_R1.0--\n")


def test_smtputf8_in_a_mailbox_of_ours(desk: Desk) -> None:
    """Here the report holds UTF-8 as it is (RFC 6533)."""
    deliver = desk.tell(original(UTF8, utf8=True), TARO)
    report = octets(deliver)
    assert b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n" in report
    assert "Final-Recipient: utf-8; 太郎@elsewhere.test\r\n".encode() in report
    assert "Original-Recipient: utf-8; 太@elsewhere.test\r\n".encode() in report
    assert b"Content-Type: message/global\r\n" in report
    assert UTF8 in report


def test_smtputf8_to_an_ascii_sender_elsewhere(desk: Desk) -> None:
    """His server may not know SMTPUTF8: all of it is ASCII, and nothing is lost (RFC 6533 3, 4.5)."""
    told = attrs.evolve(UNKNOWN, address="太郎@elsewhere.test")
    deliver = desk.tell(original(UTF8, sender="eve@elsewhere.test", utf8=True), told)
    report = octets(deliver)
    assert report.isascii()
    assert rb"Final-Recipient: utf-8; \x{592A}\x{90CE}@elsewhere.test" in report
    assert deliver is not None
    assert deliver.outgoing is not None
    assert not deliver.outgoing.utf8
    bounce = read(report)
    assert bounce is not None
    assert bounce.status.recipients[0].final == "太郎@elsewhere.test"
    assert bounce.message_id == "<one@example.test>"


def test_smtputf8_to_a_sender_who_needs_it(desk: Desk) -> None:
    """An address that is not ASCII can only be written to with SMTPUTF8, so UTF-8 stays as it is."""
    deliver = desk.tell(original(UTF8, sender="花子@elsewhere.test", utf8=True), UNKNOWN)
    assert deliver is not None
    assert deliver.outgoing is not None
    assert deliver.outgoing.utf8
    assert deliver.flags == SystemFlag.UTF8
    assert "To: <花子@elsewhere.test>\r\n".encode() in octets(deliver)


def test_a_message_that_is_gone(desk: Desk) -> None:
    """Without the message the report has two parts."""

    async def gone(offset: int, length: int) -> bytes:
        raise MailError(Kind.EXPUNGED, "gone")

    message = email.message_from_bytes(octets(desk.tell(attrs.evolve(original(), read=gone), UNKNOWN)))
    assert len(message.get_payload()) == 2


@pytest.mark.parametrize("value", [b"<a b@c>", b"none", b"<a@b>\r\n\tx", b"<" + b"a" * 600 + b">", "<é@x>".encode()])
def test_a_message_id_that_is_none(desk: Desk, value: bytes) -> None:
    """What is no Message-ID does not get into a header of ours."""
    message = MESSAGE.replace(b"<one@example.test>", value)
    assert b"In-Reply-To" not in octets(desk.tell(original(message), UNKNOWN)).partition(b"\r\n\r\n")[0]


# --- whatever strangers say ---

WORDS = st.text(max_size=120) | st.text(st.sampled_from("a \r\n\t:;-(<>\\{}x\0é漢=_"), max_size=1200)
ADDRESSES = st.builds(
    "{}@{}.test".format,
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=20),
    st.text(st.sampled_from("abc漢é-"), min_size=1, max_size=10),
)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One store for all examples: nothing is put into it."""
    made = make_store(tmp_path_factory.mktemp("store"))
    yield Desk(made)
    made.store.close()


@pytest.mark.parametrize("sender", ["alice@example.test", "eve@elsewhere.test"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_words_make_a_sound_report(quiet: Desk, sender: str, data: st.DataObject) -> None:
    """Whatever remotes, recipients and messages say: three parts, no line too long, no header of theirs, and the same facts read back."""
    told = [
        Told(
            data.draw(ADDRESSES),
            Action.FAILED,
            "5.1.1",
            orcpt=data.draw(st.just("") | ADDRESSES.map("utf-8;{}".format)),
            reply=data.draw(st.just("") | WORDS.map("550 {}".format) | WORDS),
            host=data.draw(st.just("") | WORDS.map(lambda words: f"{words[:60]} [192.0.2.1]:25")),
        )
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    envid = data.draw(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=100))
    body = data.draw(st.binary(max_size=100)).replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"\r\n")
    subject = data.draw(WORDS).translate({10: None, 13: None, 0: None}).encode("utf-8", "replace")[:900]
    message = b"Subject: " + subject + b"\r\nMessage-ID: <one@example.test>\r\n\r\n" + body + b"\r\n"
    operations = run(quiet.reports.report(original(message, sender=sender, envid=envid), told))
    report = octets(operations[0])
    check_structure(report)
    check_facts(report, told, envid)


FIELDS = {
    *("Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
}


def check_structure(report: bytes) -> None:
    """RFC 5322 and RFC 6522: lines, fields, parts."""
    assert b"\0" not in report
    lines = report.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert all(len(line) <= 998 for line in lines)
    message = email.message_from_bytes(report)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert set(message.keys()) - {"Content-Transfer-Encoding"} == FIELDS
    assert len(message.keys()) == len(set(message.keys()))
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert len(parts) == 3


def check_facts(report: bytes, told: list[Told], envid: str) -> None:
    """What was put in is read back, by us and, where it is ASCII, by Python."""
    bounce = read(report)
    assert bounce is not None
    assert bounce.status.envelope_id == one_line(envid)
    assert bounce.status.reporter == HOST
    assert bounce.message_id == "<one@example.test>"
    assert [one.final for one in bounce.status.recipients] == [one.address for one in told]
    for one, put in zip(bounce.status.recipients, told, strict=True):
        assert (one.action, one.status, one.original) == ("failed", "5.1.1", put.orcpt)
        words = one.diagnostic.partition(";")[2]
        assert words.removesuffix(" ...") == one_line(put.reply)[: len(words.removesuffix(" ..."))]
        assert words.endswith(" ...") or words == one_line(put.reply)
    part = email.message_from_bytes(report).get_payload(1)
    if part.get_content_type() == "message/delivery-status":  # type: ignore[union-attr]
        groups = part.get_payload()  # type: ignore[union-attr]
        assert len(groups) == 1 + len(told)
        assert all(group.as_bytes().isascii() for group in groups)  # type: ignore[union-attr]
        assert [group["Action"] for group in groups[1:]] == ["failed"] * len(told)  # type: ignore[index,union-attr]
