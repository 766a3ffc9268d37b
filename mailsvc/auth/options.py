"""Options of log-ins: where passwords are looked up, and what checking them may cost."""

from ipaddress import ip_network
from pathlib import Path

import attrs

from mailsvc.core.options import Duration, Network, ReadableFile, option

__all__ = ["AuthOptions", "OAuthOptions", "ThrottleOptions"]


@attrs.frozen(kw_only=True)
class OAuthOptions:
    """``[oauth]``."""

    issuer: str = option(
        "",
        en="The identity provider whose tokens are taken, as its tokens name it (iss). Empty: no log-ins by token.",
        ja="トークンを受け付ける認証基盤。トークンの iss と一致させる。空ならトークンでのログインはしない。",
        example='"https://login.example.test"',
    )
    keys: ReadableFile | None = option(
        None,
        en="File with the provider's public keys (JWK Set), for tokens that can be checked without asking; read again when it changes.",
        ja="認証基盤の公開鍵のファイル（JWK Set）。問い合わせずに検証できるトークン用。変更されると読み直す。",
        example='"provider-keys.json"',
    )
    audience: str = option(
        "",
        en="What the provider calls this service (aud). Set it: without it a token that was issued for any other service is taken.",
        ja="認証基盤での、このサービスの呼び名（aud）。必ず設定する。空だと、ほかのサービス向けのトークンも受け付けてしまう。",
        example='"mail.example.test"',
    )
    introspection: str = option(
        "",
        en="URL that tells what a token is worth (RFC 7662), https, for tokens that only the provider can read; used if there are no keys.",
        ja="トークンの有効性を問い合わせる URL（RFC 7662、https）。認証基盤にしか読めないトークン用。keys がないとき使う。",
        example='"https://login.example.test/introspect"',
    )
    client: str = option(
        "",
        en="Our name at the introspection URL.",
        ja="問い合わせ先での、このサービスのクライアント名。",
        example='"mailsvc"',
    )
    client_secret: ReadableFile | None = option(
        None,
        en="File with our password at the introspection URL.",
        ja="問い合わせ先での、このサービスのパスワードを入れたファイル。",
        example='"introspection.secret"',
    )
    claim: str = option(
        "email",
        en="Which claim of a token is the login or address of an account here.",
        ja="トークンのどの項目（claim）を、ここでのログイン名またはアドレスとみなすか。",
    )


@attrs.frozen(kw_only=True)
class AuthOptions:
    """``[auth]``."""

    sources: tuple[str, ...] = option(
        ("own",),
        en="Where passwords are looked up, in order: own (our own accounts); passwd:/path (a file of name:hash lines: argon2, bcrypt, "
        "SHA-256-crypt, SHA-512-crypt); pam:SERVICE (the file /etc/pam.d/SERVICE; needs a start as root for modules that do); or "
        "TYPE:ARGUMENTS of any Twisted checker (twistd mailsvc --help-auth). All of them lead to accounts made here.",
        ja="パスワードを調べる先（順に試す）。own（自前のアカウント）、passwd:/パス（名前:ハッシュ の行からなるファイル。"
        "argon2、bcrypt、SHA-256-crypt、SHA-512-crypt）、pam:サービス名（/etc/pam.d/サービス名。"
        "モジュールによっては root での起動が必要）、または Twisted のチェッカー TYPE:引数"
        "（twistd mailsvc --help-auth）。いずれもここで作ったアカウントに対応づけられる。",
        example='["own", "passwd:/etc/mailsvc/passwd"]',
    )
    hashing_threads: int = option(
        2,
        en="Threads that hash passwords in each worker; each takes 19 MiB and one processor core while it works.",
        ja="各ワーカーでパスワードのハッシュ計算をするスレッド数。計算中は 1 つにつき 19 MiB と 1 コアを使う。",
    )
    hashing_queue: int = option(
        100,
        en="How many log-ins may wait for a hashing thread; further ones are told to try again later.",
        ja="ハッシュ計算を待てるログインの数。超えた分には後で再試行するよう応答する。",
    )
    keys: Path = option(
        Path("device-keys"),
        en="File with the keys of device passwords, made by `mailsvc device add`. Keep it, and a copy, apart from the store's backups: "
        "who has both can read the passwords that are kept for APOP and CRAM-MD5; who loses it loses all device passwords.",
        ja="機器用パスワードの鍵のファイル。`mailsvc device add` が作る。控えは保存領域のバックアップとは別の場所に置く。両方を持つ者は "
        "APOP・CRAM-MD5 用のパスワードを読める。失うと機器用パスワードはすべて使えなくなる。",
    )
    remembered: int = option(
        10_000,
        en="How many login passwords each worker remembers (as keyed hashes) as right, so that they are not hashed again; 0: none.",
        ja="各ワーカーが正しいと確かめたログイン用パスワードを（鍵付きハッシュで）いくつ覚え、ハッシュ計算を省くか。0 は覚えない。",
    )
    remember_time: Duration = option(
        Duration(3600),
        en="For how long. A changed password, or a disabled account, counts at once all the same.",
        ja="覚えておく時間。パスワードの変更やアカウントの停止は、これにかかわらず直ちに効く。",
        example='"1 h"',
    )
    end_sessions: bool = option(
        True,
        en="End the open sessions that a login password has opened when it is changed. Those of a revoked device password, of a disabled "
        "account and of a service that is switched off end in any case.",
        ja="ログイン用パスワードが変更されたら、それで開かれた接続を閉じる。取り消された機器用パスワード、停止されたアカウント、"
        "止められたサービスの接続は、これにかかわらず閉じる。",
    )


@attrs.frozen(kw_only=True)
class ThrottleOptions:
    """``[throttle]``."""

    address_failures: int = option(
        20,
        en="Wrong passwords that one address (IPv6: one /64) has before it is blocked for a minute, then two, then four...; it gets one "
        "back every two minutes. Places from which an account was used of late are not blocked by what others do.",
        ja="1 つのアドレス（IPv6 は 1 つの /64）からの誤ったパスワードがこの回数を超えると、1 分、2 分、4 分…と遮断する。2 分ごとに 1 回分"
        "回復する。最近そのアカウントで使われた場所は、他人の失敗では遮断されない。",
    )
    network_failures: int = option(
        100,
        en="The same for a whole /24 (IPv6: /48), which gets one back every 30 seconds.",
        ja="1 つの /24（IPv6 は /48）全体について同様。30 秒ごとに 1 回分回復する。",
    )
    account_failures: int = option(
        10,
        en="The same for an account, wherever the wrong passwords come from; it gets one back every ten minutes.",
        ja="1 つのアカウントについて同様（どこからの失敗でも数える）。10 分ごとに 1 回分回復する。",
    )
    longest_block: Duration = option(
        Duration(3600),
        en="The longest block of an address. Networks and accounts are blocked for 15 minutes at most.",
        ja="アドレスを遮断する最長の時間。ネットワークとアカウントは最長 15 分。",
        example='"1 h"',
    )
    remember: Duration = option(
        Duration(30 * 86400),
        en="For how long a place from which an account was used is known.",
        ja="アカウントが使われた場所を覚えておく期間。",
        example='"30 d"',
    )
    never_block: tuple[Network, ...] = option(
        (ip_network("127.0.0.0/8"), ip_network("::1/128")),
        en="Networks from which nobody is ever slowed or blocked: this machine, monitoring, perhaps your campus.",
        ja="けっして遅らせず遮断もしないネットワーク。このマシン、監視、必要なら学内など。",
        example='["127.0.0.0/8", "::1/128", "192.0.2.0/24"]',
    )
