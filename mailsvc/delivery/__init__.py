"""Taking messages in: judge each recipient, take the bytes, commit once.

Give :class:`Reception` to the realm: ``Realm(directory, {IDelivery: Reception(...).avatar})``.
"""

from mailsvc.delivery.reception import Reception

__all__ = ["Reception"]
