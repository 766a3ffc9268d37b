"""From the configuration to the files of its certificates: that of ``[tls]``, and those of the domains that have their own."""

from mailsvc.app.config import Config
from mailsvc.net.certificate_files import TLSFiles

__all__ = ["tls_files"]


def tls_files(config: Config) -> TLSFiles | None:
    """The files; None if there is no certificate at all."""
    if not config.tls.certificate or not config.tls.key:
        return None
    return TLSFiles(
        (config.tls.certificate, config.tls.key),
        tuple((one.certificate, one.key) for one in config.domains if one.certificate and one.key),
        config.tls.client_authorities,
        config.tls.client_revoked,
    )
