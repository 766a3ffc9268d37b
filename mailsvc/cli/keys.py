"""``mailsvc keys``: the keys of device passwords."""

import os

import click

from mailsvc.app.config import Config
from mailsvc.app.privileges import find_identity
from mailsvc.auth.keyring import BadKeyFile, Key, KeyFile, KeyRing, UnknownKey
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import open_house
from mailsvc.cli.output import Refused, note
from mailsvc.cli.words import Group
from mailsvc.core.operations import ResealDevice
from mailsvc.core.secrets import Device
from mailsvc.texts import Sentence

__all__ = ["current_key", "keys"]


@click.group(cls=Group, help="cli.keys")
def keys() -> None:
    """Commands about keys."""


@keys.command("rotate", help="cli.keys-rotate")
@pass_app
def rotate(app: App) -> None:
    """Use a new key from now on, and move to it what can be moved.

    The new key is in the file before anything is made with it. An old one leaves when nothing needs it; the last one stays for one more
    rotation, since somebody may be making a device password with it at this moment.
    """
    config = app.config()
    file = KeyFile(config.auth.keys)
    ring, new = _ring(file), Key.new()
    _write(config, file, KeyRing([*ring, new]))
    with open_house(config) as house:
        devices = house.read(house.secrets.all_devices())
        operations = [one for one in (_moved(device, ring, new) for device in devices) if one is not None]
        moved = sum(house.apply(str(file.path), *operations)) if operations else 0
        needed = {device.key for device in house.read(house.secrets.all_devices())}
    previous = [key.id for key in ring][-1:]
    kept = [key for key in ring if key.id in needed or key.id in previous]
    _write(config, file, KeyRing([*kept, new]))
    note(Sentence("keys.rotated", id=new.id, moved=moved, left=len(devices) - moved))


def current_key(config: Config) -> Key:
    """The key for a new device password; the file is made if it is missing. Raises Refused, OSError."""
    file = KeyFile(config.auth.keys)
    if not len(_ring(file)):
        _write(config, file, KeyRing([Key.new()]))
        note(Sentence("keys.made", path=file.path))
    return file.ring().current


def _ring(file: KeyFile) -> KeyRing:
    try:
        return file.ring()
    except BadKeyFile as error:
        raise Refused(Sentence("refused.key-file", path=file.path, reason=error)) from None


def _write(config: Config, file: KeyFile, ring: KeyRing) -> None:
    """Write the file so that the service's own user can read it, whoever runs the command."""
    file.write(ring)
    identity = find_identity(config.user, config.group)
    if identity is not None and os.geteuid() == 0:
        os.chown(file.path, identity.uid, identity.gid)


def _moved(device: Device, ring: KeyRing, new: Key) -> ResealDevice | None:
    """What a device's row becomes under the new key; None where only its owner knows the password."""
    if device.sealed is None:
        return None
    try:
        password = ring.key(device.key).open(device.sealed, device.account, device.id)
    except UnknownKey:
        return None
    sealed = new.seal(password, device.account, device.id)
    return ResealDevice(device.id, device.key, new.id, new.mac(password), sealed)
