"""FETCH: every item, partials, \\Seen, CHANGEDSINCE."""

from tests.imap.dialogues.base import MIXED, PLAIN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]


def said(octets: bytes, before: str = "", after: str = "") -> str:
    """Octets as the server says them, line by line."""
    lines = (before + octets.decode("ascii") + after).split("\r\n")
    return "\n".join(f"S: {line}" for line in lines) + "\n"


HEADER = PLAIN[: PLAIN.index(b"\r\n\r\n") + 4]
TEXT = PLAIN[len(HEADER) :]
ENVELOPE = (
    '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary" (("Terry Gray" NIL "gray" "cac.example")) '
    '(("Terry Gray" NIL "gray" "cac.example")) (("Terry Gray" NIL "gray" "cac.example")) ((NIL NIL "imap" "cac.example")) '
    '((NIL NIL "minutes" "cnri.example")("John Klensin" NIL "klensin" "mit.example")) NIL NIL "<B27397-0100000@cac.example>")'
)
STRUCTURE = (
    '(("text" "plain" ("charset" "iso-2022-jp") NIL NIL "7bit" 10 0 NIL NIL NIL NIL)'
    '("application" "octet-stream" ("name" "A.pdf") NIL NIL "base64" 4 NIL ("attachment" ("filename" "A.pdf")) NIL NIL)'
    '("message" "rfc822" NIL NIL NIL "7bit" 24 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) '
    '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL) '
    '"mixed" ("boundary" "x;y") NIL NIL NIL)'
)
BODY = (
    '(("text" "plain" ("charset" "iso-2022-jp") NIL NIL "7bit" 10 0)'
    '("application" "octet-stream" ("name" "A.pdf") NIL NIL "base64" 4)'
    '("message" "rfc822" NIL NIL NIL "7bit" 24 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) '
    '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 0) 2) "mixed")'
)


def one(name: str, about: str, command: str, response: str) -> Dialogue:
    """One FETCH that is answered by ``response`` and OK."""
    script = f"{SELECTED}\nC: c FETCH {command}\n{response}\nS: c OK FETCH completed\n"
    return Dialogue(f"fetch-{name}", about, script)


def part(section: str, octets: bytes | None) -> Dialogue:
    """``BODY.PEEK[section]`` of the multipart message."""
    name = section.lower().replace(".", "-")
    value = f"{{{len(octets)}}}\r\n" if octets is not None else "NIL"
    response = said(octets or b"", f"* 2 FETCH (BODY[{section}] {value}", ")")
    return one(
        f"part-{name}", f"RFC 3501 6.4.5: BODY[{section}] of a multipart message.", f"2 BODY.PEEK[{section}]", response
    )


def partial(start: int, count: int) -> Dialogue:
    """``BODY.PEEK[]<start.count>`` of the plain message."""
    octets = PLAIN[start : start + count]
    response = said(octets, f"* 1 FETCH (BODY[]<{start}> {{{len(octets)}}}\r\n", ")")
    return one(
        f"partial-{start}-{count}",
        "RFC 3501 6.4.5: a partial names its origin and has what there is from there on.",
        f"1 BODY.PEEK[]<{start}.{count}>",
        response,
    )


DIALOGUES = (
    one(
        "flags",
        "RFC 3501 7.4.2: FLAGS.",
        "1:2 FLAGS",
        "S: * 1 FETCH (FLAGS (\\Recent))\nS: * 2 FETCH (FLAGS (\\Recent))",
    ),
    one("uid", "RFC 3501 7.4.2: UID.", "1,3 (UID)", "S: * 1 FETCH (UID 1)\nS: * 3 FETCH (UID 3)"),
    one(
        "date",
        "RFC 3501 7.4.2: INTERNALDATE.",
        "4 INTERNALDATE",
        'S: * 4 FETCH (INTERNALDATE " 5-Jan-1970 00:00:00 +0000")',
    ),
    one("size", "RFC 3501 7.4.2: RFC822.SIZE.", "1 RFC822.SIZE", f"S: * 1 FETCH (RFC822.SIZE {len(PLAIN)})"),
    one("envelope", "RFC 3501 7.4.2, 8: ENVELOPE.", "1 ENVELOPE", f"S: * 1 FETCH (ENVELOPE {ENVELOPE})"),
    one(
        "envelope-poor",
        "RFC 3501 7.4.2: an address without a domain has a host of NIL, a missing field is NIL, octets above 127 come as a literal.",
        "3:4 ENVELOPE",
        """
        S: * 3 FETCH (ENVELOPE (NIL {4}
        S: caf… (…) (…) (…) NIL NIL NIL NIL NIL))
        S: * 4 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))
        """,
    ),
    one(
        "bodystructure",
        "RFC 3501 7.4.2: BODYSTRUCTURE.",
        "2 BODYSTRUCTURE",
        f"S: * 2 FETCH (BODYSTRUCTURE {STRUCTURE})",
    ),
    one(
        "body",
        "RFC 3501 7.4.2: BODY is the structure without extension data, and does not mark as read.",
        "2 BODY",
        f"S: * 2 FETCH (BODY {BODY})",
    ),
    one(
        "fast",
        "RFC 3501 6.4.5: FAST.",
        "4 FAST",
        'S: * 4 FETCH (FLAGS (\\Recent) INTERNALDATE " 5-Jan-1970 00:00:00 +0000" RFC822.SIZE 20)',
    ),
    one(
        "all",
        "RFC 3501 6.4.5: ALL.",
        "1 all",
        f'S: * 1 FETCH (FLAGS (\\Recent) INTERNALDATE " 2-Jan-1970 00:00:00 +0000" RFC822.SIZE {len(PLAIN)} ENVELOPE {ENVELOPE})',
    ),
    one(
        "full",
        "RFC 3501 6.4.5: FULL.",
        "4 FULL",
        'S: * 4 FETCH (FLAGS (\\Recent) INTERNALDATE " 5-Jan-1970 00:00:00 +0000" RFC822.SIZE 20 '
        'ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 18 1))',
    ),
    one(
        "whole",
        "RFC 3501 6.4.5: BODY[] is the exact message, and marks it as read.",
        "1 BODY[]",
        said(PLAIN, f"* 1 FETCH (BODY[] {{{len(PLAIN)}}}\r\n", " FLAGS (\\Seen \\Recent))"),
    ),
    one(
        "rfc822",
        "RFC 3501 6.4.5: RFC822 is BODY[] under an older name.",
        "1 RFC822",
        said(PLAIN, f"* 1 FETCH (RFC822 {{{len(PLAIN)}}}\r\n", " FLAGS (\\Seen \\Recent))"),
    ),
    one(
        "rfc822-header",
        "RFC 3501 6.4.5: RFC822.HEADER does not mark as read.",
        "1 (RFC822.HEADER FLAGS)",
        said(HEADER, f"* 1 FETCH (RFC822.HEADER {{{len(HEADER)}}}\r\n", " FLAGS (\\Recent))"),
    ),
    one(
        "rfc822-text",
        "RFC 3501 6.4.5: RFC822.TEXT marks as read.",
        "1 RFC822.TEXT",
        said(TEXT, f"* 1 FETCH (RFC822.TEXT {{{len(TEXT)}}}\r\n", " FLAGS (\\Seen \\Recent))"),
    ),
    one(
        "header",
        "RFC 3501 6.4.5: BODY[HEADER] with its empty line.",
        "1 BODY.PEEK[HEADER]",
        said(HEADER, f"* 1 FETCH (BODY[HEADER] {{{len(HEADER)}}}\r\n", ")"),
    ),
    one(
        "text-peek",
        "RFC 3501 6.4.5: .PEEK does not mark as read, and is not named in the response.",
        "1 (BODY.PEEK[TEXT] FLAGS)",
        said(TEXT, f"* 1 FETCH (BODY[TEXT] {{{len(TEXT)}}}\r\n", " FLAGS (\\Recent))"),
    ),
    one(
        "header-fields",
        "RFC 3501 6.4.5: fields in the order of the message, in any case, as they stand there, and the empty line.",
        '1 BODY.PEEK[HEADER.FIELDS (to "CC" Bcc)]',
        said(
            b"To: imap@cac.example\r\ncc: minutes@cnri.example, John Klensin <klensin@mit.example>\r\n\r\n",
            "* 1 FETCH (BODY[HEADER.FIELDS (to CC Bcc)] {86}\r\n",
            ")",
        ),
    ),
    one(
        "header-fields-twice",
        "RFC 3501 6.4.5: a field that is there twice comes twice.",
        "3 BODY.PEEK[HEADER.FIELDS (From)]",
        said(b"From: undisclosed\r\nFrom: nobody\r\n\r\n", "* 3 FETCH (BODY[HEADER.FIELDS (From)] {35}\r\n", ")"),
    ),
    one(
        "header-fields-not",
        "RFC 3501 6.4.5: all fields but these.",
        "1 BODY.PEEK[HEADER.FIELDS.NOT (Date From Subject To Cc Message-Id)]",
        said(
            b"MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n",
            "* 1 FETCH (BODY[HEADER.FIELDS.NOT (Date From Subject To Cc Message-Id)] {65}\r\n",
            ")",
        ),
    ),
    one(
        "header-fields-partial",
        "RFC 3501 6.4.5: header fields can be cut too.",
        "1 BODY.PEEK[HEADER.FIELDS (Subject)]<9.4>",
        said(b"IMAP", "* 1 FETCH (BODY[HEADER.FIELDS (Subject)]<9> {4}\r\n", ")"),
    ),
    part("1", b"\x1b$B5~ET\x1b(B\r\n".removesuffix(b"\r\n")),
    part("1.MIME", b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"),
    part("2", b"AAEC"),
    part("3", b"Subject: inner\r\n\r\ninside"),
    part("3.HEADER", b"Subject: inner\r\n\r\n"),
    part("3.HEADER.FIELDS (Subject)", b"Subject: inner\r\n\r\n"),
    part("3.TEXT", b"inside"),
    part("3.1", b"inside"),
    part("3.MIME", b"Content-Type: message/rfc822\r\n\r\n"),
    part("TEXT", MIXED[MIXED.index(b"preamble") :]),
    part("4", None),
    part("1.1", None),
    part("1.TEXT", None),
    part("3.2", None),
    one(
        "only-part",
        "RFC 3501 6.4.5: the only part of a message that is no multipart is 1.",
        "1 (BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2])",
        said(TEXT, f"* 1 FETCH (BODY[1] {{{len(TEXT)}}}\r\n", " BODY[1.MIME] {").rsplit("S:", 1)[0]
        + f"S:  BODY[1.MIME] {{{len(HEADER)}}}\n"
        + said(HEADER, "", " BODY[2] NIL)"),
    ),
    partial(0, 10),
    partial(5, 10),
    partial(0, 100_000),
    partial(len(PLAIN) - 2, 10),
    partial(len(PLAIN), 1),
    partial(100_000, 10),
    one(
        "partial-text",
        "RFC 3501 6.4.5: a partial of TEXT counts from its own beginning.",
        "1 BODY.PEEK[TEXT]<2.4>",
        said(TEXT[2:6], "* 1 FETCH (BODY[TEXT]<2> {4}\r\n", ")"),
    ),
    one(
        "partial-part",
        "RFC 3501 6.4.5: a partial of a part.",
        "2 BODY.PEEK[3]<9.5>",
        said(b"inner", "* 2 FETCH (BODY[3]<9> {5}\r\n", ")"),
    ),
    one(
        "several",
        "RFC 3501 6.4.5: several items, in the order in which they were asked for, each once.",
        "4 (UID BODY.PEEK[TEXT] UID RFC822.SIZE)",
        "S: * 4 FETCH (UID 4 BODY[TEXT] {18}\nS: no header at all\nS:  RFC822.SIZE 20)",
    ),
    Dialogue(
        "binary",
        "RFC 3516 4.2, 4.3: decoded, as a literal8 where there is a NUL; BINARY.SIZE is its size; only PEEK does not mark as read.",
        SELECTED
        + r"""
        C: c FETCH 2 (BINARY.SIZE[2] BINARY.SIZE[3] FLAGS)
        S: * 2 FETCH (BINARY.SIZE[2] 3 BINARY.SIZE[3] 24 FLAGS (\Recent))
        S: c OK FETCH completed
        C: d FETCH 2 BINARY.PEEK[2]
        S: * 2 FETCH (BINARY[2] ~{3}
        S: …)
        S: d OK FETCH completed
        C: e FETCH 2 BINARY[3]<9.5>
        S: * 2 FETCH (BINARY[3]<9> {5}
        S: inner FLAGS (\Seen \Recent))
        S: e OK FETCH completed
        C: f FETCH 2 BINARY.PEEK[7]
        S: * 2 FETCH (BINARY[7] NIL)
        S: f OK FETCH completed
        C: g APPEND INBOX {55}
        S: + Ready
        C= b"Content-Transfer-Encoding: x-unknown\r\n\r\nHello, world.\r\n\r\n"
        S: * 5 EXISTS
        S: * 5 RECENT
        S: g OK …
        C: h FETCH 5 BINARY[1]
        S: h NO [UNKNOWN-CTE] The encoding of this part is not known
        """,
    ),
    Dialogue(
        "uid-fetch",
        "RFC 3501 6.4.8: UID FETCH names the UID, asked for or not; UIDs that do not exist are passed over; * is the last message.",
        SELECTED
        + r"""
        C: c UID FETCH 3:77 FLAGS
        S: * 3 FETCH (UID 3 FLAGS (\Recent))
        S: * 4 FETCH (UID 4 FLAGS (\Recent))
        S: c OK FETCH completed
        C: d UID FETCH 99 (FLAGS)
        S: d OK FETCH completed
        C: e UID FETCH 99:* (FLAGS UID)
        S: * 4 FETCH (FLAGS (\Recent) UID 4)
        S: e OK FETCH completed
        C: f FETCH *:3 (UID)
        S: * 3 FETCH (UID 3)
        S: * 4 FETCH (UID 4)
        S: f OK FETCH completed
        C: g UID FETCH * RFC822.SIZE
        S: * 4 FETCH (UID 4 RFC822.SIZE 20)
        S: g OK FETCH completed
        """,
    ),
    Dialogue(
        "changedsince",
        "RFC 7162 3.1.4.1: only what changed since, with MODSEQ, asked for or not.",
        SELECTED
        + r"""
        C: c STORE 2 +FLAGS.SILENT (\Flagged)
        S: c OK STORE completed
        C: d UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5)
        S: * OK [HIGHESTMODSEQ 6] The highest mod-sequence
        S: * 2 FETCH (UID 2 FLAGS (\Flagged \Recent) MODSEQ (6))
        S: d OK FETCH completed
        C: e FETCH 1:* (MODSEQ) (CHANGEDSINCE 6)
        S: e OK FETCH completed
        C: f FETCH 1:* FLAGS (CHANGEDSINCE 0)
        S: f BAD Number out of range: 0
        C: g FETCH 1:* FLAGS (FOO 1)
        S: g BAD The only modifier is CHANGEDSINCE
        """,
    ),
    Dialogue(
        "fetch-malformed",
        "RFC 3501 6.4.5: what cannot be fetched is BAD, and the session goes on.",
        SELECTED
        + """
        C: c FETCH 1 BODY[
        S: c BAD …
        C: d FETCH 1 BODY[MIME]
        S: d BAD MIME needs a part number
        C: e FETCH 1 BODY[]<0.0>
        S: e BAD Partial out of range
        C: f FETCH 1 BODY[0]
        S: f BAD …
        C: g FETCH 1 (FLAGS FAST)
        S: g BAD Cannot fetch FAST
        C: h FETCH 1 ()
        S: h BAD …
        C: i FETCH 5 FLAGS
        S: i BAD No such message number
        C: j FETCH 0 FLAGS
        S: j BAD …
        C: k FETCH 1 BODY[HEADER.FIELDS]
        S: k BAD …
        C: l FETCH 1 FLAGS extra
        S: l BAD …
        """,
    ),
    Dialogue(
        "select-and-fetch-pipelined",
        "RFC 3501 5.5: a FETCH pipelined behind its SELECT waits for it.",
        SELECTED
        + r"""
        C: c UNSELECT
        C: d SELECT Sent
        C: e FETCH 1 FLAGS
        C: f EXAMINE INBOX
        C: g FETCH 1 UID
        S: c OK UNSELECT completed
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS …
        S: * 0 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT …
        S: * OK [HIGHESTMODSEQ …
        S: d OK …
        S: e BAD No such message number
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS …
        S: * 4 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT …
        S: * OK [HIGHESTMODSEQ …
        S: * OK [UNSEEN 1] …
        S: f OK …
        S: * 1 FETCH (UID 1)
        S: g OK FETCH completed
        """,
        together=True,
    ),
)
