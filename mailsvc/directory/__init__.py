"""Who exists here, and where an address goes."""

from mailsvc.directory.directory import Directory

__all__ = ["Directory"]
