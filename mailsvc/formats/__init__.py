"""Grammar: pure bytes to values and back. No Twisted, no I/O, no clock."""
