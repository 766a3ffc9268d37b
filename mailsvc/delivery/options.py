"""Options of delivery: the border."""

from ipaddress import ip_network

import attrs

from mailsvc.core.options import Network, Size, option

__all__ = ["BorderOptions"]


@attrs.frozen(kw_only=True)
class BorderOptions:
    """``[border]``."""

    message_size: Size = option(
        Size(0),
        en="Largest message that may enter or leave, in octets on the wire (an attachment grows by a third); 0: only the "
        "listener's limit. Mail for people here and elsewhere is delivered here, and its sender is told that it did not leave.",
        ja="内外の境を越えられるメッセージの最大サイズ（通信上のバイト数。添付ファイルは約 3 分の 1 大きくなる）。0 なら待ち受けの"
        "上限だけ。内外の両方に宛てたものは内部にだけ届け、外部には送らなかったことを差出人に知らせる。",
        example='"10 MB"',
    )
    networks: tuple[Network, ...] = option(
        (ip_network("127.0.0.0/8"), ip_network("::1")),
        en="Networks that are inside. Who has logged in, or may send by POP before SMTP, is inside from wherever.",
        ja="内部とみなすネットワーク。ログインした人と、POP before SMTP で送信できる人は、どこから接続しても内部とみなす。",
        example='["127.0.0.0/8", "::1", "192.0.2.0/24"]',
    )
    domains: tuple[str, ...] = option(
        (),
        en="Domains of other servers that are inside, such as those for which we are the gateway.",
        ja="ほかのサーバーが受け持つが内部とみなすドメイン（ゲートウェイとして受けるドメインなど）。",
        example='["branch.example.test"]',
    )
