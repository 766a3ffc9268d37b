"""Domains whose mail we take for other servers, and who exists there."""

import os
from pathlib import Path

import pytest

from mailsvc.app.relay_domains import relay_domains
from mailsvc.core.errors import Kind, MailError
from mailsvc.delivery.relay_domain import RelayDomain
from mailsvc.formats.address import Address
from mailsvc.queue.options import RelayDomainOptions


def refusal(domain: RelayDomain | None, local: str, name: str = "branch.test") -> Kind | None:
    """Why mail for an address is not taken."""
    assert domain is not None
    try:
        domain.check(Address(local, name))
    except MailError as error:
        return error.kind
    return None


def test_closest_entry_decides() -> None:
    """A domain of its own entry goes before one that covers it; what no entry covers is nobody's."""
    find = relay_domains(
        (RelayDomainOptions(name="Branch.Test", subdomains=True), RelayDomainOptions(name="a.branch.test"))
    )
    assert find("branch.test") is find("b.branch.test") is not None
    assert find("a.branch.test") is not find("branch.test")
    assert find("x.a.branch.test") is find("branch.test")
    assert find("xbranch.test") is None
    assert find("test") is None
    assert relay_domains(())("branch.test") is None


def test_list_is_read_again(tmp_path: Path) -> None:
    """A changed list counts at once; while it is missing the answer is "later"."""
    path = tmp_path / "recipients"
    path.write_text("sales\n")
    domain = relay_domains((RelayDomainOptions(name="branch.test", recipients=path),))("branch.test")
    assert (refusal(domain, "sales"), refusal(domain, "info")) == (None, Kind.NO_SUCH_USER)
    (tmp_path / "new").write_text("info # since today\n")
    os.replace(tmp_path / "new", path)
    assert (refusal(domain, "sales"), refusal(domain, "info")) == (Kind.NO_SUCH_USER, None)
    path.unlink()
    assert refusal(domain, "info") is Kind.NOT_NOW
    path.write_bytes(b"\xff\n")
    assert refusal(domain, "info") is Kind.NOT_NOW


@pytest.mark.parametrize(
    ("line", "local", "domain", "taken"),
    [
        ("Sales", "sALES", "branch.test", True),
        ("sales@branch.test", "sales", "BRANCH.test", True),
        ("sales@sub.branch.test", "sales", "branch.test", False),
        ("sales@sub.branch.test", "sales", "sub.branch.test", True),
        ("m-*", "m-1", "branch.test", True),
        ("m-*", "m-1", "sub.branch.test", False),
        ("*@sub.branch.test", "anybody", "sub.branch.test", True),
        ("a.b", "axb", "branch.test", False),
        ("太郎", "太郎", "branch.test", True),
        ("# sales", "sales", "branch.test", False),
        ("", "postmaster", "branch.test", True),
    ],
)
def test_lines_of_the_list(tmp_path: Path, line: str, local: str, domain: str, taken: bool) -> None:
    """An address or a local part a line, ``*`` for any text; the postmaster needs no line (RFC 5321 4.5.1)."""
    path = tmp_path / "recipients"
    path.write_text(line + "\n")
    options = RelayDomainOptions(name="branch.test", subdomains=True, recipients=path)
    found = relay_domains((options,))("branch.test")
    assert refusal(found, local, domain) is (None if taken else Kind.NO_SUCH_USER)


@pytest.mark.parametrize(
    "local", ["victim%example.com", "example.com!victim", "victim@example.com", "postmaster%example.com"]
)
def test_further_ways_are_refused(local: str) -> None:
    """A local part that asks the other server to send it on to third parties is refused, list or not."""
    find = relay_domains((RelayDomainOptions(name="branch.test"),))
    assert refusal(find("branch.test"), local) is Kind.RELAY_DENIED
