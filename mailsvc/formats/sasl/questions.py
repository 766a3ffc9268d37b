"""What a mechanism may have to ask before it can go on. The session finds the answer; a mechanism never sees where."""

import attrs

__all__ = ["ScramQuestion", "TokenQuestion"]


@attrs.frozen
class ScramQuestion:
    """What can ``name`` log in with by this hash? Answered with ScramSecrets, for a name that nobody has too."""

    name: str
    hash: str


@attrs.frozen
class TokenQuestion:
    """Is this token good for the account (``""``: for any)? Answered with True or False."""

    token: str = attrs.field(repr=False)
    account: str = ""
