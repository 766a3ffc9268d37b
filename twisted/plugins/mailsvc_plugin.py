"""Makes ``twistd mailsvc`` known to twistd."""

from twisted.application.service import ServiceMaker

mailsvc = ServiceMaker(
    "mailsvc",
    "mailsvc.tap",
    "SMTP, submission, LMTP, IMAP4 and POP3 with one store and one relay decision.",
    "mailsvc",
)
