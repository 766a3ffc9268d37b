"""Options of the monitoring endpoint."""

import attrs

from mailsvc.core.options import option

__all__ = ["MonitorOptions"]


@attrs.frozen(kw_only=True)
class MonitorOptions:
    """``[monitor]``."""

    address: str = option(
        "127.0.0.1",
        en="Address of the HTTP port for /metrics and /health. It asks for no password: keep it local.",
        ja="/metrics と /health を提供する HTTP ポートのアドレス。パスワードを求めないので、外部には公開しない。",
    )
    port: int = option(
        0,
        en="Its TCP port; 0: off.",
        ja="その TCP ポート番号。0 なら提供しない。",
        example="9125",
    )
