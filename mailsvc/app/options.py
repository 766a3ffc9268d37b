"""Options of the service as a whole (the keys at the top of the file), of its domains and of its log."""

import enum
import socket
from pathlib import Path

import attrs

from mailsvc.core.options import Duration, ReadableFile, Size, option
from mailsvc.wire.options import Protocol

__all__ = ["AppOptions", "DomainOptions", "Language", "LogFormat", "LogOptions"]


class Language(enum.Enum):
    """Languages of the sentences for people."""

    ENGLISH = "en"
    JAPANESE = "ja"


class LogFormat(enum.Enum):
    """How an event is written."""

    TEXT = "text"
    JSON = "json"


@attrs.frozen(kw_only=True)
class AppOptions:
    """The keys at the top of the file, before the first table."""

    hostname: str = option(
        attrs.Factory(socket.getfqdn),
        en="The fully qualified name of this machine, as greetings, Received lines and EHLO show it. Default: what the system says.",
        ja="このマシンの完全修飾ドメイン名。応答の名乗りや Received 行に使う。省略時はシステムの設定による。",
        example='"mail.example.test"',
    )
    workers: int = option(
        1,
        en="How many processes serve the listeners; they share ports and store. One per processor core is plenty.",
        ja="ポートを受け持つプロセスの数。ポートと保存領域は共有される。プロセッサのコア数までで十分。",
    )
    user: str = option(
        "",
        en="Become this user once the ports are bound; empty: stay who we are. Needed when started as root.",
        ja="ポートを開いた後に切り替える利用者名。空なら切り替えない。root で起動するときは必須。",
        example='"mailsvc"',
    )
    group: str = option(
        "",
        en="Become this group; empty: the first group of `user`.",
        ja="切り替える先のグループ名。空なら `user` の主グループ。",
        example='"mailsvc"',
    )
    language: Language = option(
        Language.ENGLISH,
        en="Language of the log's sentences and of letters to people: en or ja.",
        ja="ログの文や利用者への通知の言語。en または ja。",
    )

    texts: ReadableFile | None = option(
        None,
        en="File with your own words for refusals and letters: TOML with a table for each language, such as [en.relay] and [ja.relay], and "
        "the keys of mailsvc/texts/en.toml. What is not in it stays as it is. Refusals must be ASCII in [en.relay].",
        ja="拒否の応答や通知の文を独自のものに替えるファイル。言語ごとの表（[en.relay]、[ja.relay] など）に、"
        "mailsvc/texts/ja.toml と同じキーで"
        "書く TOML。書かないものは元のまま。[en.relay] の拒否の文は ASCII に限る。",
        example='"own-texts.toml"',
    )


@attrs.frozen(kw_only=True)
class DomainOptions:
    """One ``[[domain]]``: declared here, made in the store at start if it is missing there."""

    name: str = option(
        en="A mail domain of ours. `mailsvc domain add` makes further ones in the store; these here cannot be removed there.",
        ja="受け持つメールドメイン。`mailsvc domain add` で保存領域に追加もできる。ここに書いたものはそちらからは削除できない。",
        example='"example.test"',
    )
    aliases: tuple[str, ...] = option(
        (),
        en="Further names that share its mailboxes: mail for user@alias reaches user@name.",
        ja="同じメールボックスを共有する別名。user@別名 宛てのメールは user@name に届く。",
        example='["mail.example.test"]',
    )
    certificate: ReadableFile | None = option(
        None,
        en="PEM file with a further certificate, shown to TLS clients that ask for one of its names (SNI). Others get the one in [tls].",
        ja="追加の証明書の PEM ファイル。その証明書にある名前で接続してきた（SNI）TLS クライアントに見せる。"
        "ほかには [tls] の証明書を見せる。",
        example='"example.test.pem"',
    )
    key: ReadableFile | None = option(
        None,
        en="PEM file with its private key.",
        ja="その秘密鍵の PEM ファイル。",
        example='"example.test.key"',
    )
    sources: tuple[str, ...] = option(
        (),
        en="Our addresses from which mail of senders in this domain goes to other servers, instead of those of [queue]: one of each "
        "family; the addresses of a [[route]] come before them.",
        ja="このドメインの差出人のメールを送り出すときに使うこちらのアドレス。[queue] のものの代わりに使う。IPv4 と IPv6 を 1 つずつ書く。"
        "[[route]] にアドレスがあればそちらが優先する。",
        example='["192.0.2.26", "2001:db8::26"]',
    )
    relay_window: Duration | None = option(
        None,
        en="POP-before-SMTP: how long a log-in of this domain's accounts lets them send, instead of the rule's `window`.",
        ja="POP before SMTP: このドメインのアカウントの受信から送信を許す時間。規則の `window` の代わりに使う。",
        example='"10 min"',
    )
    shortest_name: int = option(
        2,
        en="Fewest characters of a name that somebody registers.",
        ja="利用者が登録する名前の最少文字数。",
    )
    longest_name: int = option(
        32,
        en="Most characters of a name that somebody registers.",
        ja="利用者が登録する名前の最多文字数。",
    )
    name_pattern: str = option(
        "[a-z][a-z0-9]*([._-][a-z0-9]+)*",
        en="Regular expression that a registered name must match as a whole.",
        ja="登録する名前全体が一致すべき正規表現。",
    )
    name_words: ReadableFile | None = option(
        None,
        en="File with words, one a line, that no registered name may contain.",
        ja="登録する名前に含めてはならない語のファイル（1 行に 1 語）。",
        example='"forbidden-names.txt"',
    )
    shortest_password: int = option(
        8,
        en="Fewest characters of a new password.",
        ja="新しいパスワードの最少文字数。",
    )
    password_words: ReadableFile | None = option(
        None,
        en="File with passwords, one a line, that nobody may choose, besides the most common ones, which we know.",
        ja="使ってはならないパスワードのファイル（1 行に 1 つ）。ごく一般的なものは指定しなくても拒否する。",
        example='"forbidden-passwords.txt"',
    )


@attrs.frozen(kw_only=True)
class LogOptions:
    """``[log]``."""

    format: LogFormat = option(
        LogFormat.TEXT,
        en="text (one readable line per event) or json (one object per line).",
        ja="text（1 行に 1 件、人が読む形）または json（1 行に 1 オブジェクト）。",
    )
    file: Path | None = option(
        None,
        en="Log file; without it, standard output (which systemd's journal and twistd's own --logfile take).",
        ja="ログファイル。省略時は標準出力（systemd のジャーナルや twistd の --logfile が受け取る）。",
        example='"log/mailsvc.log"',
    )
    rotate_size: Size = option(
        Size(50_000_000),
        en="Begin a new file when this one has reached this size; 0: never.",
        ja="ファイルがこの大きさになったら新しいファイルに替える。0 は替えない。",
        example='"50 MB"',
    )
    rotate_count: int = option(
        90,
        en="How many old files are kept; 0: all.",
        ja="残しておく古いファイルの数。0 はすべて残す。",
    )
    debug: tuple[Protocol, ...] = option(
        (),
        en="Protocols whose dialogue is logged, without passwords and message contents: smtp, submission, lmtp, pop3, imap.",
        ja="やり取りを記録するプロトコル（パスワードと本文は除く）。smtp、submission、lmtp、pop3、imap。",
        example='["pop3"]',
    )
