"""The store in one process keeps the contract."""

import os

from twisted.trial.unittest import TestCase

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddDomain, Expunge
from mailsvc.core.options import Size
from mailsvc.db.connection import open_reader
from mailsvc.store.committer import LeaseTaken
from mailsvc.store.direct import DirectStore
from mailsvc.store.options import StoreOptions
from mailsvc.store.verify import verify
from tests.store.contract import LARGE, StoreContract, new_path, uids
from tests.store.contract_imap import ImapContract
from tests.store.contract_queue import QueueContract

OPTIONS = StoreOptions(inline_limit=Size(1000), low_disk=Size(0))


class DirectStoreTests(QueueContract, ImapContract, StoreContract, TestCase):
    """The contract over DirectStore."""

    def setUp(self):
        """A fresh store."""
        self.path = new_path(self)
        self.addCleanup(self.check_promises)
        self.store = DirectStore(self.path, options=OPTIONS)
        self.addCleanup(lambda: self.store.close())

    def check_promises(self):
        """Whatever a test did, the tables keep their promises to each other."""
        db = open_reader(self.store.layout.database)
        self.addCleanup(db.close)
        assert verify(self.store.layout, db) == []

    async def reopen(self):
        """Close and open again."""
        self.store.close()
        self.store = DirectStore(self.path, options=OPTIONS)

    async def test_second_owner_is_kept_out(self):
        """Only one process at a time may write a store."""
        with self.assertRaises(LeaseTaken):
            DirectStore(self.path, options=OPTIONS)

    async def test_files_are_private(self):
        """Nobody else can read the mail."""
        await self.store.apply([AddDomain("example.test")])
        for name in ("", "mail.db", "bodies", "bodies/tmp", "bodies/0a"):
            assert os.stat(os.path.join(self.path, name)).st_mode & 0o077 == 0, name

    async def test_removed_message_frees_its_file(self):
        """The file of a large message goes with its last row, and so does the reminder to remove it."""
        (account,) = await self.add("a")
        await self.put(account, data=LARGE)
        files = [f for _, _, names in os.walk(os.path.join(self.path, "bodies")) for f in names]
        assert len(files) == 1
        mailbox = await self.inbox(account)
        await self.store.apply([Expunge(mailbox.id, uids(1))])
        assert [f for _, _, names in os.walk(os.path.join(self.path, "bodies")) for f in names] == []
        await self.store.ping()
        assert self.store.connection().execute("SELECT count(*) FROM unlink_later").fetchone() == (0,)

    async def test_full_disk_is_said_early(self):
        """Below the mark check_ready and ping say NOT_NOW."""
        self.store.close()
        self.store = DirectStore(self.path, options=StoreOptions(low_disk=Size(2**62)))
        for question in (self.store.check_ready, lambda: self.store._space.check()):
            with self.assertRaises(MailError) as caught:
                question()
            assert caught.exception.kind is Kind.NOT_NOW
        with self.assertRaises(MailError):
            await self.store.ping()
