"""What all operations have in common."""

import attrs

__all__ = ["Operation"]


@attrs.frozen
class Operation:
    """Base of all operations."""
