"""SQLite: opening it safely, and bringing its schema up to date. The only room that knows how the library is switched on."""

__all__ = ["connection", "schema"]
