"""Options of the queue: when to try, how many at a time, by which way, and for whose mail we keep watch.

``[queue]`` holds for all mail to other servers; each ``[[route]]`` changes the way to some domains; each ``[[relay_domain]]`` is a domain
whose mail we take although its mailboxes are elsewhere: as its gateway, or as its backup while its own server is away.
"""

from ipaddress import IPv6Address, ip_address

import attrs

from mailsvc.core.options import Duration, Network, ReadableFile, option
from mailsvc.core.outbound import TLSDemand
from mailsvc.formats.address import canonical_domain

__all__ = ["QueueOptions", "RelayDomainOptions", "RouteOptions", "find_relay_domain", "split_host"]


@attrs.frozen(kw_only=True)
class QueueOptions:
    """``[queue]``."""

    retry_first: Duration = option(
        Duration(300),
        en="How long to wait after the first failure before mail is tried again. Each wait varies by a fifth, so that they spread.",
        ja="最初に失敗してから再送するまでの時間。集中を避けるため、毎回 2 割ほどばらつかせる。",
        example='"5 min"',
    )
    retry_growth: int = option(
        2,
        en="By what each further wait is longer than the one before.",
        ja="失敗するたびに、待ち時間を前回の何倍にするか。",
    )
    retry_longest: Duration = option(
        Duration(7200),
        en="The longest wait between two attempts.",
        ja="再送までの待ち時間の上限。",
        example='"2 h"',
    )
    lifetime: Duration = option(
        Duration(5 * 86400),
        en="For how long mail is tried before it is returned to its sender (RFC 5321: at least 4 to 5 days).",
        ja="配送を試み続ける期間。過ぎると差出人に返送する（RFC 5321 では少なくとも 4～5 日）。",
        example='"5 d"',
    )
    report_lifetime: Duration = option(
        Duration(2 * 86400),
        en="The same for reports and other mail without a sender, which is given up, not returned.",
        ja="配送状況の通知など差出人のないメールについて、同じ期間。過ぎると返送せずにあきらめる。",
        example='"2 d"',
    )
    delay_warning: Duration = option(
        Duration(4 * 3600),
        en="After how long the sender is told, once, that mail is still being tried; 0: never.",
        ja="配送できない状態がどれだけ続いたら、まだ試みていることを差出人に（1 度だけ）知らせるか。0 は知らせない。",
        example='"4 h"',
    )
    connections: int = option(
        200,
        en="Most connections to other servers at a time.",
        ja="ほかのサーバーへの同時接続数の上限。",
    )
    connections_at_first: int = option(
        5,
        en="Connections to one destination at a time once it has answered (before that, one); more with success, fewer with failure.",
        ja="1 つの宛先が最初に応答した後の同時接続数（それまでは 1）。成功すれば増やし、失敗すれば減らす。",
    )
    connections_per_destination: int = option(
        20,
        en="Most connections to one destination at a time.",
        ja="1 つの宛先への同時接続数の上限。",
    )
    recipients: int = option(
        100,
        en="Most recipients in one transaction (RFC 5321: every server takes 100).",
        ja="1 回の配送に含める宛先の最大数（RFC 5321 ではどのサーバーも 100 まで受け付ける）。",
    )
    messages_per_connection: int = option(
        100,
        en="How many messages are sent on one connection before it is closed.",
        ja="1 本の接続で続けて送るメッセージの数。超えると接続を切る。",
    )
    connection_idle: Duration = option(
        Duration(5),
        en="How long a connection is kept for further mail to the same host.",
        ja="同じホスト宛ての次のメールのために接続を保つ時間。",
        example='"5 s"',
    )
    helo: str = option(
        "",
        en="The name by which we greet other servers; it should be what our address resolves to. Empty: `hostname`.",
        ja="ほかのサーバーに名乗る名前。こちらのアドレスの逆引き名と一致させるとよい。空なら `hostname`。",
        example='"mail.example.test"',
    )
    sources: tuple[str, ...] = option(
        (),
        en="Our addresses for connections to other servers, at most one IPv4 and one IPv6 address; a kind that is missing is the system's "
        "choice.",
        ja="ほかのサーバーへの接続に使うこちらのアドレス（IPv4 と IPv6 を 1 つずつまで）。書かなければシステムが選ぶ。",
        example='["192.0.2.25", "2001:db8::25"]',
    )
    names: tuple[str, ...] = option(
        (),
        en="Further host names of this machine: MX records that name it lead back here, so they are not followed.",
        ja="このマシンのほかのホスト名。これを指す MX レコードは自分自身に戻ってしまうため、たどらない。",
        example='["mx2.example.test"]',
    )
    addresses: tuple[str, ...] = option(
        (),
        en="Addresses under which others reach this machine, if it does not have them itself (behind NAT); those it has are known.",
        ja="NAT の内側にある場合など、このマシン自身は持たないが外からはここに届くアドレス。自分で持つアドレスは書かなくてよい。",
        example='["203.0.113.25"]',
    )
    tls: TLSDemand = option(
        TLSDemand.OPPORTUNISTIC,
        en="TLS to other servers: opportunistic (whenever they can, whatever their certificate; RFC 7435), required (any certificate, "
        "never plain), verified (a certificate for the host's name, by an authority that the system trusts), never.",
        ja="ほかのサーバーへの TLS。opportunistic（相手が使えれば使い、証明書は問わない。RFC 7435）、"
        "required（証明書は問わないが平文では送らない）、verified（ホスト名の正しい証明書が必要）、never（使わない）。",
    )
    port: int = option(
        25,
        en="The port of other servers, where no route says one. Anything but 25 is for trying things out.",
        ja="経路に指定がないときの相手サーバーのポート。25 以外は試験用。",
    )


@attrs.frozen(kw_only=True)
class RouteOptions:
    """One ``[[route]]``."""

    domains: tuple[str, ...] = option(
        en="For mail to which domains: a name, a name with a dot before it (everything below it), or `*` (all others). "
        "The closest one counts.",
        ja="対象とする宛先ドメイン。名前、先頭に点を付けた名前（その下位すべて）、または `*` で、その他すべて。"
        "最も近いものを使う。",
        example='["*"]',
    )
    hosts: tuple[str, ...] = option(
        (),
        en="The next servers as host or host:port, in the order in which they are tried (an IPv6 address in brackets); not looked up "
        "as MX. Empty: as the MX records of the domain say.",
        ja="次に渡すサーバー。ホストまたはホスト:ポートで、試す順に書く（IPv6 アドレスは角括弧で囲む）。"
        "MX は調べない。空ならドメインの MX レコードに従う。",
        example='["smtp.provider.example:587"]',
    )
    tls: TLSDemand | None = option(
        None,
        en="How much TLS it must be, as in [queue]. Where we log in, less than required is refused.",
        ja="TLS をどこまで求めるか（値は [queue] と同じ）。ログインする経路では required 以上が必要。",
        example='"verified"',
    )
    implicit_tls: bool = option(
        False,
        en="TLS from the first octet (port 465, RFC 8314).",
        ja="接続の最初から TLS を使う（ポート 465、RFC 8314）。",
    )
    lmtp: bool = option(
        False,
        en="The next server speaks LMTP (RFC 2033).",
        ja="次のサーバーと LMTP（RFC 2033）で話す。",
    )
    user: str = option(
        "",
        en="The name under which we log in there; empty: we do not.",
        ja="そのサーバーへのログイン名。空ならログインしない。",
        example='"our-account"',
    )
    password: ReadableFile | None = option(
        None,
        en="File with the password, readable by its owner only.",
        ja="パスワードを入れたファイル。所有者だけが読めるようにする。",
        example='"provider.secret"',
    )
    sources: tuple[str, ...] = option(
        (),
        en="Our addresses on this way, as in [queue].",
        ja="この経路で使うこちらのアドレス（書き方は [queue] と同じ）。",
        example='["192.0.2.26"]',
    )
    hold: bool = option(
        False,
        en="Send nothing: mail is held until this line is gone and somebody releases it (`mailsvc queue release`).",
        ja="送らずに保留する。この行を消した後、`mailsvc queue release` で解除するまで配送しない。",
    )


@attrs.frozen(kw_only=True)
class RelayDomainOptions:
    """One ``[[relay_domain]]``."""

    name: str = option(
        en="A domain whose mail we take for another server: by its MX records (we are its backup), or by a [[route]] (we are its gateway).",
        ja="ほかのサーバーのためにメールを受け取るドメイン。MX レコードに従って渡す（バックアップ）か、"
        "[[route]] に従って渡す（ゲートウェイ）。",
        example='"branch.example.test"',
    )
    subdomains: bool = option(
        False,
        en="Domains below it too.",
        ja="その下位のドメインも対象にする。",
    )
    recipients: ReadableFile | None = option(
        None,
        en="File with the addresses that exist there, one a line (without @: in this domain; # begins a comment); others are refused at "
        "once. Without it mail to anybody is taken, and what the other server then refuses becomes a report to a sender who may be forged.",
        ja="そのドメインに存在するアドレスのファイル（1 行に 1 つ。@ がなければこのドメイン、# 以降は注釈）。ほかの宛先はその場で断る。"
        "なければだれ宛てでも受け取り、後で断られたメールは（偽られているかもしれない）差出人に返送される。",
        example='"branch.recipients"',
    )
    lifetime: Duration = option(
        Duration(0),
        en="For how long its mail waits for the other server; 0: as in [queue].",
        ja="相手サーバーを待つ期間。0 は [queue] と同じ。",
        example='"30 d"',
    )
    on_demand: bool = option(
        False,
        en="Send nothing by ourselves: its server asks for its mail by ETRN (RFC 1985), or somebody says `mailsvc queue flush`.",
        ja="自分からは送らない。相手サーバーが ETRN（RFC 1985）で求めるか、`mailsvc queue flush` で送り出す。",
    )
    etrn: tuple[Network, ...] = option(
        (),
        en="Networks whose clients may ask for its mail by ETRN. It is sent the configured way, whoever asks.",
        ja="ETRN でこのドメインのメールを求めてよいネットワーク。だれが求めても、設定された経路で送られる。",
        example='["192.0.2.0/24"]',
    )


def find_relay_domain(options: tuple[RelayDomainOptions, ...], domain: str) -> RelayDomainOptions | None:
    """The entry that covers a canonical domain: its own, else the closest one above it that takes subdomains."""
    by_name = {canonical_domain(one.name): one for one in options}
    if domain in by_name:
        return by_name[domain]
    _, _, above = domain.partition(".")
    while above:
        if above in by_name and by_name[above].subdomains:
            return by_name[above]
        _, _, above = above.partition(".")
    return None


def split_host(text: str, port: int) -> tuple[str, int]:
    """Host and port of an entry of ``hosts``, with ``port`` where it names none. Raises ValueError."""
    host, colon, number = text.rpartition(":")
    bare_ipv6 = ":" in host and not host.startswith("[")
    if not colon or bare_ipv6 or text.endswith("]"):
        host, number = text, str(port)
    host = _plain(host)
    if not host or not number.isascii() or not number.isdigit() or not 0 < int(number) < 65536:
        raise ValueError(text)
    return host, int(number)


def _plain(host: str) -> str:
    """Without the brackets of an IPv6 address. Raises ValueError for brackets around something else."""
    if not host.startswith("["):
        return host
    address = ip_address(host[1:].removesuffix("]"))
    if not isinstance(address, IPv6Address):
        raise ValueError(host)
    return str(address)
