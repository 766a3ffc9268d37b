"""Options of one listener: where it listens, how it is protected, and how much a stranger may ask of it."""

import enum
from ipaddress import ip_network

import attrs

from mailsvc.core.options import Duration, Network, Size, option
from mailsvc.formats.sasl import MECHANISMS

__all__ = ["BareNewlines", "ListenerOptions", "Protocol", "TLSMode"]


class Protocol(enum.Enum):
    """What is spoken on a listener."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
    POP3 = "pop3"
    IMAP = "imap"
    POPPASSD = "poppassd"


class TLSMode(enum.Enum):
    """How a listener is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class BareNewlines(enum.Enum):
    """What happens to a message with a CR or LF that stands alone, or a NUL."""

    REFUSE = "refuse"
    NORMALISE = "normalise"


@attrs.frozen(kw_only=True)
class ListenerOptions:
    """One ``[[listener]]``."""

    protocol: Protocol = option(
        en="What is spoken here: smtp (mail from other servers), submission (mail from our users), lmtp, pop3, imap; poppassd (password "
        "change from old programs, port 106, on the loopback or with implicit TLS only).",
        ja="このポートで話すプロトコル。smtp（ほかのサーバーからの受信）、submission（利用者の送信）、lmtp、pop3、imap、"
        "poppassd（古いソフトからのパスワード変更。ポート 106、ループバックか implicit の TLS に限る）。",
    )
    address: str = option(
        "127.0.0.1",
        en='Address to listen on: IPv4, IPv6 ("::" for every address of both kinds), or unix:/path for a socket file.',
        ja='待ち受けるアドレス。IPv4、IPv6（"::" は両方のすべて）、またはソケットファイル unix:/パス。',
    )
    port: int = option(
        0,
        en="TCP port, 1 to 65535 (leave it out for unix:). Several listeners may speak one protocol on different ports.",
        ja="TCP ポート番号（1〜65535、unix: では不要）。同じプロトコルを複数のポートで提供できる。",
        example="25",
    )
    tls: TLSMode = option(
        TLSMode.STARTTLS,
        en="none; starttls (STARTTLS or STLS upgrades the line); implicit (TLS from the first byte).",
        ja="none（なし）、starttls（STARTTLS/STLS で暗号化に切り替え）、implicit（最初から TLS）。",
    )
    cleartext: tuple[Network, ...] = option(
        (),
        en="Networks whose clients may log in without TLS. Their passwords can be read on the way; empty is best.",
        ja="TLS なしのログインを許すネットワーク。パスワードが途中で読まれうるので、空が最善。",
        example='["192.0.2.0/24"]',
    )
    auth_requires_tls: bool = option(
        True,
        en="Log-ins need TLS here, except from the networks in `cleartext`. false: mechanisms that never show the password (SCRAM, "
        "CRAM-MD5, APOP) may be used without TLS; the mail itself can then be read on the way.",
        ja="ログインには TLS を必要とする（`cleartext` のネットワークを除く）。false にすると、パスワードを見せない方式（SCRAM、CRAM-MD5、"
        "APOP）は TLS なしでも使える。ただしメール自体は途中で読まれうる。",
    )
    mechanisms: tuple[str, ...] = option(
        tuple(name for name in MECHANISMS if name != "CRAM-MD5"),
        en="SASL mechanisms offered here, as far as the line allows them. CRAM-MD5 works with device passwords only, and clients that "
        "prefer it would try it with the login password, so it is not among the default ones. SCRAM needs our own accounts, OAUTHBEARER "
        "and XOAUTH2 need [oauth], EXTERNAL a client certificate: what cannot work is not offered.",
        ja="ここで提供する SASL 方式（回線の条件が許すもの）。CRAM-MD5 は機器用パスワードでしか使えず、これを優先するクライアントは"
        "ログイン用パスワードで試して失敗するので、既定には含めない。SCRAM は自前のアカウント、OAUTHBEARER と XOAUTH2 は [oauth]、"
        "EXTERNAL はクライアント証明書が必要。使えないものは提示しない。",
        example='["SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"]',
    )
    apop: bool = option(
        False,
        en="POP3: offer APOP, for old clients with a device password that is kept for it. Off means no timestamp in the greeting.",
        ja="POP3 で APOP を提供する（そのために保存した機器用パスワードを使う古いクライアント向け）。false なら挨拶に時刻印を入れない。",
    )
    old_auth: bool = option(
        False,
        en="SMTP: announce log-ins a second time as `AUTH=LOGIN PLAIN`, for Outlook Express 4 and others that know only that form.",
        ja="SMTP でログイン方式を `AUTH=LOGIN PLAIN` の形でも知らせる（この形しか知らない Outlook Express 4 など向け）。",
    )
    domain: str = option(
        "",
        en="Domain of a login typed without one on this listener; empty: the first domain.",
        ja="このポートで、ドメインなしのログイン名が属するドメイン。空なら最初のドメイン。",
        example='"example.test"',
    )
    lmtp_public: bool = option(
        False,
        en="Let LMTP listen on an address that is not loopback. Whoever reaches it can deliver anything, unchecked.",
        ja="LMTP をループバック以外のアドレスで開くことを許す。届く者はだれでも検査なしに配送できる。",
    )
    vrfy: tuple[Network, ...] = option(
        (),
        en="Networks whose clients get a real answer from VRFY; everyone else gets 252.",
        ja="VRFY に実際の答えを返すネットワーク。ほかには 252 を返す。",
        example='["127.0.0.0/8"]',
    )
    expn: tuple[Network, ...] = option(
        (),
        en="Networks whose clients are told by EXPN whom an address of ours leads to; for everyone else EXPN is off.",
        ja="EXPN で、ここのアドレスの届け先を答えるネットワーク。ほかには EXPN を使わせない。",
        example='["127.0.0.0/8"]',
    )
    dsn: tuple[Network, ...] = option(
        (ip_network("0.0.0.0/0"), ip_network("::/0")),
        en="SMTP, LMTP: networks whose clients may ask for delivery reports (DSN); who has logged in always may. With [] on port 25 no "
        "stranger can have reports of success sent to whomever he names as the sender; an honest sender hears from his own server then "
        "that the mail was handed over.",
        ja="SMTP と LMTP で、配送通知（DSN）を求めてよいネットワーク。ログインした人はいつでも求められる。ポート 25 で [] にすると、"
        "外部の者が他人のアドレスを差出人と偽り、その人に成功の通知を送りつけさせることができなくなる。正当な差出人には、"
        "メールが渡されたことをその人のサーバーが知らせる。",
    )
    message_size: Size = option(
        Size(50_000_000),
        en="Largest message taken here, in octets on the wire (an attachment grows by a third); 0: no limit.",
        ja="受け付けるメッセージの最大サイズ（通信上のバイト数。添付ファイルは約 3 分の 1 大きくなる）。0 は無制限。",
        example='"50 MB"',
    )
    recipients: int = option(
        1000,
        en="Most recipients of one message (RFC 5321 wants at least 100).",
        ja="1 通の最大宛先数（RFC 5321 は 100 以上を求める）。",
    )
    bare_newlines: BareNewlines = option(
        BareNewlines.REFUSE,
        en="refuse or normalise messages with a lone CR or LF or a NUL. Normalise only where old clients of ours send.",
        ja="単独の CR・LF や NUL を含むメッセージを refuse（拒否）するか normalise（直して受理）するか。後者は古い利用者端末用のみ。",
    )
    connections: int = option(
        2000,
        en="Most connections at a time on this listener.",
        ja="このポートの同時接続数の上限。",
    )
    connections_per_address: int = option(
        50,
        en="Most connections at a time from one address (loopback and Unix sockets are not counted).",
        ja="1 アドレスからの同時接続数の上限（ループバックと Unix ソケットは数えない）。",
    )
    connections_per_network: int = option(
        200,
        en="Most connections at a time from one /24 (IPv4) or /64 (IPv6).",
        ja="1 つの /24（IPv4）または /64（IPv6）からの同時接続数の上限。",
    )
    idle_timeout: Duration = option(
        Duration(600),
        en="How long the server waits for the next command (RFC 5321: at least 5 minutes; RFC 1939: at least 10; IMAP after "
        "the log-in always at least 30).",
        ja="次のコマンドを待つ時間（RFC 5321 は 5 分以上、RFC 1939 は 10 分以上。IMAP のログイン後は常に 30 分以上）。",
        example='"10 min"',
    )

    @property
    def name(self) -> str:
        """How logs and errors call this listener."""
        where = self.address if self.address.startswith("unix:") else f"{self.address}:{self.port}"
        return f"{self.protocol.value}@{where}"
