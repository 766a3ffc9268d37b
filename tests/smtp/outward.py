"""Conversations about mail that goes on to other servers: DSN, relay domains, ETRN (see tests.smtp.dialogues)."""

from ipaddress import ip_network
from pathlib import Path

from mailsvc.queue.options import RelayDomainOptions
from tests.smtp.dialogues import DATA, EHLO, HELO, LHLO, LOG_IN, Dialogue

__all__ = ["OUTWARD"]

BRANCH = RelayDomainOptions(name="branch.test", recipients=Path(__file__).with_name("branch.recipients"))
ANYBODY = RelayDomainOptions(name="Backup.Test", subdomains=True)

OUTWARD = (
    Dialogue(
        "dsn-parameters",
        "RET and ENVID of MAIL, NOTIFY and ORCPT of RCPT are taken on the open port and change no reply (RFC 3461 5.1).",
        EHLO
        + """
        C: MAIL FROM:<sender@example.com> RET=hdrs ENVID=QQ+2B314159
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test> NOTIFY=Success,Failure ORCPT=rfc822;Alice@example.test
        S: 250 2.1.5 Ok
        C: RCPT TO:<nobody@example.test> NOTIFY=NEVER
        S: 550 5.1.1 No such user here
        C: RCPT TO:<bob@example.test> NOTIFY=NEVER
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 …
        """,
        delivered=(b"x\r\n",),
    ),
    Dialogue(
        "dsn-null-sender",
        "A report may say RET too, and nobody minds (RFC 3461 5.1 (a)).",
        EHLO
        + """
        C: MAIL FROM:<> RET=FULL
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test> NOTIFY=NEVER
        S: 250 2.1.5 Ok
        """,
    ),
    Dialogue(
        "dsn-mistakes",
        "Values that the grammar does not allow, and values given twice, are 501 (RFC 3461 4.5, 5.1).",
        EHLO
        + """
        C: MAIL FROM:<sender@example.com> RET=SOME
        S: 501 5.5.4 Bad value of parameter RET
        C: MAIL FROM:<sender@example.com> RET=FULL RET=FULL
        S: 501 5.5.4 Parameter RET given twice
        C: MAIL FROM:<sender@example.com> ENVID=a+XX
        S: 501 5.5.4 Bad value of parameter ENVID
        C: MAIL FROM:<sender@example.com> NOTIFY=NEVER
        S: 555 5.5.4 Unknown parameter NOTIFY
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test> NOTIFY=NEVER,SUCCESS
        S: 501 5.5.4 Bad value of parameter NOTIFY
        C: RCPT TO:<alice@example.test> NOTIFY=
        S: 501 5.5.4 …
        C: RCPT TO:<alice@example.test> ORCPT=alice@example.test
        S: 501 5.5.4 Bad value of parameter ORCPT
        C: RCPT TO:<alice@example.test> RET=FULL
        S: 555 5.5.4 Unknown parameter RET
        """,
    ),
    Dialogue(
        "dsn-not-for-strangers",
        "Where the listener keeps DSN from strangers it is not offered, and who asks all the same is told so; after a log-in it is there.",
        """
        S: 220 …
        C: EHLO client.example
        S: 250-mx.example.test
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-STARTTLS
        S: 250-LIMITS RCPTMAX=1000
        S: 250 AUTH PLAIN LOGIN
        C: MAIL FROM:<victim@example.com> RET=HDRS
        S: 555 5.7.1 Delivery reports (DSN) are not offered to you here
        C: MAIL FROM:<victim@example.com> ENVID=1
        S: 555 5.7.1 …
        C: MAIL FROM:<victim@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test> NOTIFY=SUCCESS
        S: 555 5.7.1 …
        C: RCPT TO:<alice@example.test> ORCPT=rfc822;a@example.com
        S: 555 5.7.1 …
        C: RCPT TO:<alice@example.test>
        S: 250 2.1.5 Ok
        C: RSET
        S: 250 2.0.0 Ok
        """
        + LOG_IN
        + """
        C: EHLO client.example
        S: 250-mx.example.test
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-DSN
        S: 250-STARTTLS
        S: 250 LIMITS RCPTMAX=1000
        C: MAIL FROM:<alice@example.test> RET=HDRS
        S: 250 2.1.0 Ok
        C: RCPT TO:<x@example.com> NOTIFY=SUCCESS
        S: 250 2.1.5 Ok
        """,
        options={"dsn": ()},
        cleartext=True,
    ),
    Dialogue(
        "dsn-for-some",
        "Networks that the listener names may ask for reports.",
        EHLO
        + """
        C: MAIL FROM:<sender@example.com> RET=HDRS
        S: 250 2.1.0 Ok
        """,
        options={"dsn": (ip_network("192.0.2.0/24"), ip_network("127.0.0.0/8"))},
    ),
    Dialogue(
        "dsn-on-submission",
        "Whoever submits mail logs in first, and so is offered DSN before that.",
        EHLO + LOG_IN,
        listener="submission",
        options={"dsn": ()},
    ),
    Dialogue(
        "dsn-over-lmtp",
        "LMTP passes on what the sender wants to be told: our delivery is the final one.",
        LHLO
        + """
        C: MAIL FROM:<sender@example.com> ENVID=1
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test> NOTIFY=SUCCESS
        S: 250 2.1.5 Ok
        """,
        listener="lmtp",
    ),
    Dialogue(
        "relay-domain",
        "Anybody may write to a domain whose backup or gateway we are: to those who exist there, by the list, and to no other domain.",
        HELO
        + """
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<sales@branch.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<SALES@Branch.Test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<info@branch.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<m-17@branch.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<postmaster@branch.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<nobody@branch.test>
        S: 550 5.1.1 No such user there
        C: RCPT TO:<xm-17@branch.test>
        S: 550 5.1.1 No such user there
        C: RCPT TO:<sales@sub.branch.test>
        S: 550 5.7.1 Relaying denied…
        C: RCPT TO:<sales@notbranch.test>
        S: 550 5.7.1 Relaying denied…
        C: RCPT TO:<anybody@backup.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<anybody@deep.below.backup.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<anybody@test>
        S: 550 5.7.1 Relaying denied…
        """
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 …
        """,
        options={"domains": (BRANCH, ANYBODY)},
        delivered=(b"x\r\n",),
    ),
    Dialogue(
        "relay-domain-hacks",
        "Nobody gets through a relay domain to third parties: ways in the local part are refused, source routes fall away (RFC 5321 C).",
        HELO
        + """
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<victim%example.com@backup.test>
        S: 550 5.7.1 Addresses that name a way…
        C: RCPT TO:<example.com!victim@backup.test>
        S: 550 5.7.1 Addresses that name a way…
        C: RCPT TO:<"victim@example.com"@backup.test>
        S: 550 5.7.1 Addresses that name a way…
        C: RCPT TO:<@backup.test:victim@example.com>
        S: 550 5.7.1 Relaying denied…
        C: RCPT TO:<@example.com:somebody@backup.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<victim@example.com@backup.test>
        S: 501 5.1.3 …
        """,
        options={"domains": (ANYBODY,)},
    ),
    Dialogue(
        "relay-domain-unreadable-list",
        "While the list of those who exist cannot be read, mail is neither taken nor refused for good.",
        HELO
        + """
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<sales@branch.test>
        S: 451 4.3.0 …
        """,
        options={"domains": (RelayDomainOptions(name="branch.test", recipients=Path("/nowhere/at-all")),)},
    ),
    Dialogue(
        "relay-domain-over-lmtp",
        "LMTP relays to nobody, relay domains included.",
        LHLO
        + """
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<anybody@backup.test>
        S: 550 5.7.1 Not a recipient here, and LMTP does not relay
        """,
        listener="lmtp",
        options={"domains": (ANYBODY,)},
    ),
    Dialogue(
        "only-outside",
        "A message that is for nobody here goes to the queue.",
        EHLO
        + LOG_IN
        + """
        C: MAIL FROM:<alice@example.test>
        S: 250 2.1.0 Ok
        C: RCPT TO:<somebody@example.com>
        S: 250 2.1.5 Ok
        C: RCPT TO:<user@[192.0.2.55]>
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 Ok: queued as …
        """,
        delivered=(b"x\r\n",),
    ),
    Dialogue(
        "vrfy-outside",
        "Of addresses elsewhere VRFY knows nothing, even for those who may send there (RFC 5321 3.5.3); an alias of ours is ours.",
        EHLO
        + LOG_IN
        + """
        C: VRFY <somebody@example.com>
        S: 252 2.1.5 …
        C: VRFY <anybody@backup.test>
        S: 252 2.1.5 …
        C: VRFY <far@example.test>
        S: 250 2.1.5 <far@example.test>
        """,
        options={"vrfy": (ip_network("0.0.0.0/0"),), "domains": (ANYBODY,)},
    ),
    Dialogue(
        "no-etrn",
        "Where nobody's mail waits to be asked for, ETRN is neither offered nor carried out (RFC 1985 5.1).",
        EHLO
        + """
        C: ETRN branch.test
        S: 500 5.5.1 Command not known
        """,
    ),
    Dialogue(
        "no-etrn-over-lmtp",
        "LMTP has no ETRN.",
        LHLO
        + """
        C: ETRN branch.test
        S: 500 5.5.1 Command not known
        """,
        listener="lmtp",
    ),
)
"""All of them."""
