"""The commands of POP3 as a table: in which state each is valid and what arguments it takes.

RFC 1939 4-7, RFC 2449 5 (CAPA), RFC 2595 4 (STLS), RFC 5034 4 (AUTH), RFC 6856 2-3 (UTF8, LANG). Not in the table, and so answered as
unknown: LAST, RPOP (RFC 1939 dropped them), XTND.
"""

import enum

import attrs

__all__ = ["VERBS", "State", "Verb"]


class State(enum.Enum):
    """The states in which commands are given (RFC 1939 3); UPDATE takes none."""

    AUTHORIZATION = "authorization"
    TRANSACTION = "transaction"


@attrs.frozen
class Verb:
    """One command.

    :ivar name: as in the server's method ``do_NAME``. :ivar states: in which it is valid.
    :ivar least: how many arguments it takes at least, ``most``: at most.
    :ivar whole: the rest of the line is one argument, spaces and all. :ivar message: the first argument is a message number.
    """

    name: str
    states: tuple[State, ...]
    least: int = 0
    most: int = 0
    whole: bool = False
    message: bool = False

    def arguments(self, rest: bytes) -> list[bytes] | None:
        """The arguments in the rest of the line; None if there are too few or too many."""
        found = ([rest] if rest else []) if self.whole else rest.split()
        return found if self.least <= len(found) <= self.most else None


_TABLE: dict[tuple[State, ...], dict[str, dict[str, int | bool]]] = {
    (State.AUTHORIZATION,): {
        "STLS": {},
        "USER": {"least": 1, "most": 1, "whole": True},
        "PASS": {"least": 1, "most": 1, "whole": True},
        "APOP": {"least": 2, "most": 2},
        "AUTH": {"most": 2},
        "UTF8": {},
    },
    (State.TRANSACTION,): {
        "STAT": {},
        "LIST": {"most": 1, "message": True},
        "UIDL": {"most": 1, "message": True},
        "RETR": {"least": 1, "most": 1, "message": True},
        "TOP": {"least": 2, "most": 2, "message": True},
        "DELE": {"least": 1, "most": 1, "message": True},
        "RSET": {},
        "NOOP": {},
    },
    (State.AUTHORIZATION, State.TRANSACTION): {
        "CAPA": {},
        "LANG": {"most": 1},
        "QUIT": {},
    },
}

VERBS: dict[bytes, Verb] = {
    name.encode("ascii"): Verb(name, states, **arguments)  # type: ignore[arg-type]
    for states, verbs in _TABLE.items()
    for name, arguments in verbs.items()
}
"""Keyword in capitals -> what is known of it."""
