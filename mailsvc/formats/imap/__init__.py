"""IMAP: commands from bytes to values, values to responses (RFC 3501, RFC 9051 and the extensions they name).

How a command passes through::

    bytes -> reader.CommandReader -> RawCommand -> commands.parse -> Command(tag, name, uid, args) -> the session
    the session's values -> responses, strings, codes -> bytes

Each command, FETCH item and search key is one entry of a table, so an extension is a new file that adds its entries. Nothing here keeps
state about a session except :class:`~mailsvc.formats.imap.reader.CommandReader`, and that only about bytes.
"""

__all__: list[str] = []
