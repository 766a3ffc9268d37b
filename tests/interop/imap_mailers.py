"""The clients that are tried with IMAP, and the operations: the methods that a client has are the cells of its rows."""

from .imap_copiers import Mbsync, OfflineImap
from .imap_libraries import Aioimaplib, Imapclient, Imaplib, ImapTools
from .imap_programs import Curl, Fetchmail, Getmail, Mailer, Mutt

__all__ = ["ADDED", "MAILERS", "OPERATIONS"]

MAILERS: dict[str, type[Mailer]] = {
    "curl": Curl,
    "Python": Imaplib,
    "fetchmail": Fetchmail,
    "getmail": Getmail,
    "mutt": Mutt,
    "mbsync": Mbsync,
    "OfflineIMAP": OfflineImap,
    "IMAPClient": Imapclient,
    "imap-tools": ImapTools,
    "aioimaplib": Aioimaplib,
}
"""Name of the client -> how it is used."""

OPERATIONS = {
    "folders": "list",
    "create": "create",
    "read (IMAP)": "read",
    "append": "append",
    "flag": "flag",
    "delete (IMAP)": "delete",
    "move": "move",
    "search": "search",
    "idle": "idle",
    "both ways": "both_ways",
    "wrong password (IMAP)": "read",
}
"""Operation -> the method that a client needs for it."""

ADDED = {
    "getmail": rb"Return-Path: <unknown>|X-getmail-retrieved-from-mailbox: .*",
    "mutt": rb"Status: RO|Content-Length: \d+|Lines: \d+",
    "mbsync": rb"X-TUID: .{12}",
}
"""Lines that a client itself puts into the header of a copy that it makes."""
