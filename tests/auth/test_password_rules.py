"""Which passwords may be chosen, and what is tried first by those who guess."""

import pytest

from mailsvc.auth.password_rules import COMMON, PasswordRules, fault, guesses, read_words

RULES = PasswordRules(shortest=10, words=frozenset({"correct horse"}) | COMMON)


@pytest.mark.parametrize(
    ("password", "key"),
    [
        ("battery staple", None),
        ("渡辺の昔の長い秘密の言葉", None),
        ("short", "password.length"),
        ("x" * 256, "password.length"),
        ("Correct Horse", "password.common"),
        ("ｃｏｒｒｅｃｔ　ｈｏｒｓｅ", "password.common"),
        ("ababababababab", "password.monotonous"),
        ("hanako12345", "password.name"),
        ("HANAKO-hanako", "password.name"),
        ("hanako likes her battery staple", None),
    ],
)
def test_rules(password: str, key: str | None) -> None:
    """Each rule refuses what breaks it."""
    refusal = fault(password, "hanako@example.test", RULES)
    assert (refusal and refusal.key) == key


def test_short_name() -> None:
    """A name of three letters is part of too many words to be looked for."""
    assert fault("tomatoes and more", "tom@example.test", RULES) is None


def test_guesses() -> None:
    """Own names come first, then the list."""
    found = list(guesses("hanako@example.test", "b20a1234", ["last"]))
    assert found[0] == "hanako"
    assert "b20a1234" in found
    assert found[-1] == "last"


def test_words() -> None:
    """A file has one word a line, in whatever case; empty lines say nothing."""
    assert read_words("Secret\n\n  tanuki \r\n") == {"secret", "tanuki"}
