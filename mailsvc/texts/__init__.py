"""Words for people: one catalogue of sentences per language (``en.toml``, ``ja.toml``), looked up by key."""

from mailsvc.texts.catalogue import LANGUAGES, Sentence, Texts, language_of, own_texts

__all__ = ["LANGUAGES", "Sentence", "Texts", "language_of", "own_texts"]
