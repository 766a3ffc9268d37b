"""MIME: where the parts of a message lie and what their text is (RFC 2045-2047, 2231, 5322).

Messages stay bytes; what is found is offsets into them. ``parts`` finds the structure, ``fields``, ``parameters`` and ``addresses`` read
header fields, ``transfer``, ``charsets``, ``words`` and ``text`` turn what was sent into text that can be searched.

Nothing here raises on a malformed message: each oddity has one answer, written where it is given.
"""

__all__: list[str] = []
