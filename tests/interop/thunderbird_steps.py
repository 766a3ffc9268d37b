"""What is tried with Thunderbird, step by step: each step is one sentence that is true or not.

The steps build on each other; Thunderbird and the server are the same from the first to the last, unless a step says so.
"""

import imaplib
import itertools
import smtplib
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from mailsvc.testing.harness import RunningServer, wait_for
from tests.letters import LETTERS
from tests.relaying import STAY

from .marionette import ScriptError
from .thunderbird import ENCRYPTED, NORMAL, Person
from .thunderbird_tour import ALICE, Tour, quoted

__all__ = ["STEPS", "walk"]

FOLDERS = ("仕事", "仕事/会議 & 打合せ")
LETTER, WORD = "十一月の打合せについて（資料添付）", "三階会議室"
SUBJECT, TEXT = "会議のお知らせ①", "こんにちは。\n十時から㈱山田商店の会議室です。\n"
WINDOW = 8
"""Seconds for which the domain of :func:`pop_before_smtp` lets somebody send after receiving."""

REPORTS = Path(__file__).parents[1] / "queue" / "data"


def refused_certificate(tour: Tour) -> None:
    """A certificate that nobody vouches for is asked about; without a "yes" no password is sent."""
    said = tour.thunderbird.set_up("distrust", tour.own(), "imap submission", "starttls", [NORMAL])
    assert said, "an account was made"
    assert "authenticate" not in tour.house.server.log


def wrong_password(tour: Tour) -> None:
    """A wrong password is refused while the account is set up."""
    tour.thunderbird.trust()
    with pytest.raises(ScriptError):
        tour.add(Person(ALICE, "wrong"), "imap submission", "starttls", NORMAL)
    assert "failed: wrong-password" in tour.house.server.log


def guessed(tour: Tour) -> None:
    """ "Retest" finds STARTTLS, and CRAM-MD5 before the normal password, for incoming and outgoing mail."""
    found = tour.thunderbird.set_up("guess", tour.own(), "imap submission", "starttls", [0])
    choice = {"socketType": 2, "auth": ENCRYPTED, "authAlternatives": [NORMAL]}
    assert found == {"incoming": choice, "outgoing": choice}, found


def imap_starttls(tour: Tour) -> None:
    """IMAP, STARTTLS: one's own password, after CRAM-MD5 was refused as it has to be."""
    with tour.other() as session:
        for name in FOLDERS:
            session.create(quoted(name))
            session.subscribe(quoted(name))
    used = tour.add(tour.own(), "imap submission", "starttls", ENCRYPTED, NORMAL)
    assert used == {"incoming": NORMAL, "outgoing": NORMAL}, used


def folders(tour: Tour) -> None:
    """All folders are listed, with Japanese names, one below another, with a space and "&"."""
    listed = tour.do("folders", *FOLDERS)
    assert isinstance(listed, list)
    assert {"INBOX", *FOLDERS} <= set(listed), listed


def create(tour: Tour) -> None:
    """A new folder with a Japanese name below another new one is there for others."""
    tour.do("createFolder", "", "新規")
    assert tour.do("createFolder", "新規", "提案書") == "新規/提案書"
    tour.other("新規/提案書").logout()


def idle(tour: Tour) -> None:
    """A letter that another session brings is seen without asking (IDLE)."""
    tour.do("open", "INBOX")
    tour.deliver(LETTERS["iso-2022-jp"])
    assert tour.do("sees", "INBOX", LETTER)


def read(tour: Tour) -> None:
    """A letter in ISO-2022-JP shows its subject, sender, text and the name of its attachment, and is read for others too."""
    shown = tour.do("read", "INBOX", LETTER)
    assert isinstance(shown, dict)
    assert LETTER in shown["subject"], shown
    assert "山田花子" in shown["from"], shown
    assert WORD in shown["text"], shown
    assert [each["name"] for each in shown["attachments"]] == ["会議資料.csv"], shown
    tour.wait_for_flag(r"\Seen", "INBOX")


def read_others(tour: Tour) -> None:
    """Letters in UTF-8 (also in the header), Shift_JIS, EUC-JP and quoted-printable show the same text."""
    for name in ("utf-8", "utf-8-headers", "shift-jis", "euc-jp", "quoted-printable"):
        tour.append(LETTERS[name], FOLDERS[0])
    tour.do("open", FOLDERS[0])
    for number in range(1, 6):
        shown = tour.do("read", FOLDERS[0], number)
        assert isinstance(shown, dict)
        assert any(0x3040 < ord(letter) < 0x3100 for letter in shown["text"]), shown
        assert "\ufffd" not in shown["text"] + shown["subject"], shown


def flags(tour: Tour) -> None:
    """A star that is set here is there for another session, and one that another sets is seen here without asking."""
    tour.do("open", "INBOX")
    tour.do("flag", "INBOX", LETTER, True)
    tour.wait_for_flag(r"\Flagged", "INBOX")
    tour.append(LETTERS["utf-8"])
    tour.do("sees", "INBOX", 2)
    with tour.other() as session:
        session.store("2", "+FLAGS", r"\Flagged")
    assert tour.do("seesFlag", "INBOX", 2)


def tags(tour: Tour) -> None:
    """A tag with a Japanese name is a keyword for another session."""
    tour.do("open", "INBOX")
    tour.wait_for_flag(str(tour.do("tag", "INBOX", LETTER, "急ぎ")), "INBOX")


def rename_folders(tour: Tour) -> None:
    """A folder that is renamed keeps what is below it; one that is deleted goes to the Trash with its messages."""
    assert tour.do("renameFolder", "新規", "旧規") == "旧規"
    tour.append(LETTERS["utf-8"], "旧規/提案書")
    tour.do("deleteFolder", "旧規")
    wait_for(lambda: tour.exists("Trash/旧規/提案書"), "the folder is in the Trash")
    assert tour.count("Trash/旧規/提案書") == 1
    tour.do("createFolder", "", "新規")


def search(tour: Tour) -> None:
    """The server finds a letter in ISO-2022-JP by a word of its subject, of its text, and by its sender."""
    assert tour.do("search", "INBOX", "Subject", "資料添付") == [LETTER]
    assert tour.do("search", "INBOX", "Body", WORD) == [LETTER]
    assert LETTER in str(tour.do("search", "INBOX", "Sender", "hanako"))
    assert tour.do("search", "INBOX", "Body", "無い言葉") == []


def move(tour: Tour) -> None:
    """A letter that is moved to a Japanese folder is there, and nowhere else."""
    tour.do("move", "INBOX", LETTER, FOLDERS[1])
    tour.do("open", FOLDERS[1])
    assert tour.do("sees", FOLDERS[1], LETTER)
    tour.wait_for_count(1, FOLDERS[1])


def delete(tour: Tour) -> None:
    """A letter that is deleted goes to the Trash; when that is emptied, it is gone for good, and "Compact" takes away what is marked."""
    tour.do("remove", FOLDERS[1], LETTER)
    tour.do("open", "Trash")
    assert tour.do("sees", "Trash", LETTER)
    tour.wait_for_count(1, "Trash")
    tour.do("emptyTrash", "Trash")
    tour.wait_for_count(0, "Trash")
    tour.do("compact", "INBOX")


def gone(tour: Tour) -> None:
    """A letter that another session removes disappears here without asking."""
    tour.do("open", "INBOX")
    tour.clear()
    assert tour.do("seesGone", "INBOX", 2)


def send(tour: Tour) -> None:
    """A Japanese letter is sent by submission with STARTTLS, comes back, and its copy is in Sent."""
    assert tour.do("send", ALICE, SUBJECT, TEXT) == ""
    for folder in ("INBOX", "Sent"):
        tour.do("open", folder)
        shown = tour.do("read", folder, SUBJECT)
        assert isinstance(shown, dict)
        assert "十時から㈱山田商店の会議室です。" in shown["text"], shown


def big(tour: Tour) -> None:
    """An attachment of 3 MB with a Japanese name is sent, comes back whole, and its copy is in Sent."""
    file = tour.house.server.directory / "大きな資料.bin"
    file.write_bytes(bytes(range(256)) * 12_000)
    assert tour.do("send", ALICE, "添付ファイルの試験", TEXT, {"file": str(file)}) == ""
    for folder in ("INBOX", "Sent"):
        tour.do("open", folder)
        shown = tour.do("read", folder, "添付ファイルの試験")
        assert isinstance(shown, dict)
        assert [each["name"] for each in shown["attachments"]] == [file.name], shown
        assert tour.attached(folder) == file.read_bytes()


def refused_recipient(tour: Tour) -> None:
    """A mistyped address of this server is refused in our words, and nothing is sent."""
    said = tour.do("send", "nobody@example.test", "x", "Hello\n")
    assert "No such user here" in str(said), said


def receipt(tour: Tour) -> None:
    """ "Delivery Status Notification": the report comes, and can be read in both languages."""
    assert tour.do("send", "bob@example.test", "配送通知の試験", TEXT, {"receipt": True}) == ""
    tour.do("open", "INBOX")
    shown = tour.do("read", "INBOX", "メールが届きました / Your mail was delivered")
    assert isinstance(shown, dict)
    _holds(shown, "「配送通知の試験」", 'your mail "配送通知の試験"', "bob@example.test", "Action: delivered")


_SUBJECT = "=?utf-8?B?5Lya6K2w44Gu6LOH5paZ?="  # of the returned header, in the one spelling that it came in
_REPORTS = {
    "unknown": (
        "この宛先はありません。",
        "There is no such address",
        "Action: failed",
        "Status: 5.1.1",
        "Subject: 会議の資料",
        "See you.",
    ),
    "delayed": ("まだ届いていません。", "It has not been delivered yet", "Action: delayed", "Status: 4.4.1", _SUBJECT),
    "several": (
        "届けられませんでした。",
        "Your mail is too big",
        "Status: 4.2.2",
        "Action: expanded",
        "Action: relayed",
        _SUBJECT,
    ),
    "delivered": ("次の宛先に届きました。", "It was delivered to", "Action: delivered", "Status: 2.1.5", _SUBJECT),
    "postmaster": (
        "postmaster 宛ての通知です。",
        "could not be delivered",
        "Action: failed",
        "Subject: 会議の資料",
        "See you.",
    ),
    "internationalised": (
        "この宛先はありません。",
        "There is no such",
        "utf-8; 太郎@elsewhere.test",
        "Subject: 会議",
        "See you.",
    ),
    "escaped": (
        "この宛先はありません。",
        "There is no such",
        r"utf-8; \x{592A}\x{90CE}@elsewhere.test",
        "Subject: 会議",
        "See you.",
    ),
}
"""Name of a report of ours -> what must be on the screen."""


def reports(tour: Tour) -> None:
    """Our reports, internationalised ones too, show both languages, the machine's part and the returned message, which can be opened."""
    tour.clear()
    tour.do("open", "INBOX")
    for name, words in _REPORTS.items():
        tour.deliver((REPORTS / f"{name}.eml").read_bytes())
        shown = tour.do("read", "INBOX", tour.newest())
        assert isinstance(shown, dict)
        _holds(shown, *words)
        for number in range(len(shown["attachments"])):
            assert "See you." in str(tour.thunderbird.do("attachment", number))


def encrypted(tour: Tour) -> None:
    """IMAP and submission, "Encrypted password" with a device password, with STARTTLS and with implicit TLS: folders, a letter, sending."""
    for listeners, tls in _LINES:
        tour.do("removeAccount")
        used = tour.add(tour.device(), listeners, tls, ENCRYPTED)
        assert used == {"incoming": ENCRYPTED, "outgoing": ENCRYPTED}, used
        _sends(tour, f"CRAM-MD5 {tls}")


def normal(tour: Tour) -> None:
    """The same with one's own password, "Normal password"."""
    for listeners, tls in _LINES:
        tour.do("removeAccount")
        tour.add(tour.own(), listeners, tls, NORMAL)
        _sends(tour, f"PLAIN {tls}")


_LINES = (("imap submission", "starttls"), ("imaps submissions", "implicit"))


def _sends(tour: Tour, subject: str) -> None:
    tour.do("folders", *FOLDERS)
    tour.do("open", "INBOX")
    assert tour.do("send", ALICE, subject, TEXT) == ""
    assert tour.do("sees", "INBOX", subject)


def pop3(tour: Tour) -> None:
    """POP3 with STARTTLS and with TLS, normal and encrypted password: all letters are fetched, shown, and left on the server."""
    tour.clear()
    tour.append(LETTERS["iso-2022-jp"])
    tour.append(LETTERS["dots"])
    ways = itertools.product(_LINES, ((tour.own(), NORMAL), (tour.device(), ENCRYPTED)))
    for (listeners, tls), (person, method) in ways:
        tour.do("removeAccount")
        tour.add(person, listeners.replace("imap", "pop3"), tls, method)
        subjects = tour.do("getMail")
        assert isinstance(subjects, list)
        assert LETTER in subjects, subjects
        assert len(subjects) == 2, subjects
        shown = tour.do("read", "Inbox", LETTER)
        assert isinstance(shown, dict)
        assert WORD in shown["text"], shown


def pop_before_smtp(tour: Tour) -> None:
    """Another server, with the preset of Kyoto: without a log-in nothing may be sent elsewhere, unless mail was just fetched by POP3."""
    tour.do("removeAccount")
    config = f'[relay]\npreset = "kyoto"\ngrants_on_loopback_for_tests = true\n\n{STAY}'
    directory = tour.house.server.directory.with_name("kyoto")
    options, plain = f'relay_window = "{WINDOW} s"', 'mechanisms = ["PLAIN"]'
    with RunningServer(directory, config=config, domain_options=options, listener=plain) as server:
        there = attrs.evolve(tour, thunderbird=attrs.evolve(tour.thunderbird, server=server))
        there.thunderbird.trust()
        there.add(Person(ALICE, server.accounts[ALICE]), "pop3s smtp", "implicit starttls", NORMAL)
        time.sleep(WINDOW + 1)  # the account was tried while it was set up: that counts, too
        said = there.do("send", "somebody@elsewhere.test", "before", TEXT)
        assert "relay" in str(said).lower(), said
        there.do("getMail")
        said = there.do("send", "somebody@elsewhere.test", "after", TEXT)
        assert said == "", said
        there.do("removeAccount")


STEPS: tuple[Callable[[Tour], None], ...] = (
    *(
        refused_certificate,
        wrong_password,
        guessed,
        imap_starttls,
        folders,
        create,
        idle,
        read,
        read_others,
        flags,
        tags,
        rename_folders,
    ),
    *(search, move, delete, gone, send, big, refused_recipient, receipt, reports, encrypted, normal, pop3),
    pop_before_smtp,
)


def walk(tour: Tour) -> Iterator[str]:
    """One line for each step: whether it is true, and if not, what was seen."""
    for step in STEPS:
        sentence = " ".join((step.__doc__ or "").split())
        try:
            step(tour)
        except (AssertionError, ScriptError, OSError, imaplib.IMAP4.error, smtplib.SMTPException) as error:
            place = traceback.extract_tb(error.__traceback__)[1]
            yield f"FAILED {step.__name__}: {sentence}\n       {place.line}: {error}"
        else:
            yield f"ok     {step.__name__}: {sentence}"


def _holds(shown: dict[str, object], *words: str) -> None:
    """All words are on the screen. Raises AssertionError."""
    screen = f"{shown['subject']}\n{shown['text']}"
    missing = [word for word in words if word not in screen]
    assert not missing, f"{missing} not in {screen}"
