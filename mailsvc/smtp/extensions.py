"""What an answer to EHLO offers (RFC 5321 4.1.1.1)."""

from collections.abc import Sequence

from mailsvc.wire.options import ListenerOptions

__all__ = ["Extensions", "offer", "offer_log_in"]

Extensions = dict[bytes, list[bytes] | None]
"""EHLO keyword -> its parameters, or None, in the order in which they are said."""

_OLD_AUTH = ("LOGIN", "PLAIN")
"""What is announced as ``AUTH=LOGIN PLAIN`` too: a draft's form, which clients older than RFC 2554 look for and others pass over."""


def offer(options: ListenerOptions, start_tls: bool, reports: bool) -> Extensions:
    """What a listener can do before anybody logs in.

    :param start_tls: whether TLS can begin on this connection now. :param reports: whether this client may ask for them (RFC 3461).
    """
    found: Extensions = {
        b"PIPELINING": None,
        b"SIZE": [b"%d" % options.message_size] if options.message_size else None,
        b"8BITMIME": None,
        b"SMTPUTF8": None,
        b"ENHANCEDSTATUSCODES": None,
        b"CHUNKING": None,
    }
    if reports:
        found[b"DSN"] = None
    if start_tls:
        found[b"STARTTLS"] = None
    found[b"LIMITS"] = [b"RCPTMAX=%d" % options.recipients]
    return found


def offer_log_in(mechanisms: Sequence[str], old_form: bool) -> Extensions:
    """The mechanisms that work on this connection now; ``old_form``: announced for very old clients as well."""
    if not mechanisms:
        return {}
    found: Extensions = {b"AUTH": [name.encode("ascii") for name in mechanisms]}
    old = [name.encode("ascii") for name in _OLD_AUTH if name in mechanisms]
    if old and old_form:
        found[b"AUTH=" + old[0]] = old[1:]
    return found
