"""LIST and LSUB (RFC 3501 6.3.8, 6.3.9), LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819), CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154)."""

from collections.abc import Callable, Iterator

from mailsvc.formats.imap import responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.imap.listing import Listing
from mailsvc.formats.imap.names import parents
from mailsvc.formats.imap.patterns import Pattern, join_reference
from mailsvc.imap.commands.status import status_line
from mailsvc.imap.session import Session
from mailsvc.imap.tree import Tree, in_order
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb, after_login, bad

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("CHILDREN", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE")

MOST = 10_000
"""Characters of all patterns of one LIST, each with the reference before it: each is compared with each name."""

Matches = Callable[[str], bool]
"""Whether a name is asked for."""

SELECTIONS: dict[str, Callable[[Tree, str], bool]] = {
    "SUBSCRIBED": lambda tree, name: name in tree.subscribed,
    "SPECIAL-USE": lambda tree, name: bool(tree.uses(name)),
}
"""Selection option -> whether a name has what it asks for; others (REMOTE, RECURSIVEMATCH) ask for nothing of a name."""


async def _list(session: Session, command: Command) -> Answer:
    (listing,) = command.args
    if listing.patterns == ("",) and not listing.extended:  # RFC 3501 6.3.8: only the delimiter is asked for
        session.send(responses.listed("", ["\\Noselect"]))
        return Answer("LIST completed")
    matches = _matches(listing)
    tree = await _tree(session, listing)
    for name, children in _chosen(tree, listing, matches):
        session.send(_line(session, tree, listing, name, children))
        mailbox = tree.mailboxes.get(name)
        if listing.status and mailbox is not None:
            session.send(await status_line(session, mailbox, listing.status))
        await session.drain()
    return Answer("LIST completed")


async def _tree(session: Session, listing: Listing) -> Tree:
    wanted = "SUBSCRIBED" in listing.selection | listing.returns
    subscribed = await session.mailboxes.subscriptions() if wanted else ()
    return Tree(await session.mailboxes.all(), subscribed)


def _matches(listing: Listing) -> Matches:
    if sum(len(listing.reference) + len(pattern) + 1 for pattern in listing.patterns) > MOST:
        raise bad("Too many or too long patterns", Code.LIMIT)
    patterns = [Pattern(join_reference(listing.reference, pattern)) for pattern in listing.patterns]
    return lambda name: any(pattern.matches(name) for pattern in patterns)


def _chosen(tree: Tree, listing: Listing, matches: Matches) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names that are asked for, each with the options that only something below it fulfils (RFC 5258 3.5)."""
    options = tuple(option for option in SELECTIONS if option in listing.selection)
    names = in_order({*tree.names, *tree.subscribed}) if "SUBSCRIBED" in options else tree.names
    fitting = {name for name in names if all(SELECTIONS[option](tree, name) for option in options)}
    above: set[str] = set()
    if "RECURSIVEMATCH" in listing.selection:
        above = {parent for name in fitting for parent in parents(name)}
        names = in_order({*names, *above})
    for name in names:
        if (name in fitting or name in above) and matches(name):
            yield name, options if name in above else ()


def _line(session: Session, tree: Tree, listing: Listing, name: str, children: tuple[str, ...]) -> bytes:
    attributes = tree.attributes(name, listing.extended)
    if name in tree.subscribed:
        attributes.append("\\Subscribed")
    return responses.listed(name, attributes, session.utf8, child_info=children)


async def _lsub(session: Session, command: Command) -> Answer:
    (listing,) = command.args
    matches = _matches(listing)
    subscribed = await session.mailboxes.subscriptions()
    found: dict[str, tuple[str, ...]] = {name: () for name in subscribed if matches(name)}
    # RFC 3501 6.3.9: of "foo/bar", "%" shows "foo", although that is not subscribed to.
    hidden = {parent for name in subscribed if name not in found for parent in parents(name) if matches(parent)}
    shown = {**dict.fromkeys(hidden, ("\\Noselect",)), **found}
    for name in in_order(shown):
        session.send(responses.listed(name, shown[name], session.utf8, command="LSUB"))
    return Answer("LSUB completed")


VERBS = (Verb("LIST", _list, AUTHENTICATED), Verb("LSUB", _lsub, AUTHENTICATED))
