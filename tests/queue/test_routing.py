"""To whom mail for a destination goes (RFC 5321 5.1)."""

import pytest

from mailsvc.core.outbound import TLSDemand
from mailsvc.queue.options import QueueOptions, RelayDomainOptions, RouteOptions, split_host
from mailsvc.queue.routing import MOST_HOPS, Ourselves, Router, Unroutable
from mailsvc.queue.ways import Ways
from mailsvc.store.connect import run
from tests.queue.doubles import Names

NOBODY = Ourselves((), (), ())


def hops(names, destination="there.example", ourselves=NOBODY, routes=(), **options):
    """Name and address of each hop, in order."""
    router = Router(names, ourselves, lambda group: group.reverse())
    way = Ways(QueueOptions(**options), routes, (), "us.example").to(destination)
    return [(hop.name, hop.address, hop.port) for hop in run(router.hops(way))]


def refusal(names, **fields):
    """Status of the answer if there is no way."""
    with pytest.raises(Unroutable) as caught:
        hops(names, **fields)
    return caught.value.answer.status


# --- MX ---


def test_best_preference_first_and_equal_ones_shuffled():
    """Hosts in the order of their preference; those of the same are shuffled to spread the load."""
    names = Names(
        {"there.example": [(20, "c"), (10, "a"), (10, "b")]},
        {"a": ["192.0.2.1"], "b": ["192.0.2.2"], "c": ["192.0.2.3"]},
    )
    assert [name for name, *_ in hops(names)] == ["b", "a", "c"]


def test_ipv6_and_ipv4_in_turn():
    """A host with addresses of both kinds is tried by both (RFC 8305)."""
    names = Names({"there.example": [(10, "a")]}, {"a": ["192.0.2.1", "192.0.2.2", "2001:db8::1"]})
    assert [address for _, address, _ in hops(names)] == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]


def test_implicit_mx():
    """A domain without MX records is its own mail server (RFC 5321 5.1)."""
    assert hops(Names({}, {"there.example": ["192.0.2.1"]})) == [("there.example", "192.0.2.1", 25)]


def test_null_mx():
    """A domain that says it takes no mail: 5.1.10 at once (RFC 7505)."""
    assert refusal(Names({"there.example": [(0, "")]})) == "5.1.10"


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (Names(), "5.1.2"),
        (Names(broken=["there.example"]), "4.4.3"),
        (Names({"there.example": [(10, "a")]}, broken=["a"]), "4.4.3"),
        (Names({"there.example": [(10, "gone")]}), "5.4.4"),
        (Names({"there.example": []}), "5.4.4"),
    ],
    ids=[
        "no such domain",
        "name servers silent",
        "host's name servers silent",
        "host does not exist",
        "no mail server",
    ],
)
def test_names_that_lead_nowhere(names, status):
    """What does not exist is reported at once; what cannot be asked is asked again."""
    assert refusal(names) == status


def test_fifty_dead_addresses_behind_one_name():
    """No round tries more than a few addresses, however many a name has."""
    names = Names(
        {"there.example": [(10, f"h{n}") for n in range(50)]}, {f"h{n}": [f"192.0.2.{n + 1}"] for n in range(50)}
    )
    assert len(hops(names)) == MOST_HOPS


# --- ourselves ---


def test_backup_sends_only_to_better_exchangers():
    """We are among the MX: neither we nor those behind us are tried (RFC 5321 5.1)."""
    names = Names(
        {"there.example": [(10, "a"), (20, "us.example"), (20, "b"), (30, "c")]},
        {"a": ["192.0.2.1"], "us.example": ["192.0.2.9"], "b": ["192.0.2.2"], "c": ["192.0.2.3"]},
    )
    assert [name for name, *_ in hops(names, ourselves=Ourselves(["US.example."], (), ()))] == ["a"]
    assert [name for name, *_ in hops(names, ourselves=Ourselves((), ["192.0.2.9"], ()))] == ["a"]


def test_mx_that_points_to_us():
    """A foreign domain whose best MX is this host: a loop, reported as 5.4.6."""
    names = Names({"there.example": [(10, "a")]}, {"a": ["192.0.2.9"]})
    assert refusal(names, ourselves=Ourselves((), (), [("192.0.2.9", 25)])) == "5.4.6"
    assert refusal(names, ourselves=Ourselves(["a"], (), ())) == "5.4.6"
    assert refusal(Names({}, {"there.example": ["192.0.2.9"]}), ourselves=Ourselves((), ["192.0.2.9"], ())) == "5.4.6"


def test_mx_on_loopback_is_us_where_we_listen_on_every_address():
    """An MX record that says 127.0.0.1 leads to our own port 25, if we listen there."""
    names = Names({"there.example": [(10, "a")]}, {"a": ["127.0.0.1"]})
    assert refusal(names, ourselves=Ourselves((), (), [("0.0.0.0", 25)])) == "5.4.6"
    assert refusal(names, ourselves=Ourselves((), (), [("::", 25)])) == "5.4.6"
    assert hops(names, ourselves=Ourselves((), (), [("0.0.0.0", 2525)]))


# --- routes ---


def route(*domains, **fields):
    """A [[route]]."""
    return RouteOptions(domains=domains, **fields)


def test_closest_route_counts():
    """The domain itself, then the closest domain above it, then ``*``."""
    routes = [
        route("*", hosts=("smart.example:587",)),
        route(".edu.example", hosts=("edu",)),
        route(".cs.edu.example", hosts=("cs",)),
        route("www.cs.edu.example", hosts=("www",)),
    ]
    ways = Ways(QueueOptions(), routes)
    assert [
        ways.to(domain).hosts[0]
        for domain in ("www.cs.edu.example", "a.cs.edu.example", "b.edu.example", "edu.example", "x.example")
    ] == [("www", 25), ("cs", 25), ("edu", 25), ("smart.example", 587), ("smart.example", 587)]


def test_smarthost_is_not_looked_up_as_mx():
    """The hosts of a route are hosts, in their order, whatever MX records they have."""
    names = Names({"b": [(1, "elsewhere")]}, {"b": ["192.0.2.2"], "a": ["192.0.2.1"]})
    assert hops(names, routes=[route("*", hosts=("b:587", "a"))]) == [("b", "192.0.2.2", 587), ("a", "192.0.2.1", 25)]


def test_one_lane_to_one_smarthost():
    """All destinations behind one smarthost share one lane; others have one each."""
    ways = Ways(QueueOptions(), [route("*", hosts=("smart.example:587",)), route("direct.example")])
    assert ways.lane("a.example") == ways.lane("b.example") == "smart.example:587"
    assert ways.lane("direct.example") == "direct.example"


def test_one_host_on_different_terms_is_not_one_lane():
    """Two routes to one host, with and without log-in and TLS: no connection of the one carries mail of the other."""
    ways = Ways(
        QueueOptions(),
        [
            route("plain.example", hosts=("smart.example",), tls=TLSDemand.NEVER),
            route("secret.example", hosts=("smart.example",), tls=TLSDemand.VERIFIED),
            route("same.example", hosts=("smart.example:25",), tls=TLSDemand.NEVER),
            route("local.example", hosts=("smart.example",), tls=TLSDemand.NEVER, lmtp=True),
        ],
    )
    plain, secret, same, local = (ways.lane(f"{name}.example") for name in ("plain", "secret", "same", "local"))
    assert len({plain, secret, local, ways.lane("smart.example:25")}) == 4, "the last one: rerouted by hand"
    assert plain == same


def test_log_in_wants_a_certificate(tmp_path):
    """Where we log in, TLS is verified unless the administrator says otherwise, and the password comes from its file."""
    (tmp_path / "secret").write_text("pass word\n")
    options = route(
        "*", hosts=("192.0.2.1",), user="me", password=tmp_path / "secret", sources=("192.0.2.7", "2001:db8::7")
    )
    way = Ways(QueueOptions(), [options], (), "us.example").to("there.example")
    (hop,) = run(Router(Names(), NOBODY).hops(way))
    terms = way.terms(hop)
    assert terms.tls is TLSDemand.VERIFIED
    assert (terms.credentials.name, terms.credentials.password) == ("me", "pass word")
    assert (terms.helo, terms.source) == ("us.example", "192.0.2.7")
    assert "pass word" not in repr(terms)


def test_from_which_of_our_addresses():
    """The route's, else those of the sender's domain, else those of [queue]."""
    smarthost = route("inner.example", hosts=("10.0.0.1",), sources=("10.0.0.9",))
    ways = Ways(
        QueueOptions(sources=("192.0.2.25",)), [smarthost], senders={"own.example": ("192.0.2.26",), "x.example": ()}
    )
    usual, inner = ways.to("there.example"), ways.to("inner.example")
    assert usual.for_sender("a@Own.Example.").sources == ("192.0.2.26",)
    assert usual.for_sender("a@own.example").lane == "there.example; from 192.0.2.26"
    assert inner.for_sender("a@own.example") is inner
    assert [usual.for_sender(one) is usual for one in ("", "a@x.example", "a@other.example")] == [True] * 3


def test_a_password_that_is_not_utf_8(tmp_path):
    """A password file in another encoding is a fault of the file, said like others of it: mail waits, and the reason says what to do."""
    (tmp_path / "secret").write_bytes(b"gr\xfc\xdf\n")
    way = Ways(QueueOptions(), [route("*", hosts=("192.0.2.1",), user="me", password=tmp_path / "secret")]).to("x.test")
    (hop,) = run(Router(Names(), NOBODY).hops(way))
    with pytest.raises(OSError, match="not UTF-8") as caught:
        way.terms(hop)
    assert caught.value.strerror == "it is not UTF-8; save it as UTF-8"


@pytest.mark.parametrize(
    ("destination", "hop"),
    [
        ("[192.0.2.1]", ("192.0.2.1", "192.0.2.1", 25)),
        ("[ipv6:2001:db8::1]", ("2001:db8::1", "2001:db8::1", 25)),
        ("192.0.2.1:2525", ("192.0.2.1", "192.0.2.1", 2525)),
        ("[2001:db8::1]:2525", ("2001:db8::1", "2001:db8::1", 2525)),
    ],
)
def test_addresses_instead_of_domains(destination, hop):
    """Address literals (RFC 5321 4.1.3), and what somebody rerouted by hand, are connected to as they are."""
    assert hops(Names(), destination) == [hop]


def test_address_literals_take_the_routes():
    """Mail for an address literal goes by the smarthost like all mail, and is held where all is; by hand it can go straight to a host."""
    smart = [route("*", hosts=("smart.example:2525",))]
    assert Ways(QueueOptions(), smart).to("[192.0.2.1]").hosts == (("smart.example", 2525),)
    assert Ways(QueueOptions(), [route("*", hold=True)]).to("[ipv6:2001:db8::1]").hold
    assert Ways(QueueOptions(), [route("*", tls=TLSDemand.NEVER)]).to("[192.0.2.1]").hosts == (("192.0.2.1", 25),)
    assert (
        Ways(QueueOptions(), [route("[192.0.2.1]", hosts=("x.example",)), *smart]).to("[192.0.2.1]").hosts[0][0]
        == "x.example"
    )
    assert Ways(QueueOptions(), smart).to("192.0.2.1:2526").hosts == (("192.0.2.1", 2526),)


def test_smarthost_without_an_address_is_waited_for():
    """A mistake in our own configuration returns nobody's mail."""
    assert refusal(Names({}, {"smart": []}), routes=[route("*", hosts=("smart",))]) == "4.4.4"


@pytest.mark.parametrize("text", ["", "a:", "a:x", "a:0", "a:65536", "[192.0.2.1]:25", "[::1"])
def test_bad_hosts(text):
    """What is no host, or no port, is refused."""
    with pytest.raises(ValueError):  # noqa: PT011
        split_host(text, 25)


# --- patience ---


def test_backup_waits_longer():
    """Mail for a domain that we are the backup of has a lifetime of its own, below it too if that is wanted."""
    relayed = RelayDomainOptions(name="Branch.example", subdomains=True, lifetime=30 * 86400)
    ways = Ways(QueueOptions(), (), [relayed])
    assert ways.patience("branch.example", False).lifetime == 30 * 86400
    assert ways.patience("a.branch.example", False).lifetime == 30 * 86400
    assert ways.patience("other.example", False).lifetime == 5 * 86400
    assert ways.patience("other.example", True).lifetime == 2 * 86400


# --- found in a critical reading ---


@pytest.mark.parametrize("broken", [(), ("first.example",)])
def test_a_host_of_a_route_that_is_no_more(broken):
    """The next host of a route is tried when the first has no name any more; if there is none, mail waits: the entry may be put right."""
    names = Names({}, {"second.example": ["192.0.2.2"]}, broken=broken)
    both = [route("*", hosts=("first.example", "second.example"))]
    assert hops(names, routes=both) == [("second.example", "192.0.2.2", 25)]
    assert refusal(names, routes=[route("*", hosts=("first.example",))]) in ("4.4.3", "4.4.4")


@pytest.mark.parametrize("listening", [("0.0.0.0", 25), ("127.0.0.1", 25)])
@pytest.mark.parametrize("address", ["0.0.0.0", "::ffff:127.0.0.1", "127.0.0.1"])
def test_ourselves_by_other_spellings(listening, address):
    """An MX that leads to this machine in a roundabout way is still ourselves."""
    names = Names({"there.example": [(10, "evil")]}, {"evil": [address]})
    assert refusal(names, ourselves=Ourselves((), (), [listening])) == "5.4.6"


def test_many_hosts_are_not_all_looked_up():
    """Whoever lists twenty hosts does not make us look up all of them when six addresses are known; but we may be one of equals."""
    names = Names(
        {"there.example": [(number, f"h{number}") for number in range(20)]},
        {f"h{number}": [f"192.0.2.{number}"] for number in range(20)},
    )
    assert len(hops(names)) == MOST_HOPS
    assert len(names.asked) <= MOST_HOPS + 2
