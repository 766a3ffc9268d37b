"""The version of this release, read by the build and by ``mailsvc --version``."""

__version__ = "0.1.0.dev0"
