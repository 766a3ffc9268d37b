"""The auditor of traces: the right order passes, and each thing left out or too late has its name."""

import pytest

from mailsvc.testing.strace import parse
from mailsvc.testing.syncs import Violation, audit

BODY = 'pwrite64(25</s/bodies/tmp/6d79>, "mailsvc-body"..., 64, 0) = 64'
BODY_SYNC = "fdatasync(25</s/bodies/tmp/6d79>) = 0"
RENAME = 'rename("/s/bodies/tmp/6d79", "/s/bodies/6d/6d79") = 0'
DIRECTORY_SYNC = "fsync(25</s/bodies/6d>) = 0"
ROW = r'pwrite64(6</s/mail.db-wal>, "\r\17"..., 4096, 98936) = 4096'
SYNC = "fdatasync(6</s/mail.db-wal>) = 0"
LABEL = r'pwrite64(14</s/bodies/6d/6d79>, "\205\251"..., 254, 300030) = 254'
TAKEN = r'sendto(4<TCP:[127.0.0.1:25->127.0.0.1:60642]>, "250 2.0.0 Ok: queued as 06"..., 42, 0, NULL, 0) = 42'
DELETED = r'sendto(4<TCP:[127.0.0.1:110->127.0.0.1:6]>, "+OK goodbye, 1 message(s) deleted\r\n", 35, 0, NULL, 0) = 35'
UNLINK = 'unlink("/s/bodies/6d/6d79") = 0'
PAGE = r'pwrite64(7</s/mail.db>, "\0"..., 4096, 8192) = 4096'
PAGE_SYNC = "fdatasync(7</s/mail.db>) = 0"
NEW_LOG = r'pwrite64(6</s/mail.db-wal>, "7\177\6\202"..., 32, 0) = 32'
READY = r'write(1<pipe:[5]>, "ready\n", 6) = 6'
CREATE = 'openat(AT_FDCWD</>, "/s/mail.db", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 6</s/mail.db>'
ROOT_SYNC = "fsync(8</s>) = 0"
LARGE = (BODY, BODY_SYNC, RENAME, DIRECTORY_SYNC, ROW, SYNC, LABEL, TAKEN)


def found(*calls: str) -> list[Violation]:
    """The violations in a trace of these calls, each of another process."""
    return audit(parse(f"{100 + number} 21:57:30.1 {call}" for number, call in enumerate(calls)), "/s")


@pytest.mark.parametrize(
    "calls",
    [
        (ROW, SYNC, TAKEN),
        LARGE,
        (ROW, SYNC, UNLINK, DELETED),
        (ROW, SYNC, TAKEN, PAGE, PAGE_SYNC, NEW_LOG, SYNC, TAKEN),
        (CREATE, ROOT_SYNC, READY),
    ],
    ids=["small", "large", "deletion", "checkpoint", "creation"],
)
def test_right_order(calls: tuple[str, ...]) -> None:
    """What the server does is right."""
    assert found(*calls) == []


@pytest.mark.parametrize(
    ("missing", "violation"),
    [
        (BODY_SYNC, Violation.BODY_FILE_NOT_SYNCED),
        (DIRECTORY_SYNC, Violation.BODY_DIRECTORY_NOT_SYNCED),
        (SYNC, Violation.DATABASE_NOT_SYNCED),
    ],
)
def test_missing_sync(missing: str, violation: Violation) -> None:
    """A large message without one of its three syncs."""
    assert found(*[call for call in LARGE if call != missing]) == [violation]


@pytest.mark.parametrize(
    ("calls", "violation"),
    [
        ((BODY, RENAME, BODY_SYNC, DIRECTORY_SYNC, ROW, SYNC, TAKEN), Violation.BODY_FILE_NOT_SYNCED),
        ((BODY, BODY_SYNC, BODY, RENAME, DIRECTORY_SYNC, ROW, SYNC, TAKEN), Violation.BODY_FILE_NOT_SYNCED),
        ((BODY, BODY_SYNC, DIRECTORY_SYNC, RENAME, ROW, SYNC, TAKEN), Violation.BODY_DIRECTORY_NOT_SYNCED),
        ((ROW, SYNC, ROW, TAKEN), Violation.DATABASE_NOT_SYNCED),
        ((ROW, TAKEN, SYNC), Violation.DATABASE_NOT_SYNCED),
        ((ROW, "fdatasync(6</s/mail.db-wal>) = -1 EIO (Input/output error)", TAKEN), Violation.DATABASE_NOT_SYNCED),
        ((ROW, SYNC, TAKEN, TAKEN), Violation.NOTHING_WRITTEN),
        ((ROW, UNLINK, SYNC, DELETED), Violation.REMOVED_TOO_EARLY),
        ((PAGE, NEW_LOG, PAGE_SYNC), Violation.CHECKPOINT_NOT_SYNCED),
        ((CREATE, READY, ROOT_SYNC), Violation.NAMES_NOT_SYNCED),
    ],
)
def test_wrong_order(calls: tuple[str, ...], violation: Violation) -> None:
    """A sync too early, too late, failed, or of something else does not count."""
    assert found(*calls) == [violation]


def test_sync_under_way_does_not_cover_later_writes() -> None:
    """What is written while a sync runs is not durable when it ends; and an answer given meanwhile comes too early."""
    begun, ended = (
        "7 21:57:30.1 fdatasync(6</s/mail.db-wal> <unfinished ...>",
        "7 21:57:30.2 <... fdatasync resumed>) = 0",
    )
    row, taken = f"8 21:57:30.1 {ROW}", f"9 21:57:30.1 {TAKEN}"
    assert audit(parse([row, begun, ended, taken]), "/s") == []
    assert audit(parse([begun, row, ended, taken]), "/s") == [Violation.DATABASE_NOT_SYNCED]
    assert audit(parse([row, begun, taken, ended]), "/s") == [Violation.DATABASE_NOT_SYNCED]
