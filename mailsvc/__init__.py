"""mailsvc: a complete mail service on Twisted, started by ``twistd mailsvc``.

``makeService(config)`` gives the whole service as one :class:`twisted.application.service.IService`, for tac files and for
embedding; everything else lives in the rooms that ``docs/architecture.rst`` describes.
"""

from typing import TYPE_CHECKING, Any

from mailsvc._version import __version__

if TYPE_CHECKING:
    from mailsvc.app.service import makeService

__all__ = ["__version__", "makeService"]


def __getattr__(name: str) -> Any:
    # Lazy, so that importing one room does not import the whole house.
    if name == "makeService":
        from mailsvc.app.service import makeService

        return makeService
    raise AttributeError(f"module 'mailsvc' has no attribute {name!r}")
