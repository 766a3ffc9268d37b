"""Options of TLS: the certificate that we show, and the oldest protocol version that we still speak (RFC 8996, 9325)."""

import enum

import attrs

from mailsvc.core.options import ReadableFile, option

__all__ = ["TLSOptions", "TLSVersion"]


class TLSVersion(enum.Enum):
    """Protocol versions that may be the oldest one; 1.0 and 1.1 are not offered (RFC 8996)."""

    TLS1_2 = "1.2"
    TLS1_3 = "1.3"


@attrs.frozen(kw_only=True)
class TLSOptions:
    """``[tls]``."""

    certificate: ReadableFile | None = option(
        None,
        en="PEM file with our certificate, followed by the intermediate ones. Every listener with TLS needs it.",
        ja="サーバー証明書の PEM ファイル（続けて中間証明書）。TLS を使うポートがあれば必須。",
        example='"certificate.pem"',
    )
    key: ReadableFile | None = option(
        None,
        en="PEM file with the private key of the certificate, readable by its owner only.",
        ja="証明書の秘密鍵の PEM ファイル。所有者だけが読めるようにする。",
        example='"key.pem"',
    )
    minimum: TLSVersion = option(
        TLSVersion.TLS1_2,
        en='Oldest TLS version that a client may use: "1.2" or "1.3".',
        ja='クライアントに許す最も古い TLS のバージョン。"1.2" または "1.3"。',
    )
