"""The configuration: one frozen value made from one TOML file, or all that is wrong with it.

``load`` reads the file (:mod:`mailsvc.app.config_file`), fills the rooms' options from it (:mod:`mailsvc.app.structure`) and looks at
what no single key can tell (:mod:`mailsvc.app.config_checks`): listeners against each other, TLS against certificates, domains.
"""

from pathlib import Path

import attrs

from mailsvc.app.config_checks import check
from mailsvc.app.config_file import ConfigError, ConfigFile, Problem, read
from mailsvc.app.options import AppOptions, DomainOptions, LogOptions
from mailsvc.app.structure import Structure, homes_of
from mailsvc.auth.options import AuthOptions, OAuthOptions, ThrottleOptions
from mailsvc.auth.relay_options import RelayOptions
from mailsvc.delivery.options import BorderOptions
from mailsvc.directory.options import AccountOptions
from mailsvc.ledger.options import LedgerOptions
from mailsvc.monitor.options import MonitorOptions
from mailsvc.net.options import DNSOptions, SMTPTimeouts, TLSOptions
from mailsvc.queue.options import QueueOptions, RelayDomainOptions, RouteOptions
from mailsvc.store.options import StoreOptions
from mailsvc.wire.options import ListenerOptions

__all__ = ["Config", "ConfigError", "Problem", "load"]


@attrs.frozen(kw_only=True)
class Config(AppOptions):
    """Everything that the administrator decided.

    :ivar file: the file that it came from.
    """

    store: StoreOptions = attrs.field(
        factory=StoreOptions,
        metadata={"en": "The store: where mail is kept.", "ja": "保存領域。メールの置き場所。"},
    )
    auth: AuthOptions = attrs.field(
        factory=AuthOptions,
        metadata={"en": "Log-ins.", "ja": "ログイン。"},
    )
    oauth: OAuthOptions = attrs.field(
        factory=OAuthOptions,
        metadata={"en": "Log-ins by tokens of an identity provider.", "ja": "認証基盤のトークンによるログイン。"},
    )
    accounts: AccountOptions = attrs.field(
        factory=AccountOptions,
        metadata={"en": "Accounts and their names.", "ja": "アカウントとその名前。"},
    )
    throttle: ThrottleOptions = attrs.field(
        factory=ThrottleOptions,
        metadata={
            "en": "Guessing of passwords is slowed and blocked.",
            "ja": "パスワードの推測を遅らせ、遮断する。",
        },
    )
    relay: RelayOptions = attrs.field(
        factory=RelayOptions,
        metadata={
            "en": "Who may send mail to other servers. Mail for people here is taken from anyone; for everybody else a rule must allow it.",
            "ja": "ほかのサーバーへ送信できる人。ここの利用者宛てのメールはだれからでも受け取り、それ以外は規則が許したときだけ送る。",
        },
    )
    ledger: LedgerOptions = attrs.field(
        factory=LedgerOptions,
        metadata={
            "en": "The ledger: who sent what to whom and why it was taken or not, for `mailsvc trace`.",
            "ja": "台帳。だれがだれに何を送り、なぜ受け付けたか、断ったかの記録。`mailsvc trace` で読む。",
        },
    )
    tls: TLSOptions = attrs.field(
        factory=TLSOptions,
        metadata={"en": "TLS: certificate and versions.", "ja": "TLS: 証明書とバージョン。"},
    )
    queue: QueueOptions = attrs.field(
        factory=QueueOptions,
        metadata={"en": "Mail to other servers.", "ja": "ほかのサーバーへのメール。"},
    )
    border: BorderOptions = attrs.field(
        factory=BorderOptions,
        metadata={
            "en": "The border between here and other sites: what may pass it, and what is inside.",
            "ja": "内部と外部の境。越えられるものと、内部とみなす範囲。",
        },
    )
    timeouts: SMTPTimeouts = attrs.field(
        factory=SMTPTimeouts,
        metadata={
            "en": "For how long other servers may keep us waiting (RFC 5321 4.5.3.2).",
            "ja": "ほかのサーバーの応答を待つ時間（RFC 5321 4.5.3.2）。",
        },
    )
    dns: DNSOptions = attrs.field(
        factory=DNSOptions,
        metadata={"en": "The DNS.", "ja": "DNS。"},
    )
    log: LogOptions = attrs.field(
        factory=LogOptions,
        metadata={"en": "The log.", "ja": "ログ。"},
    )
    monitor: MonitorOptions = attrs.field(
        factory=MonitorOptions,
        metadata={"en": "Health and counters.", "ja": "稼働状態と計数。"},
    )
    domains: tuple[DomainOptions, ...] = attrs.field(
        default=(),
        alias="domain",
        metadata={
            "en": "Mail domains. The first one is the default of logins without a domain.",
            "ja": "メールドメイン。最初のものが、ドメインなしのログイン名の既定になる。",
        },
    )
    listeners: tuple[ListenerOptions, ...] = attrs.field(
        default=(),
        alias="listener",
        metadata={
            "en": "Listeners: one table for each port or socket.",
            "ja": "待ち受け。ポートまたはソケットごとに 1 つ書く。",
        },
    )
    routes: tuple[RouteOptions, ...] = attrs.field(
        default=(),
        alias="route",
        metadata={
            "en": "Ways to other servers, where MX records are not to be followed or more is asked of them: a smarthost, an inner server.",
            "ja": "MX レコードに従わない、または条件を付ける経路（スマートホスト、内部のサーバーなど）。",
        },
    )
    relay_domains: tuple[RelayDomainOptions, ...] = attrs.field(
        default=(),
        alias="relay_domain",
        metadata={
            "en": "Domains whose mail we take for other servers, as their gateway or their backup.",
            "ja": "ゲートウェイまたはバックアップとして、ほかのサーバーのためにメールを受け取るドメイン。",
        },
    )
    file: Path = Path()


def load(path: Path | str) -> Config:
    """Read a configuration file. Raises ConfigError with everything that is wrong in it, in the order of the file."""
    return build(read(Path(path)))


def build(file: ConfigFile) -> Config:
    """The configuration that a file says. Raises ConfigError."""
    structure = Structure(file, homes_of(Config))
    config: Config = attrs.evolve(structure.fill(Config, file.table), file=file.path.absolute())
    for key, text in check(config):
        structure.report(key, text)
    if structure.problems:
        raise ConfigError(tuple(sorted(structure.problems.values(), key=lambda problem: problem.line)))
    return config
