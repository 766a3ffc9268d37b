"""The parameters by which a sender asks for reports (RFC 3461 4, RFC 6533 3)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats import dsn_parameters as dsn
from mailsvc.formats import xtext
from mailsvc.formats.dsn_parameters import Notify

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(PRINTABLE)
def test_xtext_round_trip(text: str) -> None:
    """Every printable text survives, and what is written fits into a parameter."""
    written = xtext.encode(text)
    assert "=" not in written
    assert " " not in written
    assert xtext.decode(written) == text


@given(ANY)
def test_unitext_round_trip(text: str) -> None:
    """Every text survives as ASCII, controls and the sixteen further planes included."""
    written = xtext.encode_unitext(text)
    assert written.isascii()
    assert not set(written) & set("+= \r\n")
    assert xtext.decode_unitext(written) == text


@pytest.mark.parametrize("text", ["a=b", "a b", "a+3", "a+3d", "é", "+"])
def test_what_is_not_xtext(text: str) -> None:
    """Only two capital hexadecimal digits follow a plus sign."""
    with pytest.raises(ValueError, match="xtext"):
        xtext.decode(text)


def test_xtext_is_ascii() -> None:
    """Nobody writes text beyond ASCII as xtext."""
    with pytest.raises(ValueError, match="ASCII"):
        xtext.encode("é")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("NEVER", Notify.NEVER),
        ("never", Notify.NEVER),
        ("SUCCESS", Notify.SUCCESS),
        ("FAILURE,DELAY,SUCCESS", Notify.SUCCESS | Notify.FAILURE | Notify.DELAY),
        ("SUCCESS,SUCCESS", Notify.SUCCESS),
    ],
)
def test_notify(value: str, meant: Notify) -> None:
    """Words in any order and case."""
    assert dsn.notify(value) == meant


@pytest.mark.parametrize("value", ["", "NEVER,SUCCESS", "SUCCESS,", "ALWAYS", "SUCCESS DELAY", "NEVER,NEVER"])
def test_bad_notify(value: str) -> None:
    """NEVER stands alone; nothing else is known."""
    with pytest.raises(ValueError, match="NOTIFY"):
        dsn.notify(value)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("rfc822;alice@example.test", "rfc822;alice@example.test"),
        ("RFC822;e+3Dmc2+20x@example.test", "rfc822;e=mc2 x@example.test"),
        (r"utf-8;\x{592A}\x{90CE}@example.test", "utf-8;太郎@example.test"),
        ("utf-8;太郎@example.test", "utf-8;太郎@example.test"),
        (r"utf-8;a\x{2B}b@example.test", "utf-8;a+b@example.test"),
        (r"utf-8;a\x{zz}b\x{D800}@example.test", r"utf-8;a\x{zz}b\x{D800}@example.test"),
        (r"utf-8;\x{D8}\x{D80}\x{D7FF}\x{1F600}\x{10FFFF}", "utf-8;\xd8\u0d80\ud7ff\U0001f600\U0010ffff"),
        ("x400;/C=+2B", ""),
        ("x400;/C+3D+2B", "x400;/C=+"),
    ],
)
def test_orcpt(value: str, meant: str) -> None:
    """Any type of address; what is not unitext stays as it is (RFC 6533 3)."""
    if not meant:
        with pytest.raises(ValueError, match="xtext"):
            dsn.orcpt(value)
    else:
        assert dsn.orcpt(value) == meant


@pytest.mark.parametrize(
    "value",
    [
        "",
        "alice@example.test",
        ";a",
        "rfc822;",
        "rfc822;+20",
        "rfc822;a+0D+0Ab",
        "rfc822;太郎",
        r"utf-8;a\x{0A}b",
        r"utf-8;\x{2028}",
        "a b;c",
        "rfc822;" + "a" * 494,
    ],
)
def test_bad_orcpt(value: str) -> None:
    """No line ends, no controls, no empty address, at most 500 octets."""
    with pytest.raises(ValueError):  # noqa: PT011 - the reason is of no interest to anybody
        dsn.orcpt(value)


def test_limits_are_reached() -> None:
    """Values of just the permitted length pass."""
    assert len(dsn.orcpt("rfc822;" + "a" * 493)) == dsn.ORCPT_LIMIT
    assert len(dsn.envid("a" * 100)) == dsn.ENVID_LIMIT


@pytest.mark.parametrize("value", ["", "a" * 101, "a+00", "a=b"])
def test_bad_envid(value: str) -> None:
    """Printable, up to 100 characters as they are sent."""
    with pytest.raises(ValueError):  # noqa: PT011
        dsn.envid(value)


def test_nothing_said_is_nothing_passed_on() -> None:
    """Without parameters none are made up."""
    assert dsn.mail_words("", "") == []
    assert dsn.rcpt_words(0, "") == []


@given(st.sampled_from(["FULL", "HDRS"]), PRINTABLE)
def test_mail_words_are_read_back(ret: str, envid: str) -> None:
    """The next server reads what the sender said."""
    given = dict(word.split("=") for word in dsn.mail_words(ret, envid))
    assert dsn.ret(given["RET"]) == ret
    assert dsn.envid(given["ENVID"]) == envid


@given(
    st.sampled_from([Notify.NEVER, *(Notify(bits) for bits in (2, 4, 6, 8, 10, 12, 14))]),
    st.builds("{};{}".format, st.just("rfc822"), PRINTABLE.filter(str.strip))
    | st.builds("{};{}".format, st.just("utf-8"), ANY),
)
def test_rcpt_words_are_read_back(notify: Notify, orcpt: str) -> None:
    """The next server reads what the sender said; it is sent as ASCII."""
    words = dsn.rcpt_words(notify, orcpt)
    assert all(word.isascii() for word in words)
    given = dict(word.split("=") for word in words)
    assert dsn.notify(given["NOTIFY"]) == notify
    with suppress(ValueError):  # controls: they never came in
        assert dsn.orcpt(given["ORCPT"]) == orcpt


def test_what_grows_too_long_is_left_out() -> None:
    """An address in UTF-8 whose ASCII form is longer than a parameter may be is not passed on in part."""
    orcpt = dsn.orcpt("utf-8;" + "太" * 160)
    assert dsn.rcpt_words(0, orcpt) == []
