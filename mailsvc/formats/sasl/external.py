"""EXTERNAL: who TLS has shown by a client certificate logs in without a password (RFC 4422 appendix A)."""

from mailsvc.formats.sasl.exchange import NAME_LIMIT, Done, Step, text
from mailsvc.formats.sasl.proofs import CertificateProof

__all__ = ["External"]


class External:
    """An EXTERNAL exchange."""

    def first(self) -> bytes | None:
        """The client speaks first."""
        return None

    def step(self, response: bytes) -> Step:
        """As whom to act, or nothing: as the certificate says."""
        return Done(CertificateProof(text(response, NAME_LIMIT, "authzid") if response else ""))
