"""Options of the relay decision, and the table of rules that they amount to.

::

    [relay] preset, networks -> the preset's rules \\
    [[relay.rules]]          -> the administrator's own, which come first -> make_rules -> rules of mailsvc.auth.relay_rules

"""

import enum
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

import attrs

from mailsvc.auth.relay_rules import ClientCertificate, PopBeforeSmtp, Rule, SenderPolicy, SmtpAuth, TrustedNetwork
from mailsvc.core.options import Duration, Network, option
from mailsvc.core.relay import Limits

__all__ = ["NEEDS_NETWORKS", "Accounts", "RelayOptions", "RelayPreset", "RelayRuleOptions", "RuleKind", "make_rules"]


class RuleKind(enum.Enum):
    """The kinds of rules."""

    SMTP_AUTH = "smtp-auth"
    POP_BEFORE_SMTP = "pop-before-smtp"
    TRUSTED_NETWORK = "trusted-network"
    CLIENT_CERTIFICATE = "client-certificate"


class RelayPreset(enum.Enum):
    """Tables of rules under a name."""

    NONE = "none"
    ADDRESSES = "addresses"
    LOCAL_USERS = "local-users"
    KYOTO = "kyoto"
    TOHOKU = "tohoku"


class Accounts(enum.Enum):
    """Whose log-ins count for POP-before-SMTP."""

    ALL = "all"
    MARKED = "marked"


@attrs.frozen(kw_only=True)
class RelayRuleOptions:
    """One ``[[relay.rules]]``."""

    rule: RuleKind = option(
        en="smtp-auth (who has logged in on this connection), pop-before-smtp (who has read mail from this address a few minutes ago), "
        "trusted-network (who is in `networks`), client-certificate (whose TLS certificate has an account's address in it).",
        ja="smtp-auth（その接続でログインした人）、pop-before-smtp（数分以内に同じアドレスからメールを受信した人）、"
        "trusted-network（`networks` の中にいる人）、client-certificate（アカウントのアドレスを含む TLS 証明書を示した人）。",
        example='"pop-before-smtp"',
    )
    name: str = option(
        "",
        en="What the ledger and `mailsvc relay explain` call the rule; empty: as `rule`. No two may have the same.",
        ja="記録や `mailsvc relay explain` での規則の呼び名。空なら `rule` と同じ。重複は許されない。",
        example='"campus"',
    )
    networks: tuple[Network, ...] = option(
        (),
        en="The rule is for clients from these networks only. trusted-network needs at least one; for the others, empty means anywhere.",
        ja="この規則を適用するネットワーク。trusted-network では必須。ほかの規則では、空ならどこからでもよい。",
        example='["192.0.2.0/24", "2001:db8::/32"]',
    )
    sender: SenderPolicy = option(
        SenderPolicy.ANY,
        en="Which sender addresses (MAIL FROM) the rule admits: any; own (the account's own address and aliases; for trusted-network: an "
        "address that exists here); own-domain (any address in a domain of ours).",
        ja="許す差出人アドレス（MAIL FROM）。any（なんでも）、own（本人のアドレスと別名。trusted-network では、ここに存在するアドレス）、"
        "own-domain（受け持つドメインのアドレス）。",
    )
    check_from: bool = option(
        False,
        en="Hold the From: field of the message to the same.",
        ja="メッセージの From: 欄にも同じ条件を課す。",
    )
    refusal: str = option(
        "",
        en="Your own words (ASCII) for a sender that the rule does not admit.",
        ja="許されない差出人に返す、独自の文（ASCII）。",
        example='"Please send with your address at example.test"',
    )
    messages_per_hour: int = option(
        0,
        en="Most messages to other servers within an hour, for one account and for one address each; 0: no limit of its own "
        "(for pop-before-smtp: 200).",
        ja="1 時間に外部へ送れるメッセージ数の上限（アカウントごと、アドレスごと）。0 は規則としての上限なし（pop-before-smtp では 200）。",
    )
    recipients_per_hour: int = option(
        0,
        en="The same for recipients (for pop-before-smtp: 2000).",
        ja="宛先数について同様（pop-before-smtp では 2000）。",
    )
    window: Duration = option(
        Duration(300),
        en="pop-before-smtp: for how long the log-in, or a message read later in that session, lets its address send. A domain may have "
        "its own, `relay_window`.",
        ja="pop-before-smtp: 受信のログイン、またはその後の受信から、そのアドレスからの送信を許す時間。ドメインごとに `relay_window` で"
        "変えられる。",
        example='"10 min"',
    )
    ceiling: Duration = option(
        Duration(3600),
        en="pop-before-smtp: after this long, what a session reads does not count any more; log in again.",
        ja="pop-before-smtp: ログインからこの時間が過ぎると、その接続での受信では延長されない（ログインし直す）。",
        example='"1 h"',
    )
    accounts: Accounts = option(
        Accounts.ALL,
        en="pop-before-smtp: all (accounts, unless `mailsvc user set --no-pop-before-smtp`), or marked (only those with "
        "`mailsvc user set --pop-before-smtp`).",
        ja="pop-before-smtp: all（全アカウント。`mailsvc user set --no-pop-before-smtp` としたものを除く）、または marked"
        "（`mailsvc user set --pop-before-smtp` としたものだけ）。",
    )
    protected_login: bool = option(
        True,
        en="pop-before-smtp: only log-ins count whose password nobody could read on the way: with TLS, or by APOP, CRAM-MD5 or SCRAM.",
        ja="pop-before-smtp: パスワードを盗み見られないログイン（TLS、または APOP・CRAM-MD5・SCRAM）だけを数える。",
    )
    ipv6_prefix: int = option(
        128,
        en="pop-before-smtp: 128 (exactly the IPv6 address that read mail may send) or 64 (its whole network may: for clients that change "
        "their address often).",
        ja="pop-before-smtp: 128（受信した IPv6 アドレスだけが送信できる）または 64（同じ /64 全体。アドレスを頻繁に変える端末のため）。",
    )
    renew_idle: bool = option(
        False,
        en="pop-before-smtp: NOOP and IDLE count like reading a message, up to `ceiling`.",
        ja="pop-before-smtp: NOOP と IDLE も受信と同じに数える（`ceiling` まで）。",
    )
    end_at_logout: bool = option(
        False,
        en="pop-before-smtp: sending is over when the session that read mail ends. Old clients, which receive, hang up and then send, "
        "cannot work with this.",
        ja="pop-before-smtp: 受信の接続が終わると送信もできなくなる。受信して切断してから送信する古いソフトでは使えない。",
    )


@attrs.frozen(kw_only=True)
class RelayOptions:
    """``[relay]``."""

    preset: RelayPreset = option(
        RelayPreset.NONE,
        en="Who may send to other servers: none (nobody but who logs in by SMTP AUTH); addresses (also who is in `networks`); local-users "
        "(also who is in `networks`, with a sender address that exists here); kyoto (SMTP AUTH, or POP-before-SMTP for 5 minutes; also "
        "who is in `networks`); tohoku (the same, for 10 minutes). Your own [[relay.rules]] come before those of the preset.",
        ja="外部へ送信できる人。"
        "none（SMTP 認証でログインした人だけ）、addresses（`networks` の中の人も）、local-users（`networks` の中の人も、"
        "ただしここに存在する差出人アドレスに限る）、kyoto（SMTP 認証、または 5 分間の POP before SMTP。`networks` の中の人も）、"
        "tohoku（同様、10 分間）。[[relay.rules]] に書いた規則がプリセットの規則より先に適用される。",
    )
    networks: tuple[Network, ...] = option(
        (),
        en="Networks of yours whose clients may send without a log-in, as the preset says.",
        ja="プリセットに従い、ログインなしで送信を許す自分のネットワーク。",
        example='["192.0.2.0/24", "2001:db8::/32"]',
    )
    shared: tuple[Network, ...] = option(
        (ip_network("100.64.0.0/10"),),
        en="Addresses that many people share, so that reading mail from there says little of who sends: carriers' NAT, your proxies, the "
        "webmail, and private networks behind one (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16), unless they are your own. POP-before-SMTP "
        "never works from there, nor from this machine and link-local addresses.",
        ja="多くの人が共有するため、受信した人と送信する人が同じとは言えないアドレス。通信事業者の NAT、プロキシ、Web メール、NAT の内側の"
        "プライベートネットワーク（10.0.0.0/8、172.16.0.0/12、192.168.0.0/16。自分のものを除く）など。ここからは POP before SMTP は"
        "使えない（このマシン自身とリンクローカルも同様）。",
        example='["100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]',
    )
    url: str = option(
        "",
        en="A short URL (ASCII) of a page that says how to send; it is in every refusal.",
        ja="送信のしかたを説明するページの短い URL（ASCII）。拒否の応答に必ず入る。",
        example='"https://mail.example.test/send"',
    )
    contact: str = option(
        "",
        en="Whom to ask (ASCII: an address or a telephone number); it is in every refusal.",
        ja="問い合わせ先（ASCII。アドレスまたは電話番号）。拒否の応答に必ず入る。",
        example='"postmaster@example.test"',
    )
    tell_first_use: bool = option(
        True,
        en="Tell people by mail when somebody sends by POP-before-SMTP on their account for the first time.",
        ja="POP before SMTP による送信がそのアカウントで初めて行われたとき、本人にメールで知らせる。",
    )
    keep: Duration = option(
        Duration(30 * 86400),
        en="For how long grants that are over are kept, so that `mailsvc relay explain` can tell of them.",
        ja="終わった許可を残しておく期間（`mailsvc relay explain` で説明するため）。",
        example='"30 d"',
    )
    grants_on_loopback_for_tests: bool = option(
        False,
        en="Let POP-before-SMTP work from 127.0.0.0/8 and ::1 too. For tests only: every program of this machine, and whatever comes by a "
        "tunnel or a proxy on it, could then send as whoever read mail last.",
        ja="127.0.0.0/8 と ::1 からも POP before SMTP を使えるようにする。試験専用。このマシンのすべてのプログラムや、そこにあるトンネル・"
        "プロキシ経由の誰もが、最後に受信した人として送信できてしまう。",
    )
    rules: tuple[RelayRuleOptions, ...] = attrs.field(
        default=(),
        metadata={
            "en": "Rules of your own, in order: the first one that fits decides. If none fits, mail goes to people here only.",
            "ja": "独自の規則。上から順に調べ、最初に当てはまったものが決める。"
            "どれにも当てはまらなければ、ここの利用者宛てにしか届かない。",
        },
    )


NEEDS_NETWORKS = frozenset({RelayPreset.ADDRESSES, RelayPreset.LOCAL_USERS})

_AUTH = RelayRuleOptions(rule=RuleKind.SMTP_AUTH)
_NETWORK = RelayRuleOptions(rule=RuleKind.TRUSTED_NETWORK)
_POP = RelayRuleOptions(rule=RuleKind.POP_BEFORE_SMTP)

_PRESETS: dict[RelayPreset, tuple[RelayRuleOptions, ...]] = {
    RelayPreset.NONE: (_AUTH,),
    RelayPreset.ADDRESSES: (_AUTH, _NETWORK),
    RelayPreset.LOCAL_USERS: (_AUTH, attrs.evolve(_NETWORK, sender=SenderPolicy.OWN)),
    RelayPreset.KYOTO: (_AUTH, _NETWORK, _POP),  # five minutes, any sender
    RelayPreset.TOHOKU: (_AUTH, _NETWORK, attrs.evolve(_POP, window=Duration(600))),  # ten minutes
}

_USUAL_LIMITS = Limits(messages=200, recipients=2000)
"""Of POP-before-SMTP, which cannot tell two people behind one address apart: generous for a person, too little for a spammer."""


def make_rules(options: RelayOptions, windows: Mapping[str, int]) -> tuple[Rule, ...]:
    """The table of rules. ``windows``: canonical names of domains whose accounts have a window of their own -> seconds."""
    rules = [_make(one, options, windows) for one in options.rules]
    for one in _PRESETS[options.preset]:
        if one.rule is RuleKind.TRUSTED_NETWORK:
            if not options.networks:
                continue
            one = attrs.evolve(one, networks=options.networks)
        rule = _make(one, options, windows)
        if rule.name not in {other.name for other in rules}:
            rules.append(rule)
    return tuple(rules)


def _make(one: RelayRuleOptions, options: RelayOptions, windows: Mapping[str, int]) -> Rule:
    limits = Limits(messages=one.messages_per_hour, recipients=one.recipients_per_hour)
    common: dict[str, Any] = {
        "name": one.name or one.rule.value,
        "networks": one.networks,
        "sender": one.sender,
        "check_from": one.check_from,
        "refusal": one.refusal,
        "limits": limits,
    }
    return _MAKERS[one.rule](common, one, options, windows)


def _pop_before_smtp(
    common: dict[str, Any], one: RelayRuleOptions, options: RelayOptions, windows: Mapping[str, int]
) -> Rule:
    usual = _USUAL_LIMITS
    common["limits"] = Limits(
        messages=one.messages_per_hour or usual.messages, recipients=one.recipients_per_hour or usual.recipients
    )
    return PopBeforeSmtp(
        **common,
        window=one.window,
        windows=tuple(windows.items()),
        ceiling=one.ceiling,
        everybody=one.accounts is Accounts.ALL,
        protected=one.protected_login,
        prefix=one.ipv6_prefix,
        renew_idle=one.renew_idle,
        end_at_logout=one.end_at_logout,
        shared=options.shared,
        loopback=options.grants_on_loopback_for_tests,
    )


_MAKERS: dict[RuleKind, Callable[..., Rule]] = {
    RuleKind.SMTP_AUTH: lambda common, *_: SmtpAuth(**common),
    RuleKind.TRUSTED_NETWORK: lambda common, *_: TrustedNetwork(**common),
    RuleKind.CLIENT_CERTIFICATE: lambda common, *_: ClientCertificate(**common),
    RuleKind.POP_BEFORE_SMTP: _pop_before_smtp,
}
