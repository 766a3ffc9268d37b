"""SEARCH as a scan: each key is a test, and a message is opened only as far as the tests need (RFC 3501 6.4.4).

::

    key tree -> one test -> view's arrays -> those that cannot be told yet -> ENVELOPE -> header -> whole message
                            (mailsvc.imap.search.scan: in slices, off the reactor)

``mailsvc.imap.search.tests`` is the table of keys.
"""

__all__: list[str] = []
