"""Who exists here, and where an address goes."""

from mailsvc.directory.directory import Directory
from mailsvc.directory.grants import Grants
from mailsvc.directory.secrets import Secrets

__all__ = ["Directory", "Grants", "Secrets"]
