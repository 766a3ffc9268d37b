"""The ways in which servers were ever talked into sending strangers' mail on: a table of probes for ``mailsvc relay test``.

A probe is what a client says. A line is sent when the one before it was answered; lines that stand in one text are sent at once. What the
server answers to the *last* line decides: if it takes it, it is open. Names in braces are filled in (:class:`Facts`).

Each has a *twin*: the same said by somebody who may, after ``{login}``; ``permitted`` is its recipient where nobody at all may have
that of the probe, for it is no address, or one of ours. What is refused to strangers must not be refused to people.
"""

import attrs

__all__ = ["PROBES", "STARTTLS", "Facts", "Probe", "dialogue", "twin"]

STARTTLS = "STARTTLS"
"""This line begins TLS when it is answered with 220, whatever else is sent with it."""


@attrs.frozen(kw_only=True)
class Facts:
    """What the braces stand for.

    :ivar local: a domain of the server, and ``user`` an address in it that exists. :ivar host: what the server calls itself.
    :ivar ip: where it listens. :ivar mailbox: and ``domain``: the recipient elsewhere, ``mailbox@domain``; ``upper``: in capitals.
    :ivar lookalike: a domain that looks like ``local``, as A-label. :ivar login: the line that logs in, for twins.
    """

    local: str
    user: str
    host: str
    ip: str
    mailbox: str
    domain: str
    lookalike: str
    upper: str
    login: str = ""


@attrs.frozen(kw_only=True)
class Probe:
    """One of them.

    :ivar rcpt: the forward-path, with whatever stands around it. :ivar sender: the reverse-path and its parameters.
    :ivar before: said before MAIL, after EHLO. :ivar after: said after MAIL, before RCPT. :ivar said: the whole dialogue instead of these.
    :ivar opening: sent before anything. :ivar hello: the first line. :ivar permitted: see above. :ivar twin: what the twin says instead.
    :ivar listener: where it belongs. :ivar password: whether it needs an account, and so is nothing to try on strange servers.
    :ivar good: codes by which the server takes it.
    """

    name: str
    rcpt: str = "<{mailbox}@{domain}>"
    sender: str = "<relay-test@{domain}>"
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    opening: str = ""
    hello: str = "EHLO relay-test.example"
    permitted: str = ""
    twin: tuple[str, ...] = ()
    listener: str = "smtp"
    password: bool = False
    good: tuple[int, ...] = (250, 251)


_PLAIN = "<{mailbox}@{domain}>"
_MAIL = "MAIL FROM:<relay-test@{domain}>"
_RCPT = "RCPT TO:<{mailbox}@{domain}>"
_EHLO = "EHLO relay-test.example"
_WRONG = "AUTH PLAIN AHJlbGF5LXRlc3QAd3JvbmctcGFzc3dvcmQ="  # relay-test, wrong-password
_LOGGED_IN = (_EHLO, STARTTLS, _EHLO, "{login}")


def dialogue(probe: Probe) -> tuple[str, ...]:
    """What a stranger says."""
    if probe.said:
        return probe.said
    return (probe.hello, *probe.before, f"MAIL FROM:{probe.sender}", *probe.after, f"RCPT TO:{probe.rcpt}")


def twin(probe: Probe) -> tuple[str, ...]:
    """What somebody says who may."""
    if probe.twin:
        return probe.twin
    said = dialogue(probe)[1:-1]
    return (*_LOGGED_IN, *said, f"RCPT TO:{probe.permitted or probe.rcpt}")


def _path(name: str, rcpt: str, permitted: str = _PLAIN) -> Probe:
    """A recipient that looks like ours, and is to be sent on."""
    return Probe(name=name, rcpt=rcpt, permitted=permitted)


def _elsewhere(name: str, rcpt: str, sender: str = "<relay-test@{domain}>") -> Probe:
    """A recipient elsewhere, spelled in some way."""
    return Probe(name=name, rcpt=rcpt, sender=sender)


def _sender(name: str, sender: str) -> Probe:
    return Probe(name=name, sender=sender)


def _command(name: str, line: str, *good: int) -> Probe:
    """A command that makes some servers connect elsewhere, or tell who is there."""
    return Probe(name=name, said=(_EHLO, line), good=good or (250, 251), twin=(*_LOGGED_IN, line, _MAIL, _RCPT))


def _said(name: str, *lines: str, twin: tuple[str, ...] = (), password: bool = False) -> Probe:
    return Probe(name=name, said=lines, twin=twin or (*_LOGGED_IN, *lines[1:]), password=password)


PROBES: tuple[Probe, ...] = (
    # recipients elsewhere, however they are spelled
    Probe(name="plain"),
    _elsewhere("upper-case", "<{upper}>"),
    _path("trailing-dot", "<{mailbox}@{domain}.>"),
    _elsewhere("subdomain", "<{mailbox}@sub.{local}>"),
    _elsewhere("ends-like-ours", "<{mailbox}@not-{local}>"),
    _elsewhere("begins-like-ours", "<{mailbox}@{local}.{domain}>"),
    _elsewhere("look-alike", "<{mailbox}@{lookalike}>"),
    _elsewhere("foreign-literal", "<{mailbox}@[192.0.2.25]>"),
    _elsewhere("foreign-literal-ipv6", "<{mailbox}@[IPv6:2001:db8::25]>"),
    _elsewhere("space-after-colon", " <{mailbox}@{domain}>"),
    _elsewhere("postmaster-elsewhere", "<postmaster@{domain}>"),
    _elsewhere("utf8-mailbox", "<郵便@{domain}>", "<relay-test@{domain}> SMTPUTF8"),
    _elsewhere("utf8-domain", "<{mailbox}@日本.{domain}>", "<relay-test@{domain}> SMTPUTF8"),
    # ways through other servers (RFC 5321 appendix C, F.2; RFC 1123 5.2.16)
    _elsewhere("source-route", "<@{local}:{mailbox}@{domain}>"),
    _elsewhere("source-route-of-two", "<@{local},@{domain}:{mailbox}@{domain}>"),
    _elsewhere("source-route-by-literal", "<@[{ip}]:{mailbox}@{domain}>"),
    _path("percent-hack", "<{mailbox}%{domain}@{local}>"),
    _path("percent-hack-twice", "<{mailbox}%{domain}%{local}@{local}>"),
    _path("percent-hack-at-host", "<{mailbox}%{domain}@{host}>"),
    _path("percent-hack-at-literal", "<{mailbox}%{domain}@[{ip}]>"),
    _path("percent-hack-quoted", '<"{mailbox}%{domain}"@{local}>'),
    _path("percent-hack-bare", "<{mailbox}%{domain}>"),
    _path("bang-path", "<{domain}!{mailbox}@{local}>"),
    _path("bang-path-of-two", "<{local}!{domain}!{mailbox}@{local}>"),
    _path("bang-path-quoted", '<"{domain}!{mailbox}"@{local}>'),
    _path("bang-path-bare", "<{domain}!{mailbox}>"),
    _path("quoted-address", '<"{mailbox}@{domain}"@{local}>'),
    _path("quoted-address-at-literal", '<"{mailbox}@{domain}"@[{ip}]>'),
    _path("quoted-address-bare", '<"{mailbox}@{domain}">'),
    _path("two-at-signs", "<{mailbox}@{domain}@{local}>"),
    _path("two-at-signs-reversed", "<{mailbox}@{local}@{domain}>"),
    _path("percent-encoded", "<{mailbox}%40{domain}@{local}>"),
    _path("own-literal", "<{mailbox}@[{ip}]>"),
    _path("empty-domain", "<{mailbox}@>"),
    _path("space-in-the-address", "<{mailbox}@{domain} @{local}>"),
    _path("tab-after-colon", "\t<{mailbox}@{domain}>"),
    _path("no-brackets", "{mailbox}@{domain}"),
    _path("two-addresses", "<{user}>,<{mailbox}@{domain}>"),
    _path("two-paths", "<{user}> <{mailbox}@{domain}>"),
    Probe(name="utf8-wide-percent", rcpt="<{mailbox}％{domain}@{local}>", sender="<relay-test@{domain}> SMTPUTF8", permitted=_PLAIN),
    Probe(name="utf8-wide-at", rcpt="<{mailbox}＠{domain}@{local}>", sender="<relay-test@{domain}> SMTPUTF8", permitted=_PLAIN),
    # senders prove nothing
    _sender("null-sender", "<>"),
    _sender("forged-local-sender", "<{user}>"),
    _sender("forged-postmaster", "<postmaster@{local}>"),
    _sender("bare-postmaster-sender", "<postmaster>"),
    _sender("sender-at-own-literal", "<postmaster@[{ip}]>"),
    _sender("sender-is-recipient", "<{mailbox}@{domain}>"),
    _sender("auth-parameter", "<{user}> AUTH={user}"),
    # nor do names and headers that anybody can say
    Probe(name="helo-as-ours", hello="EHLO {local}"),
    Probe(name="helo-as-host", hello="HELO {host}"),
    Probe(name="helo-localhost", hello="EHLO [127.0.0.1]"),
    Probe(name="xclient", before=("XCLIENT ADDR=127.0.0.1 LOGIN={user}", _EHLO)),
    Probe(name="xforward", before=("XFORWARD ADDR=127.0.0.1 NAME=localhost",)),
    Probe(name="proxy-header", opening="PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n"),
    # what was said before must not count
    _said("no-hello", _MAIL, _RCPT, twin=(*_LOGGED_IN, _MAIL, _RCPT)),
    _said("after-one-of-ours", _EHLO, _MAIL, "RCPT TO:<{user}>", _RCPT),
    _said("after-rset", _EHLO, "MAIL FROM:<{user}>", "RCPT TO:<{user}>", "RSET", _MAIL, _RCPT),
    _said("after-failed-auth", _EHLO, _WRONG, _MAIL, _RCPT, twin=(_EHLO, STARTTLS, _EHLO, _WRONG, "{login}", _MAIL, _RCPT)),
    _said("after-cancelled-auth", _EHLO, "AUTH PLAIN", "*", _MAIL, _RCPT,
          twin=(_EHLO, STARTTLS, _EHLO, "AUTH PLAIN", "*", "{login}", _MAIL, _RCPT)),
    _said("pipelined-failed-auth", _EHLO, f"{_WRONG}\r\n{_MAIL}\r\n{_RCPT}",
          twin=(_EHLO, STARTTLS, _EHLO, f"{{login}}\r\n{_MAIL}\r\n{_RCPT}")),
    _said("after-starttls", _EHLO, STARTTLS, _EHLO, _MAIL, _RCPT, twin=(*_LOGGED_IN, _MAIL, _RCPT)),
    _said("injected-before-tls", _EHLO, f"{STARTTLS}\r\n{_EHLO}\r\n{_MAIL}", _RCPT, twin=(*_LOGGED_IN, _MAIL, _RCPT)),
    _said("auth-before-starttls", _EHLO, "{login}", STARTTLS, _EHLO, _MAIL, _RCPT,
          twin=(*_LOGGED_IN, _MAIL, _RCPT), password=True),
    _said("bare-newline", _EHLO, _MAIL, f"RCPT TO:<{{user}}>\n{_RCPT}", twin=(*_LOGGED_IN, _MAIL, "RCPT TO:<{user}>", _RCPT)),
    # other ways to make a server send
    _said("send-from", _EHLO, "SEND FROM:<{user}>", _RCPT, twin=(*_LOGGED_IN, _MAIL, _RCPT)),
    _command("etrn", "ETRN {domain}", 250, 251, 252, 253),
    _command("turn", "TURN", 250),
    _command("vrfy", "VRFY {mailbox}@{domain}"),
    _command("expn", "EXPN {mailbox}@{domain}"),
    # other doors
    Probe(name="submission-without-auth", listener="submission"),
    Probe(name="submission-forged-sender", sender="<{user}>", listener="submission"),
    Probe(name="lmtp", hello="LHLO relay-test.example", listener="lmtp", twin=(*_LOGGED_IN, _MAIL, _RCPT)),
)  # fmt: skip
