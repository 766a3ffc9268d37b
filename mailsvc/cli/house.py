"""The store and the directory as a command sees them: blocking, and beside a running server as well as without one."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mailsvc.app.config import Config
from mailsvc.app.privileges import acting_as, find_identity
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.renewal import new_verifiers
from mailsvc.cli.output import EXIT_NOT_NOW, Refused
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddDomain, Operation
from mailsvc.core.secrets import VerifierRow
from mailsvc.core.values import Account, Domain
from mailsvc.directory import Directory, Secrets
from mailsvc.formats.address import canonical_domain
from mailsvc.store.connect import BlockingStore, open_store, run
from mailsvc.texts import Sentence

__all__ = ["House", "as_owner", "open_house"]

T = TypeVar("T")

_SENTENCES = {
    Kind.EXISTS: "refused.exists",
    Kind.NOT_FOUND: "refused.not-found",
    Kind.NO_SUCH_DOMAIN: "refused.no-such-domain",
    Kind.IN_USE: "refused.in-use",
    Kind.NOT_NOW: "refused.not-now",
    Kind.TOO_MANY: "refused.too-many-devices",
}

_REASONS = {"login-exists": "refused.login-taken"}


class House:
    """Reads and changes of one command."""

    def __init__(self, config: Config, store: BlockingStore) -> None:
        """:param store: as :func:`~mailsvc.store.connect.open_store` gives it; :func:`open_house` closes it."""
        self.config = config
        self.store = store
        self.directory = Directory(store.connection)
        self.secrets = Secrets(store.connection)

    def read(self, question: Coroutine[Any, Any, T]) -> T:
        """The answer to a question to the directory."""
        return run(question)

    def apply(self, subject: str, *operations: Operation) -> list[Any]:
        """Carry out the operations; a refusal is about ``subject``. Raises Refused."""
        with _refusals(subject):
            return self.store.apply(operations)

    def account(self, address: str) -> Account:
        """The account with this address. Raises Refused."""
        found = self.read(self.directory.find_account(address))
        if found is None:
            raise Refused(Sentence("refused.not-found", name=address))
        return found

    def password(self, address: str, password: str) -> tuple[str, tuple[VerifierRow, ...]]:
        """What to store of a login password: hash and SCRAM verifiers. Raises Refused for one that nobody could log in with."""
        hasher = Hasher(_Here())
        try:
            return run(hasher.hash(password)), self.verifiers(address, password)
        except MailError:
            raise Refused(Sentence("refused.password")) from None

    def verifiers(self, address: str, password: str) -> tuple[VerifierRow, ...]:
        """The SCRAM verifiers of a password of the account ``address``."""
        return run(new_verifiers(self.secrets, Hasher(_Here()), address, password))

    def domains(self) -> list[Domain]:
        """All domains, those that the configuration declares included."""
        return self.read(self.directory.domains())

    def make_declared(self) -> None:
        """Make the domains that the configuration declares, as the server does when it starts, if any is missing."""
        known = {name for domain in self.domains() for name in (domain.name, *domain.aliases)}
        missing = [
            AddDomain(domain.name, domain.aliases)
            for domain in self.config.domains
            if not known.issuperset(map(canonical_domain, (domain.name, *domain.aliases)))
        ]
        if missing:
            self.apply(str(self.config.file), *missing)


@contextmanager
def open_house(config: Config) -> Iterator[House]:
    """The store of a configuration, made if it is missing. Raises Refused."""
    subject = str(config.store.path)
    with as_owner(config):
        with _refusals(subject):
            store = open_store(subject, config.store)
        try:
            house = House(config, store)
            house.make_declared()
            yield house
        finally:
            store.close()


@contextmanager
def as_owner(config: Config) -> Iterator[None]:
    """As root, act as the service's own user meanwhile, so that new files of the store are that user's. Raises Refused."""
    try:
        identity = find_identity(config.user, config.group)
    except ValueError as error:
        raise Refused(Sentence("refused.other", error=error)) from None
    with acting_as(identity):
        yield


@contextmanager
def _refusals(subject: str) -> Iterator[None]:
    """Say what the store refuses."""
    try:
        yield
    except MailError as error:
        key = _REASONS.get(error.reason) or _SENTENCES.get(error.kind, "refused.other")
        sentence = Sentence(key, name=subject, detail=error.detail or error.reason, error=error)
        raise Refused(sentence, EXIT_NOT_NOW if error.kind is Kind.NOT_NOW else 1) from None


class _Here:
    """A :class:`mailsvc.auth.pool.Worker` that works where it is."""

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run it."""
        return function(*args)
