"""Who exists, and where an address goes."""

from itertools import pairwise

import pytest
from zope.interface.verify import verifyObject

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.operations import AddAccount, AddAlias, AddDomain, ChangeAccount, RemoveAccount
from mailsvc.directory import Directory
from mailsvc.formats.address import Address
from mailsvc.store.connect import run
from mailsvc.testing.store import make_store


@pytest.fixture
def made(tmp_path):
    """example.test with alice and bob, and a host alias; other.test with alice (login u1)."""
    made = make_store(tmp_path / "store")
    made.store.commit([AddDomain("example.test", ("mail.example.test",)), AddDomain("other.test")])
    made.store.commit([AddAccount("alice@other.test", login="U1", password_hash="$h")])
    yield made
    made.store.close()


def where(made, text, domain=None):
    """Addresses of the accounts and outside addresses that mail for ``text`` goes to."""
    address = Address.parse(text) if domain is None else Address(text, domain)
    found = run(made.directory.resolve(address))
    return [account.address for account in found.accounts], [str(one) for one in found.outside]


def refusal(made, text, domain=None):
    """Why mail for ``text`` goes nowhere."""
    with pytest.raises(MailError) as caught:
        where(made, text, domain)
    return caught.value.kind


def test_interface(made):
    """All of IDirectory is there."""
    verifyObject(IDirectory, made.directory)


def test_domains_in_their_order(made):
    """The first domain comes first, with its host aliases."""
    domains = run(made.directory.domains())
    assert [(domain.name, domain.aliases) for domain in domains] == [
        ("example.test", ("mail.example.test",)),
        ("other.test", ()),
    ]


@pytest.mark.parametrize(
    ("name", "local"),
    [("example.test", True), ("EXAMPLE.Test", True), ("example.test.", True), ("mail.example.test", True), ("", True),
     ("test", False), ("x.example.test", False), ("bad\udcff.test", False)],
)  # fmt: skip
def test_is_local(made, name, local):
    """Domains and host aliases in any case are ours; nothing else is."""
    assert run(made.directory.is_local(name)) is local


def test_no_domain_at_all(tmp_path):
    """A fresh store has nothing local."""
    made = make_store(tmp_path / "x", ())
    made.store.commit([AddDomain("a.test")])
    assert run(made.directory.is_local("")) is True
    made.store.close()


@pytest.mark.parametrize("text", ["alice@example.test", "ALICE@Example.Test", "alice@mail.example.test"])
def test_exact_address(made, text):
    """Case and host alias make no difference."""
    assert where(made, text) == (["alice@example.test"], [])


def test_unknown(made):
    """Nobody, and no domain of ours, are different refusals."""
    assert refusal(made, "carol@example.test") is Kind.NO_SUCH_USER
    assert refusal(made, "alice@elsewhere.test") is Kind.NO_SUCH_DOMAIN
    assert refusal(made, "bad\udcff", "example.test") is Kind.NO_SUCH_USER
    assert refusal(made, "alice", "") is Kind.NO_SUCH_USER


def test_postmaster_always_delivers(made):
    """With a domain, without one, in any case; even if somebody switched the account off."""
    made.store.commit([ChangeAccount(made.accounts["postmaster@example.test"], enabled=False)])
    for text, domain in (("Postmaster", ""), ("POSTMASTER", "mail.example.test"), ("postmaster", "example.test")):
        assert where(made, text, domain) == (["postmaster@example.test"], [])
    assert where(made, "postmaster@other.test") == (["postmaster@other.test"], [])


def test_alias_for_postmaster_comes_first(made):
    """Mail for postmaster goes to the person the alias names, beside the account or instead of it."""
    made.store.commit([AddAlias("postmaster@example.test", ("alice@example.test",))])
    assert where(made, "postmaster", "") == (["alice@example.test"], [])
    made.store.commit([RemoveAccount(made.accounts["postmaster@example.test"])])
    assert where(made, "postmaster@example.test") == (["alice@example.test"], [])


def test_aliases_are_followed(made):
    """Through several levels, each account once, in order; addresses elsewhere are told apart."""
    made.store.commit([
        AddAlias("all@example.test", ("staff@example.test", "alice@example.test", "x@elsewhere.test")),
        AddAlias("staff@example.test", ("bob@mail.example.test", "alice@example.test", "X@elsewhere.test")),
    ])  # fmt: skip
    assert where(made, "ALL@mail.example.test") == (["alice@example.test", "bob@example.test"], ["x@elsewhere.test"])


def test_loops_are_ignored(made):
    """Aliases that lead to each other deliver to whoever else they name; to nobody if that is all."""
    made.store.commit([
        AddAlias("a@example.test", ("b@example.test", "bob@example.test")),
        AddAlias("b@example.test", ("a@example.test",)),
        AddAlias("c@example.test", ("c@example.test",)),
    ])  # fmt: skip
    assert where(made, "b@example.test") == (["bob@example.test"], [])
    assert refusal(made, "c@example.test") is Kind.NO_SUCH_USER


def test_ten_levels_are_enough(made):
    """The tenth alias is followed, the eleventh is not."""
    chain = [f"l{number}@example.test" for number in range(11)] + ["bob@example.test"]
    made.store.commit([AddAlias(one, (following,)) for one, following in pairwise(chain)])
    assert where(made, "l1@example.test") == (["bob@example.test"], [])
    assert refusal(made, "l0@example.test") is Kind.NO_SUCH_USER


def test_account_switched_off(made):
    """Alone it is DISABLED; among others it is passed over."""
    made.store.commit([ChangeAccount(made.accounts["bob@example.test"], enabled=False)])
    made.store.commit([AddAlias("both@example.test", ("alice@example.test", "bob@example.test"))])
    assert refusal(made, "bob@example.test") is Kind.DISABLED
    assert where(made, "both@example.test") == (["alice@example.test"], [])


@pytest.mark.parametrize(
    ("name", "domain", "address"),
    [
        ("alice", "", "alice@example.test"),
        ("alice", "other.test", "alice@other.test"),
        ("u1", "other.test", "alice@other.test"),
        ("u1@other.test", "", "alice@other.test"),
        ("ALICE@mail.example.test", "other.test", "alice@example.test"),
        ("u1", "", None),
        ("alice", "elsewhere.test", None),
        ("alice@elsewhere.test", "", None),
        ("", "", None),
        ("@", "", None),
        ("@example.test", "", None),
        ("alice\udcff", "", None),
    ],
)
def test_find_login(made, name, domain, address):
    """An address or a login; without a domain the listener's, else the first."""
    found = run(made.directory.find_login(name, domain))
    assert (found and found.address) == address


def test_lists_and_lookups(made):
    """Accounts and aliases by domain, by id, by address; the hash is given only where it is asked for."""
    made.store.commit([AddAlias("info@example.test", ("bob@example.test", "x@elsewhere.test"))])
    everybody = [
        "alice@example.test",
        "alice@other.test",
        "bob@example.test",
        "postmaster@example.test",
        "postmaster@other.test",
    ]
    assert [account.address for account in run(made.directory.accounts())] == everybody
    assert [account.address for account in run(made.directory.accounts("OTHER.test"))] == [everybody[1], everybody[4]]
    assert run(made.directory.accounts("elsewhere.test")) == []
    assert [alias.targets for alias in run(made.directory.aliases("example.test"))] == [
        ("bob@example.test", "x@elsewhere.test")
    ]
    assert run(made.directory.aliases("other.test")) == []
    account = run(made.directory.find_account("Alice@Other.Test"))
    assert (account.login, account.enabled, account.quota) == ("u1", True, 0)
    assert run(made.directory.account(account.id)) == account
    assert run(made.directory.password_hash(account.id)) == "$h"
    assert run(made.directory.account(999)) is None
    assert run(made.directory.password_hash(999)) == ""
    for nobody in ("carol@example.test", "alice@elsewhere.test", "alice", "@example.test", ""):
        assert run(made.directory.find_account(nobody)) is None


def test_changes_count_at_once(made):
    """Nothing is cached."""
    assert refusal(made, "carol@example.test") is Kind.NO_SUCH_USER
    made.store.commit([AddAccount("carol@example.test")])
    assert where(made, "carol@example.test") == (["carol@example.test"], [])


def test_store_that_is_not_there():
    """Without a database every question is a temporary failure."""

    def nothing():
        raise temporary("store-unreadable")

    with pytest.raises(MailError) as caught:
        run(Directory(nothing).is_local("example.test"))
    assert caught.value.temporary


def test_no_name_is_looked_for_in_all_accounts(made):
    """A log-in name is found, or not, by indexes: in a domain of five thousand accounts too."""
    plans = []

    class Explained:
        def execute(self, sql, bindings):
            plans.extend(made.store.connection().execute(f"EXPLAIN QUERY PLAN {sql}", bindings).fetchall())
            return made.store.connection().execute(sql, bindings)

    directory = Directory(Explained)
    for name in ("alice@other.test", "u1@other.test", "nobody@other.test", "nobody", "x@elsewhere.test"):
        run(directory.claimed(name))
    steps = [step for *_, step in plans if step.startswith(("SEARCH", "SCAN"))]
    assert any("account_login" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN") or "account_domain" in step]


def test_the_address_that_a_name_has_or_would_have(made):
    """By address, login and host alias; completed and canonical, also for nobody."""
    claims = {
        "alice@other.test": (True, "alice@other.test"),
        "U1@OTHER.test": (True, "alice@other.test"),
        "Alice": (True, "alice@example.test"),
        "bob@mail.example.test": (True, "bob@example.test"),
        "Nobody": (False, "nobody@example.test"),
        "x@Mail.Example.test": (False, "x@example.test"),
        "X@elsewhere.Test": (False, "x@elsewhere.test"),
        "@other.test": (False, "@other.test"),
    }
    for name, (known, address) in claims.items():
        account, claimed = run(made.directory.claimed(name))
        assert (account is not None, claimed) == (known, address), name
