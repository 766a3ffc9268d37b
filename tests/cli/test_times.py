"""Times for people: seconds, and parts of them only where they tell two things apart."""

from mailsvc.cli.times import moment, moments

AT = 1_790_000_000


def test_seconds() -> None:
    """A time by itself has no fraction."""
    assert moment(AT + 0.999) == moment(AT)
    assert moments([AT + 0.5, AT + 1.5])(AT + 0.5) == moment(AT)


def test_two_in_one_second() -> None:
    """They are told apart by milliseconds; other times stay as they are, also whole ones of that second."""
    words = moments([AT + 0.25, AT + 0.5, AT + 3.75])
    assert [words(at) for at in (AT + 0.25, AT + 0.5)] == [f"{moment(AT)}.250", f"{moment(AT)}.500"]
    assert (words(AT), words(AT + 3.75)) == (moment(AT), moment(AT + 3))
