"""Values -> the commands MAIL and RCPT, with the parameters that the other server knows.

Addresses with a domain in U-labels and an ASCII local part are said in A-labels: they need no SMTPUTF8 then (RFC 6531 3.2).
"""

from mailsvc.core.outbound import Mail, MailRecipient
from mailsvc.formats.address import ascii_domain
from mailsvc.formats.dsn_parameters import mail_words, rcpt_words
from mailsvc.net.smtp_client.capabilities import Capabilities

__all__ = ["mail_command", "rcpt_command", "spoken"]


def spoken(address: str) -> str:
    """The address as we say it: ASCII if that is possible. Raises ValueError for what must not go into a command."""
    if address.isascii():
        if not address.isprintable():
            raise ValueError("a control character in an address")
        return address
    if not address.isprintable():
        raise ValueError("a character in an address that cannot be printed")
    local, at, domain = address.rpartition("@")
    if not local.isascii():
        return address
    try:
        return local + at + ascii_domain(domain)
    except ValueError:
        return address


def mail_command(mail: Mail, sender: str, eight_bit: bool, utf8: bool, able: Capabilities) -> bytes:
    """MAIL. ``sender``: as :func:`spoken`. ``eight_bit``: whether the message is beyond ASCII. ``utf8``: whether to ask for SMTPUTF8."""
    words = [f"MAIL FROM:<{sender}>"]
    if able.size is not None:
        words.append(f"SIZE={mail.size}")
    if able.eight_bit and eight_bit:
        words.append("BODY=8BITMIME")
    if utf8:
        words.append("SMTPUTF8")
    if able.dsn and (mail.ret or mail.envid):
        words += mail_words(mail.ret, mail.envid)
    return f"{' '.join(words)}\r\n".encode()


def rcpt_command(recipient: MailRecipient, address: str, able: Capabilities) -> bytes:
    """RCPT. ``address``: as :func:`spoken`."""
    if able.dsn and (recipient.notify or recipient.orcpt):
        words = " ".join(rcpt_words(recipient.notify, recipient.orcpt))
        return f"RCPT TO:<{address}> {words}\r\n".encode()
    return f"RCPT TO:<{address}>\r\n".encode()
