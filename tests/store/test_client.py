"""The store through its owner process keeps the contract, and what only several processes can show."""

import itertools
import os
import signal
import subprocess
import sys

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailsvc.bus import Announcement
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.queue import QUEUE_LOCK
from mailsvc.core.operations import AddAccount, AddDomain, ChangeQueued, Expunge, Move, RemoveAccount, StoreFlags
from mailsvc.core.options import Size
from mailsvc.core.queued import QueueChanged, State
from mailsvc.core.values import NewsMissed
from mailsvc.store import codec
from mailsvc.store.client import StoreClient
from mailsvc.store.connect import gather, open_store, run
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.supervisor import OwnerService
from tests.store.contract import HEADERS, LARGE, StoreContract, delivery, new_path, uids
from tests.store.contract_imap import ImapContract
from tests.store.contract_queue import QueueContract, leaving

OPTIONS = StoreOptions(inline_limit=Size(1000), low_disk=Size(0))


async def until(condition):
    """Return as soon as something is so; the test's own time-out ends it otherwise."""
    while not condition():
        await deferLater(reactor, 0.005)


def hold_all(path):
    """What a command does: hold everything that waits. The ids, and the octets of the first message."""
    command = open_store(path)
    entries = list(gather(command.queue.listing()))
    ids = tuple(one.id for _, one in entries)
    command.apply([ChangeQueued(ids, held=True)])
    octets = run(command.bodies.get(entries[0][0].content))
    command.close()
    return ids, octets


class OwnerTestCase(TestCase):
    """A store with an owner process and one client."""

    timeout = 120

    async def setUp(self):
        """Start both."""
        self.path = new_path(self)
        self.owner = OwnerService(reactor, self.path)
        self.owner.startService()
        self.addCleanup(self.owner.stopService)
        await self.owner.ready()
        self.store = await self.client()

    async def client(self, **options):
        """One more client, as another worker would have."""
        client = StoreClient(reactor, self.path, options=attrs.evolve(OPTIONS, **options))
        client.startService()
        self.addCleanup(client.stopService)
        await client.when_connected()
        return client


class StoreClientTests(QueueContract, ImapContract, StoreContract, OwnerTestCase):
    """The contract over StoreClient."""

    async def reopen(self):
        """Kill the owner; the client finds the next one."""
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: self.store._link is None)
        await self.store.when_connected()


class SeveralProcessesTests(OwnerTestCase):
    """Workers beside each other, owners that die."""

    async def accounts(self, *names):
        """Accounts in example.test."""
        await self.store.apply([AddDomain("example.test")])
        return [(await self.store.apply([AddAccount(f"{name}@example.test")]))[0] for name in names]

    async def test_other_workers_hear_of_changes(self):
        """A delivery by one worker is told to another, which can read it then."""
        (account,) = await self.accounts("a")
        other = await self.client()
        heard = Deferred()
        other.subscribe(lambda event: heard.called or heard.callback(event))
        await self.store.apply([delivery(account)])
        event = await heard
        assert event.account == account
        assert len((await other.rows(event.mailbox)).uids) == 1

    async def test_other_workers_hear_of_the_queue(self):
        """What one worker puts into the queue wakes the scheduler in another; after a restart of the owner it is told to look at all."""
        other = await self.client()
        heard, missed = [], []
        other.bus.subscribe(QueueChanged, heard.append)
        other.bus.subscribe(NewsMissed, missed.append)
        await self.store.apply([leaving("x@far.example")])
        await other.ping()
        assert heard == [QueueChanged(("Q1",))]
        (ticket,) = await other.queue.tickets(["Q1"])
        assert ticket.destination == "far.example"
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: missed)

    async def test_one_scheduler(self):
        """The right to send the queue's mail is with one process, over restarts of the owner; when it ends, the next one gets it."""
        other = await self.client()
        lock = await other.lock(QUEUE_LOCK)
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: self.store._link is None)
        await self.store.when_connected()
        while not (await self.store.figures())[
            "locks"
        ]:  # the new owner's: ours may not know yet that the old one is gone
            await deferLater(reactor, 0.005)
        await until(lambda: lock.held)
        with self.assertRaises(MailError) as caught:
            await self.store.lock(QUEUE_LOCK)
        assert caught.exception.kind is Kind.IN_USE
        await other.stopService()
        while (await self.store.figures())["locks"]:
            await deferLater(reactor, 0.005)
        assert (await self.store.lock(QUEUE_LOCK)).held

    async def test_commands_see_the_queue(self):
        """A command beside the running server reads and changes the queue, and the workers hear of it."""
        await self.store.apply([leaving("x@far.example", data=LARGE)])
        heard = []
        self.store.bus.subscribe(QueueChanged, heard.append)
        ids, octets = await deferToThread(hold_all, self.path)
        assert octets == HEADERS + LARGE
        await self.store.ping()
        assert heard == [QueueChanged(("Q1",))]
        assert [(one.id, one.state) for one in await self.store.queue.recipients("Q1")] == [(ids[0], State.HELD)]

    async def test_idle_hears_of_other_workers(self):
        """Who waits in one worker is woken by what another delivers, flags, moves and removes, and shows it."""
        (account,) = await self.accounts("a")
        other = await self.client()
        inbox = (await self.store.mailbox(account, "INBOX")).id
        view = await self.store.view(inbox)
        for operations, exists in (
            ([delivery(account), delivery(account)], 2),
            ([StoreFlags(inbox, uids(2), add=1, add_keywords=("k",))], 2),
            ([Move(inbox, uids(1), "INBOX")], 2),
            ([Expunge(inbox, uids(2, 3))], 0),
        ):
            waiting = view.changed()
            await other.apply(operations)
            while view.modseq < (await self.store.mailbox(account, "INBOX")).modseq:
                await waiting
                view.advance(True)
                waiting = view.changed()
            waiting.addErrback(lambda _: None)
            waiting.cancel()
            view.advance(True)
            assert view.exists == exists
        assert view.keywords == ("k",)
        view.close()

    async def test_lost_event_is_made_up_for(self):
        """What was not heard of is found when the owner is there again, and by the poll."""
        (account,) = await self.accounts("a")
        other = await self.client()
        inbox = (await self.store.mailbox(account, "INBOX")).id
        view = await self.store.view(inbox)
        received, self.store.received = self.store.received, lambda message: message[0] and received(message)
        waiting = view.changed()
        await other.apply([delivery(account)])
        await self.store.ping()
        assert not waiting.called
        os.kill(self.owner.pid, signal.SIGKILL)
        await waiting
        assert view.advance(True).exists == 1
        waiting = view.changed()
        await until(lambda: self.store._link is not None)
        await until(lambda: other._link is not None)
        await other.apply([delivery(account)])
        self.store._poll()
        await waiting
        assert view.advance(True).exists == 2
        view.close()

    async def test_lock_holds_in_all_workers(self):
        """A mailbox locked by one worker is in use for another, until the first is gone."""
        (account,) = await self.accounts("a")
        mailbox = (await self.store.mailbox(account, "INBOX")).id
        other = await self.client()
        await other.lock(mailbox)
        with self.assertRaises(MailError) as caught:
            await self.store.lock(mailbox)
        assert caught.exception.kind is Kind.IN_USE
        await other.stopService()
        while True:  # the owner notices in its own time
            try:
                lock = await self.store.lock(mailbox)
                break
            except MailError:
                await deferLater(reactor, 0.005)
        assert lock.held

    async def test_lock_of_a_killed_worker_is_freed(self):
        """A process that dies with the lock does not keep it."""
        (account,) = await self.accounts("a")
        mailbox = (await self.store.mailbox(account, "INBOX")).id
        program = (
            "import sys; from mailsvc.store.connect import OwnerLink; from mailsvc.store.layout import Layout\n"
            f"link = OwnerLink(Layout({self.path!r})); link.request('lock', {mailbox}); print('locked', flush=True); sys.stdin.read()"
        )
        worker = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert worker.stdout.readline() == b"locked\n"
            with self.assertRaises(MailError):
                await self.store.lock(mailbox)
        finally:
            worker.kill()
            worker.wait()
            worker.stdin.close()
            worker.stdout.close()
        while (await self.store.figures())["locks"]:
            await deferLater(reactor, 0.005)
        (await self.store.lock(mailbox)).release()

    async def test_lock_survives_the_owner(self):
        """A lock is taken again from the next owner, so that no second session gets in."""
        (account,) = await self.accounts("a")
        mailbox = (await self.store.mailbox(account, "INBOX")).id
        lock = await self.store.lock(mailbox)
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: self.store._link is None)
        await self.store.when_connected()
        while not (await self.store.figures())["locks"]:
            await deferLater(reactor, 0.005)
        await until(lambda: lock.held)

    async def test_lock_survives_an_owner_that_is_busy(self):
        """A lock that the next owner had no time to give at once is asked for again; meanwhile no other session of this worker gets it."""
        (account,) = await self.accounts("a")
        mailbox = (await self.store.mailbox(account, "INBOX")).id
        lock = await self.store.lock(mailbox)
        retake, first = self.store.retake, Deferred()
        answers = iter([first])
        self.patch(self.store, "retake", lambda mailbox: next(answers, None) or retake(mailbox))
        lock.take_again()
        assert not lock.held
        with self.assertRaises(MailError) as caught:
            await self.store.lock(mailbox)
        assert caught.exception.kind is Kind.IN_USE
        first.errback(temporary("store-timeout"))
        await until(lambda: lock.held)
        lock.release()
        (await self.store.lock(mailbox)).release()

    async def test_lock_that_is_lost_says_so(self):
        """If somebody else is faster after a restart, the first session learns that it has no lock any more."""
        (account,) = await self.accounts("a")
        mailbox = (await self.store.mailbox(account, "INBOX")).id
        other = await self.client()
        mine = await self.store.lock(mailbox)
        theirs = await other.lock(mailbox + 1)
        theirs._mailbox = mailbox  # both will ask for the same one
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: mine._over or theirs._over)
        await until(lambda: mine.held or theirs.held)
        assert mine.held != theirs.held

    async def test_announcements_reach_everybody(self):
        """A topic announced in one worker is heard in all, once in each."""
        other = await self.client()
        heard, here = Deferred(), []
        other.bus.subscribe("grant", heard.callback)
        self.store.bus.subscribe("grant", here.append)
        self.store.announce("grant", {"address": "192.0.2.1"})
        assert await heard == Announcement("grant", {"address": "192.0.2.1"})
        await self.store.ping()
        assert here == [Announcement("grant", {"address": "192.0.2.1"})]

    async def test_requests_of_one_turn_are_one_commit(self):
        """Ten sessions that finish together cost two commits at most."""
        accounts = await self.accounts(*"abcdefghij")
        before = await self.store.figures()
        await gatherResults([Deferred.fromCoroutine(self.store.apply([delivery(account)])) for account in accounts])
        after = await self.store.figures()
        assert after["requests"] - before["requests"] == 10
        assert after["commits"] - before["commits"] <= 2  # five leave at once, the rest at the end of the turn

    async def test_refused_request_does_not_spoil_the_group(self):
        """Among requests that are committed together, one that is refused is refused alone."""
        accounts = await self.accounts(*"abcdefghi")
        before = await self.store.figures()
        results = await gatherResults([
            Deferred.fromCoroutine(self.store.apply([delivery(account), delivery(account)])).addErrback(lambda f: f.value)
            for account in (*accounts[:4], 999, *accounts[4:])
        ])  # fmt: skip
        after = await self.store.figures()
        assert after["commits"] - before["commits"] <= 2  # five leave at once, the rest at the end of the turn
        assert [isinstance(result, MailError) for result in results] == [False] * 4 + [True] + [False] * 5
        for account in accounts:
            assert (await self.store.mailbox(account, "INBOX")).messages == 2

    async def test_owner_killed_under_load_loses_nothing(self):
        """Every delivery that was acknowledged exists, exactly once; the rest may or may not; the owner is back."""
        accounts = await self.accounts(*"abcde")
        acknowledged, refused = [], []

        finished = []

        async def session(number):
            for count in itertools.takewhile(lambda _: not finished, itertools.count()):
                data = b"Message-ID: <%d.%d>\r\n\r\n" % (number, count)
                try:
                    await self.store.apply([delivery(accounts[number], data=data)])
                    acknowledged.append(data)
                except MailError as error:
                    refused.append((error.kind, data))
                    await deferLater(reactor, 0.01)

        async def kills():
            for _ in range(3):
                enough = len(acknowledged) + 30
                await until(lambda enough=enough: len(acknowledged) >= enough)
                os.kill(self.owner.pid, signal.SIGKILL)
                await until(lambda: self.store._link is None)
                await self.store.when_connected()
            finished.append(True)

        await gatherResults([Deferred.fromCoroutine(one) for one in (*map(session, range(5)), kills())])
        found = []
        for account in accounts:
            mailbox = await self.store.mailbox(account, "INBOX")
            rows = await self.store.rows(mailbox.id)
            bodies = [(await self.store.bodies.get(content)).partition(b"\r\n")[2] for content in rows.contents]
            assert len(bodies) == mailbox.messages
            found += bodies
        assert {kind for kind, _ in refused} == {Kind.NOT_NOW}, "no request was under way, or a wrong refusal"
        assert len(found) == len(set(found))
        assert set(acknowledged) <= set(found) <= set(acknowledged) | {data for _, data in refused}
        assert self.owner.starts == 4

    async def test_removed_mail_gives_its_space_back(self):
        """A large account is removed, the owner is killed meanwhile: in the end all is erased and the database is small again."""
        (account,) = await self.accounts("a")
        for _ in range(10):
            await self.store.apply([delivery(account, data=bytes(990)) for _ in range(300)])
        database = self.store.layout.database

        def left():
            return self.store.connection().execute("SELECT count(*) FROM msg").fetchone()[0]

        await self.store.apply([RemoveAccount(account)])
        await until(lambda: left() < 3000)
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: left() == 0)
        await until(lambda: os.path.getsize(database) < 500_000)
        assert self.owner.starts == 2

    async def test_requests_fail_while_there_is_no_owner(self):
        """Without an owner a request is refused at once with NOT_NOW; reading goes on."""
        (account,) = await self.accounts("a")
        await self.owner.stopService()
        await until(lambda: self.store._link is None)
        with self.assertRaises(MailError) as caught:
            await self.store.apply([delivery(account)])
        assert caught.exception.kind is Kind.NOT_NOW
        assert (await self.store.mailbox(account, "INBOX")).messages == 0

    async def test_new_mail_is_refused_early_while_there_is_no_owner(self):
        """check_ready says NOT_NOW, before anybody sends a message in vain, until the owner is back."""
        self.store.check_ready()
        os.kill(self.owner.pid, signal.SIGKILL)
        await until(lambda: self.store._link is None)
        with self.assertRaises(MailError) as caught:
            self.store.check_ready()
        assert (caught.exception.kind, caught.exception.reason) == (Kind.NOT_NOW, "store-restarting")
        await self.store.when_connected()
        self.store.check_ready()

    async def test_what_was_given_up_is_not_done_later(self):
        """A request that timed out while the owner slept is not carried out when it wakes: the next try would double it."""
        (account,) = await self.accounts("alice")
        hasty = await self.client(timeout=0.2)
        os.kill(self.owner.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.owner.pid, signal.SIGCONT)
        for given_up in (hasty.apply([delivery(account)]), hasty.lock(1)):
            with self.assertRaises(MailError) as caught:
                await given_up
            self.assertEqual(caught.exception.reason, "store-timeout")
        os.kill(self.owner.pid, signal.SIGCONT)
        hasty.options = OPTIONS  # patient from now on
        await hasty.apply([delivery(account)])
        mailbox = await self.store.mailbox(account, "INBOX")
        self.assertEqual(mailbox.messages, 1)
        (await self.store.lock(1)).release()

    async def test_owner_ends_with_its_parent(self):
        """An owner whose parent was killed does not stay behind, and its store can be opened."""
        path = new_path(self)
        program = (
            "import sys; from twisted.internet import reactor; from mailsvc.store.supervisor import OwnerService\n"
            f"service = OwnerService(reactor, {path!r}); service.startService()\n"
            "service.ready().addCallback(lambda _: print(service.pid, flush=True)); reactor.run()"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.close()

        def gone():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    return file.read().rpartition(")")[2].split()[0] == "Z"
            except FileNotFoundError:
                return True

        await until(gone)
        open_store(path, OPTIONS).close()

    async def test_command_works_beside_a_server(self):
        """A command's changes go through the running owner, and it can read."""
        command = open_store(self.path)
        self.addCleanup(command.close)
        command.apply([AddDomain("example.test"), AddAccount("a@example.test")])
        assert command.connection().execute("SELECT count(*) FROM account").fetchone() == (2,)
        with self.assertRaises(MailError):
            command.apply([AddDomain("x.test", ("example.test",))])

    async def test_socket_is_private(self):
        """Nobody else can talk to the owner."""
        assert os.stat(os.path.join(self.path, "owner.sock")).st_mode & 0o777 == 0o600

    async def test_large_files_go_after_the_commit(self):
        """The owner removes the file of a message whose last row is gone."""
        (account,) = await self.accounts("a")
        writer = self.store.bodies.create()
        writer.write(LARGE)
        body = await writer.close()
        ((placed,),) = await self.store.apply([delivery(account, data=None, size=body.size, location=body.location)])
        file = Layout(self.path).body(body.location)
        assert os.path.exists(file)
        await self.store.apply([Expunge(placed[0], uids(placed[1]))])
        await until(lambda: not os.path.exists(file))

    async def test_garbage_ends_only_its_own_connection(self):
        """A client that does not speak frames is dropped; the others go on."""
        import socket

        for garbage in (b"GET / HTTP/1.0\r\n\r\n", codec.frame([1, "apply"])[:-1] + b"\xc1", b"\xff\xff\xff\xff"):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(os.path.join(self.path, "owner.sock"))
                sock.sendall(garbage)
                sock.settimeout(5)
                while sock.recv(1000):
                    pass
        await self.store.ping()

    async def test_unknown_request_is_answered(self):
        """A request that the owner does not know is refused, not ignored."""
        for request in (("dance",), ("apply", [["Dance"]]), ("apply", [["AddDomain"]]), ("apply", 3), ("apply",),
                        ("lock",), ({},)):  # fmt: skip
            with self.assertRaises(MailError) as caught:
                await self.store._request(*request)
            assert caught.exception.kind is Kind.BAD_REQUEST, request
