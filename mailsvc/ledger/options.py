"""Options of the ledger."""

import attrs

from mailsvc.core.options import Duration, option

__all__ = ["LedgerOptions"]


@attrs.frozen
class LedgerOptions:
    """``[ledger]``."""

    on: bool = option(
        True,
        en="Whether it is written. What is in it already can be read all the same, until it is too old.",
        ja="記録するかどうか。false にしても、すでにある記録は保存期間が過ぎるまで読める。",
    )
    keep: Duration = option(
        Duration(90 * 86400),
        en="How long a row is kept.",
        ja="記録を残しておく期間。",
        example='"90 d"',
    )
