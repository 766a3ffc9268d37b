"""Options of TLS (the certificate that we show, how old a client may be, whose client certificates we take: RFC 8996, 9325), of DNS, and
of our patience with other servers (RFC 5321 4.5.3.2)."""

import enum

import attrs

from mailsvc.core.options import Duration, ReadableFile, option

__all__ = ["DNSOptions", "SMTPTimeouts", "TLSOptions", "TLSProfile"]


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


@attrs.frozen(kw_only=True)
class DNSOptions:
    """``[dns]``."""

    nameservers: tuple[str, ...] = option(
        (),
        en="IP addresses of the DNS resolvers; best a validating one on this machine, such as unbound. Empty: those in /etc/resolv.conf.",
        ja="DNS リゾルバーの IP アドレス。このマシンで動く unbound など、DNSSEC を検証するものがよい。空なら /etc/resolv.conf のもの。",
        example='["127.0.0.1"]',
    )
    port: int = option(
        53,
        en="Their port. Anything but 53 is for trying things out.",
        ja="そのポート。53 以外は試験用。",
    )
    timeout: Duration = option(
        Duration(3),
        en="How long one of them may take to answer a question before the next one is asked.",
        ja="1 つのリゾルバーの応答を待つ時間。過ぎると次のものに尋ねる。",
        example='"3 s"',
    )
    lifetime: Duration = option(
        Duration(15),
        en="How long all of them together may take; then the question counts as not answered for now.",
        ja="すべてのリゾルバーを合わせて待つ時間。過ぎると、今は答えが得られないものとする。",
        example='"15 s"',
    )
    threads: int = option(
        16,
        en="Questions asked at a time.",
        ja="同時に尋ねる問い合わせの数。",
    )
    cache: int = option(
        10_000,
        en="Answers remembered for as long as they are valid.",
        ja="有効期間中に記憶しておく応答の数。",
    )


@attrs.frozen(kw_only=True)
class SMTPTimeouts:
    """``[timeouts]``: for how long another server may keep us waiting; what RFC 5321 4.5.3.2 asks for is the default."""

    connect: Duration = option(
        Duration(30),
        en="For the connection to come about.",
        ja="接続が確立するまでの時間。",
        example='"30 s"',
    )
    greeting: Duration = option(
        Duration(300),
        en="For the greeting.",
        ja="最初の応答までの時間。",
        example='"5 min"',
    )
    tls: Duration = option(
        Duration(60),
        en="For the TLS handshake.",
        ja="TLS ハンドシェイクにかかる時間。",
        example='"60 s"',
    )
    command: Duration = option(
        Duration(300),
        en="For the answer to EHLO, AUTH, MAIL and each RCPT.",
        ja="EHLO、AUTH、MAIL、RCPT の各コマンドに対する応答までの時間。",
        example='"5 min"',
    )
    data: Duration = option(
        Duration(120),
        en="For the answer to DATA, before the message is sent.",
        ja="メッセージを送る前の、DATA に対する応答までの時間。",
        example='"2 min"',
    )
    block: Duration = option(
        Duration(180),
        en="For a piece of the message to be taken.",
        ja="メッセージの一部分を相手が受け取るまでの時間。",
        example='"3 min"',
    )
    end: Duration = option(
        Duration(600),
        en="For the answer to the whole message. Whoever is impatient here sends messages twice (RFC 1047).",
        ja="メッセージ全体に対する応答までの時間。短すぎると同じメッセージを二重に送ることになる（RFC 1047）。",
        example='"10 min"',
    )
    quit: Duration = option(
        Duration(5),
        en="For the goodbye.",
        ja="終了時の応答までの時間。",
        example='"5 s"',
    )
