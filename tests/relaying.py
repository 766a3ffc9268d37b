"""What a client hears that may send to other servers, and one that may not; and where such mail stays."""

import re

__all__ = ["ALLOWED", "REFUSED", "STAY", "allowed"]

ALLOWED = r"250[ -]2\.1\.5 "
"""The reply to a recipient elsewhere who is allowed."""

REFUSED = r"550[ -]5\.7\.1 Relaying denied"

STAY = '[[route]]\ndomains = ["*"]\nhold = true\n'
"""For the configuration: what is allowed waits in the queue, and nothing leaves."""


def allowed(text: str) -> bool:
    """Whether a client's output shows that the recipient elsewhere was allowed. Raises AssertionError if it shows neither answer."""
    yes, no = re.search(ALLOWED, text), re.search(REFUSED, text)
    assert bool(yes) != bool(no), text
    return bool(yes)
