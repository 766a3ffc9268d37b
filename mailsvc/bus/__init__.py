"""Events inside a process; the store's client carries announcements between processes."""

from mailsvc.bus.bus import Announcement, Bus

__all__ = ["Announcement", "Bus"]
