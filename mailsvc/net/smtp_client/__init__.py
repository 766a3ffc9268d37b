"""The SMTP and LMTP client that the queue sends with (RFC 5321, RFC 2033).

::

    SMTPConnector.connect(hop, terms)   connector: a socket; opening: greeting, EHLO, STARTTLS, AUTH
        -> SMTPConnection               connection: transactions on it, one after another
             .send(mail, recipients)    transaction: MAIL, RCPT and DATA or BDAT in as few writes as the other side allows
                 -> [Answer]

``line`` is the Twisted protocol below all of it: writes, replies with their time-outs, TLS. ``body`` makes of a message what may leave.
"""

from mailsvc.net.smtp_client.connector import SMTPConnector

__all__ = ["SMTPConnector"]
