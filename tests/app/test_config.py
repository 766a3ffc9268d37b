"""Configuration files and what is said about them, in both languages."""

import getpass
from ipaddress import ip_network
from pathlib import Path

import pytest
from twisted.cred.strcred import findCheckerFactories

from mailsvc.app.config import Config, ConfigError, load
from mailsvc.formats.sasl import MECHANISMS
from mailsvc.texts import Texts
from mailsvc.wire.options import Protocol, TLSMode

MINIMAL = """\
hostname = "mail.example.test"
[[domain]]
name = "example.test"
[[listener]]
protocol = "smtp"
port = 2525
tls = "none"
"""

LISTENER = '\n[[listener]]\nprotocol = "smtp"\ntls = "none"\n'


def write(folder: Path, text: str) -> Path:
    """The text as a configuration file."""
    path = folder / "mailsvc.toml"
    path.write_text(text)
    return path


def said(folder: Path, text: str, language: str = "en") -> list[str]:
    """What is wrong with this file, without its folder."""
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    return caught.value.say(Texts(language)).replace(f"{folder}/", "").splitlines()


def test_minimal_file(tmp_path: Path) -> None:
    """A few lines are enough; everything else has a default."""
    config = load(write(tmp_path, MINIMAL))
    assert (config.hostname, config.workers) == ("mail.example.test", 1)
    assert [domain.name for domain in config.domains] == ["example.test"]
    (listener,) = config.listeners
    assert (listener.protocol, listener.address, listener.port) == (Protocol.SMTP, "127.0.0.1", 2525)
    assert listener.tls is TLSMode.NONE
    assert config.file == tmp_path / "mailsvc.toml"


def test_values_arrive_in_their_types(tmp_path: Path) -> None:
    """Sizes, times, networks, choices and file names are values, not text."""
    (tmp_path / "c.pem").touch()
    (tmp_path / "k.pem").touch()
    config = load(
        write(
            tmp_path,
            f'user = "{getpass.getuser()}"\n{MINIMAL}message_size = "1.5 MiB"\nidle_timeout = "5 min"\n'
            'cleartext = ["192.0.2.0/24", "::1"]\n'
            '[log]\nfile = "log/x.log"\nrotate_size = "10k"\ndebug = ["pop3"]\n'
            '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\nprofile = "modern"\n',
        )
    )
    (listener,) = config.listeners
    assert listener.message_size == 1_572_864
    assert listener.idle_timeout == 300
    assert listener.cleartext == (ip_network("192.0.2.0/24"), ip_network("::1"))
    assert config.log.file == tmp_path / "log/x.log"
    assert (config.log.rotate_size, config.log.debug) == (10_000, (Protocol.POP3,))
    assert config.tls.certificate == tmp_path / "c.pem"


def test_configuration_cannot_be_changed(tmp_path: Path) -> None:
    """What was read stays as it was read."""
    config: Config = load(write(tmp_path, MINIMAL))
    with pytest.raises(AttributeError):
        config.workers = 2  # type: ignore[misc]


SOURCES = ", ".join(["own", "passwd", "pam", *sorted(factory.authType for factory in findCheckerFactories())])

# Each row: what is added to the minimal file (or replaces it after "="), and the lines that must come out, in English and Japanese.
NAMES = ", ".join(MECHANISMS)

TABLE = {
    "unknown key": (
        "port_ = 3\n",
        ["mailsvc.toml:8: listener[1].port_: is not a key of this configuration; did you mean port?"],
        ["mailsvc.toml:8: listener[1].port_: この設定にはないキーです。port ではありませんか"],
    ),
    "key in the wrong table": (
        "[tls]\nworkers = 2\nrotate_size = 1\n",
        [
            "mailsvc.toml:9: tls.workers: is not a key of this table; it belongs at the top of the file, before the first table",
            "mailsvc.toml:10: tls.rotate_size: is not a key of this table; it belongs in [log]",
        ],
        [
            "mailsvc.toml:9: tls.workers: このテーブルのキーではありません。ファイルの先頭（最初のテーブルより前）に書いてください",
            "mailsvc.toml:10: tls.rotate_size: このテーブルのキーではありません。[log] に書いてください",
        ],
    ),
    "limits of zero": (
        "connections = 0\nidle_timeout = 0\n[auth]\nhashing_threads = 0\n[store]\ntimeout = 0\n",
        [
            "mailsvc.toml:8: listener[1].connections: 0 is too small; give 1 or more",
            "mailsvc.toml:9: listener[1].idle_timeout: 0 is too small; give 1 or more",
            "mailsvc.toml:11: auth.hashing_threads: 0 is too small; give 1 or more",
            "mailsvc.toml:13: store.timeout: 0 is too small; give 1 or more",
        ],
        [
            "mailsvc.toml:8: listener[1].connections: 0 は小さすぎます。1 以上にしてください",
            "mailsvc.toml:9: listener[1].idle_timeout: 0 は小さすぎます。1 以上にしてください",
            "mailsvc.toml:11: auth.hashing_threads: 0 は小さすぎます。1 以上にしてください",
            "mailsvc.toml:13: store.timeout: 0 は小さすぎます。1 以上にしてください",
        ],
    ),
    "key far from all others": (
        "[zebra]\nx = 1\n",
        ["mailsvc.toml:8: zebra: is not a key of this configuration"],
        ["mailsvc.toml:8: zebra: この設定にはないキーです"],
    ),
    "wrong type": (
        'connections = "many"\naddress = 4\n[log]\nfile = 7\ndebug = "pop3"\n',
        [
            'mailsvc.toml:8: listener[1].connections: "many" is not a whole number',
            "mailsvc.toml:9: listener[1].address: 4 is not text in quotes",
            "mailsvc.toml:11: log.file: 7 is not a file name in quotes",
            'mailsvc.toml:12: log.debug: "pop3" is not a list in [ ]',
        ],
        [
            'mailsvc.toml:8: listener[1].connections: "many" は整数ではありません',
            "mailsvc.toml:9: listener[1].address: 4 は引用符で囲んだ文字列ではありません",
            "mailsvc.toml:11: log.file: 7 は引用符で囲んだファイル名ではありません",
            'mailsvc.toml:12: log.debug: "pop3" は[ ] で囲んだリストではありません',
        ],
    ),
    "true is no number": (
        "connections = true\n",
        ["mailsvc.toml:8: listener[1].connections: true is not a whole number"],
        ["mailsvc.toml:8: listener[1].connections: true は整数ではありません"],
    ),
    "negative": (
        "connections = -1\n",
        ["mailsvc.toml:8: listener[1].connections: -1 is negative; give 0 or more"],
        ["mailsvc.toml:8: listener[1].connections: -1 は負の数です。0 以上の数を書いてください"],
    ),
    "table where a value is": (
        "=tls = 1\ndomain = 2\nlistener = {}\n",
        [
            "mailsvc.toml:1: tls: is not a table; begin it with [tls]",
            "mailsvc.toml:2: domain: is not a table; begin it with [[domain]]",
            "mailsvc.toml:3: listener: is not a table; begin it with [[listener]]",
        ],
        [
            "mailsvc.toml:1: tls: テーブルではありません。[tls] で始めてください",
            "mailsvc.toml:2: domain: テーブルではありません。[[domain]] で始めてください",
            "mailsvc.toml:3: listener: テーブルではありません。[[listener]] で始めてください",
        ],
    ),
    "nothing at all": (
        "=",
        [
            "mailsvc.toml:1: listener: there is no [[listener]]: nothing would be served; "
            "`mailsvc config sample` shows how to write one",
            "mailsvc.toml:1: domain: there is no [[domain]]: nobody could get mail; "
            'write [[domain]] and name = "your.domain"',
        ],
        [
            "mailsvc.toml:1: listener: [[listener]] がありません。何も提供できません。書き方は `mailsvc config sample` を見てください",
            "mailsvc.toml:1: domain: [[domain]] がありません。だれもメールを受け取れません。"
            '[[domain]] と name = "ドメイン名" を書いてください',
        ],
    ),
    "missing key": (
        '[[listener]]\nport = 25\ntls = "none"\n',
        ["mailsvc.toml:8: listener[2].protocol: is missing; it must be given"],
        ["mailsvc.toml:8: listener[2].protocol: 必須のキーがありません"],
    ),
    "choice": (
        '[log]\nformat = "jsno"\n[tls]\nprofile = "3"\n',
        [
            'mailsvc.toml:9: log.format: "jsno" is not one of the choices; did you mean "json"? (choices: "text", "json")',
            'mailsvc.toml:11: tls.profile: "3" is not one of the choices; give one of: "modern", "intermediate", "old"',
        ],
        [
            'mailsvc.toml:9: log.format: "jsno" は選べません。"json" ではありませんか（選べるもの: "text", "json"）',
            'mailsvc.toml:11: tls.profile: "3" は選べません。次のどれかを書いてください: "modern", "intermediate", "old"',
        ],
    ),
    "size and time": (
        'message_size = "10 XB"\nidle_timeout = "soon"\n',
        [
            'mailsvc.toml:8: listener[1].message_size: "10 XB" is not a size; '
            'give octets, or text such as "10 MB" (k, M, G, or Ki, Mi, Gi)',
            'mailsvc.toml:9: listener[1].idle_timeout: "soon" is not a time; '
            'give seconds, or text such as "5 min" (s, min, h, d)',
        ],
        [
            'mailsvc.toml:8: listener[1].message_size: "10 XB" はサイズとして読めません。'
            'バイト数か、"10 MB" のように書いてください（k、M、G、または Ki、Mi、Gi）',
            'mailsvc.toml:9: listener[1].idle_timeout: "soon" は時間として読めません。'
            '秒数か、"5 min" のように書いてください（s、min、h、d）',
        ],
    ),
    "networks": (
        'cleartext = ["10.0.0.1/8",\n "here"]\n',
        [
            'mailsvc.toml:8: listener[1].cleartext[1]: "10.0.0.1/8" has bits set after its prefix; the network is 10.0.0.0/8',
            'mailsvc.toml:9: listener[1].cleartext[2]: "here" is not a network; '
            'write it like "192.0.2.0/24", "2001:db8::/32" or a single address',
        ],
        [
            'mailsvc.toml:8: listener[1].cleartext[1]: "10.0.0.1/8" はプレフィックスより後のビットが 0 ではありません。'
            "ネットワークは 10.0.0.0/8 です",
            'mailsvc.toml:9: listener[1].cleartext[2]: "here" はネットワークとして読めません。'
            '"192.0.2.0/24"、"2001:db8::/32" や単独のアドレスの形で書いてください',
        ],
    ),
    "missing certificate": (
        '[tls]\ncertificate = "no.pem"\nkey = "."\n',
        [
            "mailsvc.toml:9: tls.certificate: the file no.pem does not exist",
            "mailsvc.toml:10: tls.key: {here} is not a file",
        ],
        [
            "mailsvc.toml:9: tls.certificate: ファイル no.pem がありません",
            "mailsvc.toml:10: tls.key: {here} はファイルではありません",
        ],
    ),
    "certificate without key": (
        '[tls]\ncertificate = "mailsvc.toml"\n',
        ["mailsvc.toml:8: tls.key: a certificate and its key belong together; key is missing"],
        ["mailsvc.toml:8: tls.key: 証明書と秘密鍵は両方必要です。key がありません"],
    ),
    "TLS without certificate": (
        '[[listener]]\nprotocol = "pop3"\nport = 995\ntls = "implicit"\n',
        [
            'mailsvc.toml:11: listener[2].tls: tls = "implicit" needs a certificate; '
            'give certificate and key in [tls], or write tls = "none"'
        ],
        [
            'mailsvc.toml:11: listener[2].tls: tls = "implicit" には証明書が必要です。'
            '[tls] に certificate と key を書くか、tls = "none" にしてください'
        ],
    ),
    "store too deep": (
        f'[store]\npath = "/{"x" * 100}"\n',
        [
            f"mailsvc.toml:9: store.path: /{'x' * 100} is too long: the path of the socket in it may have at most 107 bytes"
            "; choose a shorter one"
        ],
        [
            f"mailsvc.toml:9: store.path: /{'x' * 100} は長すぎます。その中に置くソケットのパスは 107 バイトまでなので、"
            "短いパスにしてください"
        ],
    ),
    "password sources": (
        '[auth]\nsources = ["own", "pswd:/x",\n"passwd:relative", "passwd:/no/such/file", "memory:a:b", "own",\n'
        '"pam:no-such-service", "pam:../passwd"]\n',
        [
            'mailsvc.toml:9: auth.sources[2]: "pswd:/x" is no source of passwords; give one of: {sources}',
            'mailsvc.toml:10: auth.sources[3]: "relative" must be an absolute path: passwd:/path',
            "mailsvc.toml:10: auth.sources[4]: the file /no/such/file does not exist",
            "mailsvc.toml:10: auth.sources[6]: own stands here already",
            "mailsvc.toml:11: auth.sources[7]: the file /etc/pam.d/no-such-service does not exist",
            'mailsvc.toml:11: auth.sources[8]: "../passwd" is no PAM service: write pam:NAME for the file /etc/pam.d/NAME',
        ],
        [
            'mailsvc.toml:9: auth.sources[2]: "pswd:/x" というパスワードの調べ先はありません。次のどれかを書いてください: {sources}',
            'mailsvc.toml:10: auth.sources[3]: "relative" は絶対パスで passwd:/パス と書いてください',
            "mailsvc.toml:10: auth.sources[4]: ファイル /no/such/file がありません",
            "mailsvc.toml:10: auth.sources[6]: own はすでに書かれています",
            "mailsvc.toml:11: auth.sources[7]: ファイル /etc/pam.d/no-such-service がありません",
            'mailsvc.toml:11: auth.sources[8]: "../passwd" は PAM のサービス名ではありません。'
            "ファイル /etc/pam.d/名前 に対して pam:名前 と書いてください",
        ],
    ),
    "ways to log in": (
        '[oauth]\nissuer = "https://login.example.test"\nintrospection = "http://login.example.test/"\n'
        f'{LISTENER}port = 2626\nmechanisms = ["PLAIN", "NTLM"]\n',
        [
            'mailsvc.toml:10: oauth.introspection: "http://login.example.test/" is not an https URL (http is for this machine only)',
            'mailsvc.toml:16: listener[2].mechanisms: "NTLM" is not one of the choices; give one of: {mechanisms}',
        ],
        [
            'mailsvc.toml:10: oauth.introspection: "http://login.example.test/" は https の URL ではありません'
            "（http はこのマシン宛てに限る）",
            'mailsvc.toml:16: listener[2].mechanisms: "NTLM" は選べません。次のどれかを書いてください: {mechanisms}',
        ],
    ),
    "a provider that cannot judge": (
        '[oauth]\nissuer = "https://login.example.test"\n',
        ["mailsvc.toml:9: oauth.issuer: needs keys (a file) or introspection (a URL), or no token can be judged"],
        [
            "mailsvc.toml:9: oauth.issuer: keys（ファイル）か introspection（URL）が必要です。ないとトークンを検証できません"
        ],
    ),
    "no such port": (
        f"{LISTENER}port = 99999\n{LISTENER}",
        [
            "mailsvc.toml:12: listener[2].port: 99999 is not a port; give a number from 1 to 65535",
            "mailsvc.toml:14: listener[3].port: a listener on an IP address needs a port; give a number from 1 to 65535",
        ],
        [
            "mailsvc.toml:12: listener[2].port: 99999 はポート番号ではありません。1 から 65535 までの数を書いてください",
            "mailsvc.toml:14: listener[3].port: IP アドレスで待ち受けるにはポート番号が必要です。1 から 65535 までの数を書いてください",
        ],
    ),
    "bad address": (
        f'{LISTENER}address = "localhost"\nport = 25\n',
        [
            'mailsvc.toml:12: listener[2].address: "localhost" is not an address; '
            "give an IPv4 or IPv6 address, or unix:/path"
        ],
        [
            'mailsvc.toml:12: listener[2].address: "localhost" は待ち受けるアドレスではありません。'
            "IPv4 か IPv6 のアドレス、または unix:/パス を書いてください"
        ],
    ),
    "Unix sockets": (
        f'{LISTENER}address = "unix:/a"\n{LISTENER}address = "unix:/a"\n{LISTENER}address = "unix:b"\nport = 1\n',
        [
            "mailsvc.toml:17: listener[3].address: the same socket as listener[2]; give one of them another path",
            "mailsvc.toml:22: listener[4].address: the path of a Unix socket must be absolute and of at most 107 bytes",
            "mailsvc.toml:23: listener[4].port: a Unix socket has no port; leave it out",
        ],
        [
            "mailsvc.toml:17: listener[3].address: listener[2] と同じソケットです。どちらかを別のパスにしてください",
            "mailsvc.toml:22: listener[4].address: Unix ソケットのパスは絶対パスで、107 バイト以内にしてください",
            "mailsvc.toml:23: listener[4].port: Unix ソケットにポート番号はありません。この行を除いてください",
        ],
    ),
    "port taken twice": (
        f"{LISTENER}port = 2525\n[monitor]\nport = 2525\n",
        [
            "mailsvc.toml:12: listener[2].port: port 2525 on 127.0.0.1 is already taken by listener[1]; "
            "give one of them another port",
            "mailsvc.toml:14: monitor.port: port 2525 on 127.0.0.1 is already taken by listener[1]; "
            "give one of them another port",
        ],
        [
            "mailsvc.toml:12: listener[2].port: 127.0.0.1 のポート 2525 は listener[1] がすでに使っています。"
            "どちらかを別のポートにしてください",
            "mailsvc.toml:14: monitor.port: 127.0.0.1 のポート 2525 は listener[1] がすでに使っています。"
            "どちらかを別のポートにしてください",
        ],
    ),
    "LMTP for everybody": (
        '[[listener]]\nprotocol = "lmtp"\naddress = "192.0.2.1"\nport = 24\ntls = "implicit"\n',
        [
            "mailsvc.toml:10: listener[2].address: LMTP on 192.0.2.1 would let strangers past every check; "
            "listen on a loopback address or unix:/path, or set lmtp_public = true",
            'mailsvc.toml:12: listener[2].tls: tls = "implicit" needs a certificate; '
            'give certificate and key in [tls], or write tls = "none"',
        ],
        [
            "mailsvc.toml:10: listener[2].address: 192.0.2.1 で LMTP を開くと、部外者がすべての検査を素通りします。"
            "ループバックのアドレスか unix:/パス にするか、lmtp_public = true と書いてください",
            'mailsvc.toml:12: listener[2].tls: tls = "implicit" には証明書が必要です。'
            '[tls] に certificate と key を書くか、tls = "none" にしてください',
        ],
    ),
    "few recipients": (
        "recipients = 99\n",
        ["mailsvc.toml:8: listener[1].recipients: 99 is too few: RFC 5321 4.5.3.1.8 asks for at least 100"],
        ["mailsvc.toml:8: listener[1].recipients: 99 は少なすぎます。RFC 5321 4.5.3.1.8 は 100 以上を求めています"],
    ),
    "domains": (
        '[[domain]]\nname = "exa mple"\naliases = ["a.test",\n"A.TEST", "192.0.2.1", ""]\n',
        [
            'mailsvc.toml:9: domain[2].name: "exa mple" is not a domain name: each part between dots has 1 to 63 letters, '
            "digits and hyphens, no hyphen at an end",
            'mailsvc.toml:11: domain[2].aliases[2]: "A.TEST" is declared already in domain[2].aliases[1]',
            'mailsvc.toml:11: domain[2].aliases[3]: "192.0.2.1" is not a domain name: it is an IP address',
            'mailsvc.toml:11: domain[2].aliases[4]: "" is not a domain name: it is empty',
        ],
        [
            'mailsvc.toml:9: domain[2].name: "exa mple" はドメイン名ではありません: 点で区切った各部分は 1〜63 文字の英数字と'
            "ハイフンで、ハイフンで始まることも終わることもできません",
            'mailsvc.toml:11: domain[2].aliases[2]: "A.TEST" は domain[2].aliases[1] ですでに宣言されています',
            'mailsvc.toml:11: domain[2].aliases[3]: "192.0.2.1" はドメイン名ではありません: IP アドレスです',
            'mailsvc.toml:11: domain[2].aliases[4]: "" はドメイン名ではありません: 空です',
        ],
    ),
    "domains of others": (
        '[[relay_domain]]\nname = "Example.Test"\n[[relay_domain]]\nname = "b.test"\n[[relay_domain]]\nname = "b.test"\n'
        '[border]\ndomains = ["b.test", ""]\n',
        [
            'mailsvc.toml:9: relay_domain[1].name: "Example.Test" is declared already in domain[1].name',
            'mailsvc.toml:13: relay_domain[3].name: "b.test" is declared already in relay_domain[2].name',
            'mailsvc.toml:15: border.domains[2]: "" is not a domain name: it is empty',
        ],
        [
            'mailsvc.toml:9: relay_domain[1].name: "Example.Test" は domain[1].name ですでに宣言されています',
            'mailsvc.toml:13: relay_domain[3].name: "b.test" は relay_domain[2].name ですでに宣言されています',
            'mailsvc.toml:15: border.domains[2]: "" はドメイン名ではありません: 空です',
        ],
    ),
    "domain of a listener": (
        'domain = "-"\n',
        [
            'mailsvc.toml:8: listener[1].domain: "-" is not a domain name: each part between dots has 1 to 63 letters, '
            "digits and hyphens, no hyphen at an end",
        ],
        [
            'mailsvc.toml:8: listener[1].domain: "-" はドメイン名ではありません: 点で区切った各部分は 1〜63 文字の英数字と'
            "ハイフンで、ハイフンで始まることも終わることもできません",
        ],
    ),
    "whom to become": (
        f'=workers = 0\nuser = "no-such-user"\ngroup = "no-such-group"\n{MINIMAL}',
        [
            "mailsvc.toml:1: workers: 0 is too small; give 1 or more",
            'mailsvc.toml:2: user: there is no user "no-such-user" on this system',
            'mailsvc.toml:3: group: there is no group "no-such-group" on this system',
        ],
        [
            "mailsvc.toml:1: workers: 0 は小さすぎます。1 以上にしてください",
            'mailsvc.toml:2: user: このシステムにユーザー "no-such-user" はいません',
            'mailsvc.toml:3: group: このシステムにグループ "no-such-group" はありません',
        ],
    ),
    "password service": (
        '[[listener]]\nprotocol = "poppassd"\naddress = "192.0.2.1"\nport = 106\ntls = "none"\n'
        '[[listener]]\nprotocol = "poppassd"\naddress = "127.0.0.1"\nport = 106\ntls = "none"\n',
        [
            'mailsvc.toml:12: listener[2].tls: poppassd cannot begin TLS by itself: use tls = "implicit", or tls = "none" on the loopback'
        ],
        [
            'mailsvc.toml:12: listener[2].tls: poppassd は途中から TLS に切り替えられません。tls = "implicit" にするか、'
            'ループバックで tls = "none" にしてください',
        ],
    ),
    "certificates": (
        '[[domain]]\nname = "a.test"\ncertificate = "mailsvc.toml"\n[[domain]]\nname = "b.test"\ncertificate = "mailsvc.toml"\n'
        'key = "mailsvc.toml"\nname_pattern = "["\n[tls]\nclient_revoked = "mailsvc.toml"\n',
        [
            "mailsvc.toml:8: domain[2].key: a certificate and its key belong together; key is missing",
            "mailsvc.toml:13: domain[3].certificate: a domain's own certificate needs one in [tls] beside it, "
            "for clients that ask for no name",
            "mailsvc.toml:15: domain[3].name_pattern: is no regular expression: unterminated character set at position 0",
            "mailsvc.toml:17: tls.client_revoked: needs client_authorities, whose lists these are",
        ],
        [
            "mailsvc.toml:8: domain[2].key: 証明書と秘密鍵は両方必要です。key がありません",
            "mailsvc.toml:13: domain[3].certificate: ドメイン固有の証明書には、名前を示さないクライアントのための [tls] の証明書も必要です",
            "mailsvc.toml:15: domain[3].name_pattern: 正規表現ではありません: unterminated character set at position 0",
            "mailsvc.toml:17: tls.client_revoked: 失効リストには、その認証局（client_authorities）が必要です",
        ],
    ),
    "host name": (
        f"={MINIMAL.replace('mail.example.test', 'a..b')}",
        [
            'mailsvc.toml:1: hostname: "a..b" is not a domain name: each part between dots has 1 to 63 letters, '
            "digits and hyphens, no hyphen at an end",
        ],
        [
            'mailsvc.toml:1: hostname: "a..b" はドメイン名ではありません: 点で区切った各部分は 1〜63 文字の英数字とハイフンで、'
            "ハイフンで始まることも終わることもできません",
        ],
    ),
}


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("case", TABLE)
def test_what_is_wrong_is_said(tmp_path: Path, case: str, language: str) -> None:
    """Each mistake is named with file, line, key and what would be right, in the reader's language."""
    text, english, japanese = TABLE[case]
    expected = {"en": english, "ja": japanese}[language]
    full = text[1:] if text.startswith("=") else MINIMAL + text
    assert said(tmp_path, full, language) == [
        line.replace("{here}", str(tmp_path)).replace("{sources}", SOURCES).replace("{mechanisms}", NAMES)
        for line in expected
    ]


OVERLAPS = {
    ("0.0.0.0", "127.0.0.1"): True,
    ("0.0.0.0", "0.0.0.0"): True,
    ("::", "0.0.0.0"): True,
    ("::", "192.0.2.1"): True,
    ("::", "::1"): True,
    ("::ffff:127.0.0.1", "127.0.0.1"): True,
    ("0:0::1", "::1"): True,
    ("0.0.0.0", "::1"): False,
    ("127.0.0.1", "127.0.0.2"): False,
    ("127.0.0.1", "::1"): False,
}


@pytest.mark.parametrize(("pair", "clash"), OVERLAPS.items())
@pytest.mark.parametrize("swapped", [False, True])
def test_wildcards_overlap(tmp_path: Path, pair: tuple[str, str], clash: bool, swapped: bool) -> None:
    """One port on two addresses is a mistake exactly if one of them covers the other, in either order."""
    one, two = reversed(pair) if swapped else pair
    text = '[[domain]]\nname = "example.test"\n' + "".join(
        f'{LISTENER}address = "{address}"\nport = 25\n' for address in (one, two)
    )
    if clash:
        assert ["listener[2].port: port 25 on" in line for line in said(tmp_path, text)] == [True]
    else:
        assert len(load(write(tmp_path, text)).listeners) == 2


def test_first_problem_of_a_key_is_enough(tmp_path: Path) -> None:
    """A value of the wrong type is not complained about a second time by a later check."""
    text = MINIMAL.replace("2525", '"x"') + '[tls]\nkey = "absent"\n'
    assert [line.split(": ")[1] for line in said(tmp_path, text)] == ["listener[1].port", "tls.certificate", "tls.key"]


def test_lmtp_may_be_public_if_told_so(tmp_path: Path) -> None:
    """An administrator who means it can open LMTP to a network."""
    text = '[[listener]]\nprotocol = "lmtp"\naddress = "0.0.0.0"\nport = 24\ntls = "none"\nlmtp_public = true\n'
    assert len(load(write(tmp_path, MINIMAL + text)).listeners) == 2


def test_international_domains(tmp_path: Path) -> None:
    """A domain in Japanese is a domain, and the same one in its ASCII form is a repetition."""
    text = MINIMAL + '[[domain]]\nname = "例え.test"\naliases = ["xn--r8jz45g.test"]\n'
    assert said(tmp_path, text) == [
        'mailsvc.toml:10: domain[2].aliases[1]: "xn--r8jz45g.test" is declared already in domain[2].name'
    ]


def test_file_that_cannot_be_reached(tmp_path: Path) -> None:
    """A key that exists nowhere one could look is said to be unreadable, with the system's reason."""
    assert said(tmp_path, f'{MINIMAL}[tls]\nkey = "mailsvc.toml/key.pem"\n')[1] == (
        "mailsvc.toml:9: tls.key: the file mailsvc.toml/key.pem cannot be read: Not a directory"
    )


def test_a_name_in_two_files_of_passwords(tmp_path: Path) -> None:
    """A name has its password in one place: whoever stands in two files is named."""
    (tmp_path / "one").write_text("hanako:x\ntaro:x\n")
    (tmp_path / "two").write_text("# others\nhanako:y\njiro:y\n")
    text = f'{MINIMAL}[auth]\nsources = ["passwd:{tmp_path}/one", "passwd:{tmp_path}/two"]\n'
    assert said(tmp_path, text) == [
        "mailsvc.toml:9: auth.sources[2]: these names stand in passwd:one too, "
        "and a name may have its password in one source only: hanako"
    ]
