"""PLAIN: one response with everything in it (RFC 4616)."""

from mailsvc.formats.sasl.exchange import NAME_LIMIT, PASSWORD_LIMIT, Done, SaslError, Step, text
from mailsvc.formats.sasl.proofs import PasswordProof

__all__ = ["Plain"]


class Plain:
    """A PLAIN exchange."""

    def first(self) -> bytes | None:
        """The client speaks first."""
        return None

    def step(self, response: bytes) -> Step:
        """``message = [authzid] UTF8NUL authcid UTF8NUL passwd`` (RFC 4616 2)."""
        fields = response.split(b"\0")
        if len(fields) != 3:
            raise SaslError("not-three-fields")
        authzid, authcid, password = fields
        return Done(
            PasswordProof(
                authcid=text(authcid, NAME_LIMIT, "name"),
                password=text(password, PASSWORD_LIMIT, "password"),
                authzid=text(authzid, NAME_LIMIT, "authzid") if authzid else "",
            )
        )
