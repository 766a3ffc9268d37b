"""FETCH as columns: each item is a column of values, a batch of messages a table, the response the table printed (RFC 3501 7.4.2).

::

    items -> Plan (columns, and what they need) -> for each run of the view: Batch loads just that -> one bytes.join -> drain

Items are entries of the tables in :mod:`mailsvc.imap.fetch.items` and :mod:`mailsvc.imap.fetch.sections`.
"""

__all__: list[str] = []
