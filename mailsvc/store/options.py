"""Options of the store."""

from pathlib import Path

import attrs

from mailsvc.core.options import Duration, Size, option

__all__ = ["StoreOptions"]


@attrs.frozen
class StoreOptions:
    """Where mail is kept, and when the disk counts as full."""

    path: Path = option(
        Path("store"),
        en="Directory of the database and the large messages; relative to the configuration file.",
        ja="データベースと大きなメッセージを置くディレクトリ。相対パスは設定ファイルの場所から数える。",
    )
    inline_limit: Size = option(
        Size(128_000),
        en="Messages up to this size live in the database, larger ones in a file each.",
        ja="この大きさまでのメッセージはデータベースに、それより大きいものは 1 通ずつファイルに置く。",
        example='"128 kB"',
    )
    low_disk: Size = option(
        Size(200_000_000),
        en="Free space below which new mail is put off with a temporary failure, so that reading and deleting still work.",
        ja="空き容量がこれを下回ると、新しいメールを一時エラーで断る。閲覧と削除は引き続きできる。",
        example='"200 MB"',
    )
    timeout: Duration = option(
        Duration(30),
        en="How long a worker waits for the store before it answers its client with a temporary failure.",
        ja="ワーカーが保存領域の応答を待つ時間。過ぎるとクライアントに一時エラーを返す。",
        example='"30 s"',
    )
    rows_cache: int = option(
        1_000_000,
        en="How many index rows of recently opened mailboxes each worker keeps in memory (48 octets each).",
        ja="各ワーカーがメモリに保持する、最近開いたメールボックスの索引の行数（1 行あたり 48 バイト）。",
    )
