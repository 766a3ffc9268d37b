"""What a client hears that may send to other servers, and one that may not: in one place, because it changes when there is a queue."""

import re

__all__ = ["ALLOWED", "REFUSED", "allowed"]

ALLOWED = r"451[ -]4\.3\.0 Mail to other servers cannot be taken yet"
"""The reply to an allowed recipient elsewhere: there is nowhere to put the mail yet."""

REFUSED = r"550[ -]5\.7\.1 Relaying denied"


def allowed(text: str) -> bool:
    """Whether a client's output shows that the recipient elsewhere was allowed. Raises AssertionError if it shows neither answer."""
    yes, no = re.search(ALLOWED, text), re.search(REFUSED, text)
    assert bool(yes) != bool(no), text
    return bool(yes)
