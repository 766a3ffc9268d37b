"""What it looks like when mail may go to another server."""

from mailsvc.cli.relay_probing import Verdict

__all__ = ["let_out"]


def let_out(verdict: Verdict) -> bool:
    """Whether the relay decision said yes. There is no queue yet: a recipient who may be sent mail is put off with a reply of its own.

    Once there is one, this is ``verdict.taken``.
    """
    return verdict.code == 451 and "Mail to other servers cannot be taken yet" in verdict.reply
