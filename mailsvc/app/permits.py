"""From the configuration to who may send mail to other servers: the table of rules, the desk that asks them, the words that refuse."""

from collections.abc import Callable

from mailsvc.app.config import Config
from mailsvc.auth.relay_desk import RelayDesk
from mailsvc.auth.relay_options import make_rules
from mailsvc.auth.relay_permission import Permits
from mailsvc.auth.relay_rules import Rule
from mailsvc.auth.relay_words import RelayWords
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.relay import RelayDecision
from mailsvc.directory import Grants
from mailsvc.formats.address import canonical_domain
from mailsvc.store import StoreClient
from mailsvc.texts import Texts, own_texts

__all__ = ["make_permits", "relay_rules", "relay_words", "texts_in"]


def relay_rules(config: Config) -> tuple[Rule, ...]:
    """The table of rules that a configuration describes."""
    windows = {canonical_domain(one.name): one.relay_window for one in config.domains if one.relay_window is not None}
    return make_rules(config.relay, windows)


def texts_in(config: Config, language: str) -> Texts:
    """The catalogue with the administrator's own words. Raises OSError, ValueError for a file that cannot be used."""
    return Texts(language, own_texts(config.texts, language)) if config.texts is not None else Texts(language)


def relay_words(config: Config) -> RelayWords:
    """How this server says no."""
    language = config.language.value
    return RelayWords(
        rules=relay_rules(config),
        texts=texts_in(config, "en"),
        local=texts_in(config, language) if language != "en" else None,
        url=config.relay.url,
        contact=config.relay.contact,
    )


def make_permits(
    config: Config,
    store: StoreClient,
    directory: IDirectory,
    ledger: ILedger | None = None,
    first_use: Callable[[RelayDecision], None] = lambda decision: None,
) -> Permits:
    """What asks the rules, in a serving process."""
    grants = Grants(store.connection)
    desk = RelayDesk(relay_rules(config), directory, grants, store.apply, in_touch=lambda: store.has_owner)
    desk.listen(store.bus)
    return Permits(desk, relay_words(config), ledger, first_use)
