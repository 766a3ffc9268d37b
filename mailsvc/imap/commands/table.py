"""All commands: a module for each, in the order in which their capabilities are announced. An extension adds its module here.

RFC 3501, 2177 (IDLE), 2342 (NAMESPACE), 2971 (ID), 3348 (CHILDREN), 3502 (MULTIAPPEND), 3516 (BINARY), 3691 (UNSELECT), 4315 (UIDPLUS),
4731 (ESEARCH), 4959 (SASL-IR), 5032 (WITHIN), 5161 (ENABLE), 5258 (LIST-EXTENDED), 5819 (LIST-STATUS), 6154 (SPECIAL-USE), 6851 (MOVE),
6855 (UTF8=ACCEPT), 7162 (CONDSTORE), 7888 (LITERAL-), 7889 (APPENDLIMIT), 8438 (STATUS=SIZE).
"""

from typing import Any

from mailsvc.imap.commands import (
    always,
    append,
    copy,
    enable,
    expunge,
    fetch,
    identify,
    idle,
    listing,
    login,
    mailboxes,
    namespace,
    search,
    select,
    status,
    store,
)
from mailsvc.imap.verbs import Verb

__all__ = ["MODULES", "VERBS"]

MODULES: tuple[Any, ...] = (
    always,
    identify,
    enable,
    login,
    idle,
    namespace,
    select,
    mailboxes,
    listing,
    status,
    append,
    search,
    fetch,
    store,
    copy,
    expunge,
)

VERBS: dict[str, Verb] = {verb.name: verb for module in MODULES for verb in module.VERBS}
"""Name -> command."""
