"""Options of log-ins: where passwords are looked up, and what checking them may cost."""

import attrs

from mailsvc.core.options import option

__all__ = ["AuthOptions"]


@attrs.frozen(kw_only=True)
class AuthOptions:
    """``[auth]``."""

    sources: tuple[str, ...] = option(
        ("own",),
        en="Where passwords are looked up, in order: own (our own accounts); passwd:/path (a file of name:hash lines, argon2 or "
        "bcrypt); or TYPE:ARGUMENTS of any Twisted checker (twistd mailsvc --help-auth). All of them lead to accounts made here.",
        ja="パスワードを調べる先（順に試す）。own（自前のアカウント）、passwd:/パス（名前:ハッシュ の行からなるファイル、argon2 か "
        "bcrypt）、または Twisted のチェッカー TYPE:引数（twistd mailsvc --help-auth）。いずれもここで作ったアカウントに対応づけられる。",
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
