"""Options of TLS: the certificate that we show, how old a client may be, and whose client certificates we take (RFC 8996, 9325)."""

import enum

import attrs

from mailsvc.core.options import ReadableFile, option

__all__ = ["TLSOptions", "TLSProfile"]


class TLSProfile(enum.Enum):
    """Versions and cipher suites under one name, after Mozilla's recommendations for servers."""

    MODERN = "modern"
    INTERMEDIATE = "intermediate"
    OLD = "old"


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
    profile: TLSProfile = option(
        TLSProfile.INTERMEDIATE,
        en="modern (TLS 1.3 only); intermediate (TLS 1.2 too: every client since about 2014); old (TLS 1.0 too, whose protection is weak: "
        "for clients that cannot be replaced).",
        ja="modern（TLS 1.3 のみ）、intermediate（TLS 1.2 も。2014 年ごろ以降のクライアントならすべて可）、"
        "old（TLS 1.0 も。保護が弱いので、置き換えられない古いクライアントのためだけに使う）。",
    )
    client_authorities: ReadableFile | None = option(
        None,
        en="PEM file with the authorities, intermediate ones included, whose client certificates may log in by EXTERNAL. Nobody needs one.",
        ja="クライアント証明書でのログイン（EXTERNAL）を認める認証局の PEM ファイル（中間認証局も含める）。証明書は必須にはならない。",
        example='"client-authorities.pem"',
    )
    client_revoked: ReadableFile | None = option(
        None,
        en="PEM file with the revocation lists (CRLs) of these authorities, one of each. One that ran out lets nobody in by certificate.",
        ja="その認証局の失効リスト（CRL）の PEM ファイル（認証局ごとに 1 つ）。"
        "期限の切れたリストでは、証明書ではだれもログインできない。",
        example='"client-revoked.pem"',
    )
