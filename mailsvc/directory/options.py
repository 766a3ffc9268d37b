"""Options of accounts: how logins come by their mailboxes, and which names nobody may choose."""

import attrs

from mailsvc.core.options import Duration, option

__all__ = ["AccountOptions"]

# fmt: off
_RESERVED = (
    "abuse", "admin", "administrator", "anonymous", "bin", "daemon", "ftp", "hostmaster", "localhost", "mail",
    "mailer-daemon", "majordomo", "news", "nobody", "noc", "noreply", "owner", "postmaster", "root",
    "security", "support", "system", "usenet", "uucp", "webmaster", "www",
)
# fmt: on


@attrs.frozen(kw_only=True)
class AccountOptions:
    """``[accounts]``."""

    registration: str = option(
        "",
        en="URL where a login without a mailbox registers its name; POP3 and IMAP log-ins are refused with it until then.",
        ja="メールボックスのないログイン名が、アドレスの名前を登録するページの URL。登録するまでは、これを示して POP3・IMAP の"
        "ログインを断る。",
        example='"https://mail.example.test/register"',
    )
    quarantine: Duration = option(
        Duration(180 * 86400),
        en="For how long nobody, its former owner included, may have the address of a removed mailbox; `mailsvc user release` ends it.",
        ja="削除されたメールボックスのアドレスを、元の持ち主も含めてだれも使えない期間。`mailsvc user release` で解除できる。",
        example='"180 d"',
    )
    reserved: tuple[str, ...] = option(
        _RESERVED,
        en="Names that nobody can register (RFC 2142 and such); the administrator can still make them.",
        ja="利用者が登録できない名前（RFC 2142 など）。管理者は作れる。",
    )
