"""SMTP, submission and LMTP: a wire on one side, the portal and the delivery avatar on the other.

To compose::

    factory = ConversationFactory(options, smtp.build(options, portal, hostname), clock, tls, ...)

:func:`build` gives the right server for ``options.protocol``. The portal must know IAuthenticated and IDelivery.
"""

from mailsvc.smtp.build import build

__all__ = ["build"]
