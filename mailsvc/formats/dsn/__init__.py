"""Delivery status notifications (RFC 3464, 6522, 6533): what one mail server tells a sender about mail.

::

    values -> fields.render -> message/delivery-status \
                  letter, returned message              -> build.build -> a multipart/report, complete
    any message -> read.read -> Bounce(values), or None  (foreign: reports from before there was a standard)

``values`` is the vocabulary; nothing here knows the queue, or in what words people are told.
"""

__all__: list[str] = []
