"""One question to Linux-PAM, by ctypes: may this name in with this password? It blocks; only the helper process asks it.

A conversation function answers the prompts of the modules with what the client has typed. The delay that modules ask for after a wrong
password is not carried out: slowing down those who guess is the throttle's business, and a delay here would hold up everybody else.

Standards: pam(3), pam_conv(3), pam_fail_delay(3) of Linux-PAM. No Twisted here, nor anything else that the helper does not need.
"""

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_size_t, c_uint, c_void_p, pointer
from typing import Any

__all__ = ["FAILED", "OK", "UNKNOWN", "WRONG", "LibPam"]

OK, UNKNOWN, WRONG, FAILED = b"ok", b"unknown", b"wrong", b"failed"
"""The right password; nobody of this name here; not with this password, or not now; PAM itself could not tell."""

_SUCCESS, _CONVERSATION_ERROR = 0, 19

_VERDICTS = {
    10: UNKNOWN,  # PAM_USER_UNKNOWN
    6: WRONG,  # PAM_PERM_DENIED
    7: WRONG,  # PAM_AUTH_ERR
    8: WRONG,  # PAM_CRED_INSUFFICIENT
    11: WRONG,  # PAM_MAXTRIES
    12: WRONG,  # PAM_NEW_AUTHTOK_REQD: it must be changed first, which cannot be done here
    13: WRONG,  # PAM_ACCT_EXPIRED
    16: WRONG,  # PAM_CRED_EXPIRED
}
"""Return value -> verdict; every other one is FAILED."""

_USER, _TTY, _RHOST, _FAIL_DELAY = 2, 3, 4, 10  # items of pam_set_item(3)
_FLAGS = 0x8000 | 0x1  # PAM_SILENT, PAM_DISALLOW_NULL_AUTHTOK
_ECHO_OFF, _ECHO_ON = 1, 2  # styles of messages that want an answer


class _Message(Structure):
    _fields_ = (("style", c_int), ("text", c_char_p))


class _Response(Structure):
    _fields_ = (("text", c_void_p), ("code", c_int))


_Converse = CFUNCTYPE(c_int, c_int, POINTER(POINTER(_Message)), POINTER(c_void_p), c_void_p)
_Delay = CFUNCTYPE(None, c_int, c_uint, c_void_p)


class _Conversation(Structure):
    _fields_ = (("converse", _Converse), ("data", c_void_p))


_NO_DELAY = _Delay(lambda status, microseconds, data: None)
"""What pam_authenticate does instead of sleeping."""


class LibPam:
    """The library. One object may be used again and again, in one thread at a time: modules are not bound to be thread-safe."""

    def __init__(self) -> None:
        """Raises OSError if it is not installed."""
        self._pam = ctypes.CDLL("libpam.so.0")
        self._pam.pam_strerror.restype = c_char_p
        self._libc = ctypes.CDLL(None)
        self._libc.calloc.restype = self._libc.strdup.restype = c_void_p
        self._libc.calloc.argtypes = [c_size_t, c_size_t]

    def check(self, service: bytes, name: bytes, password: bytes, host: bytes) -> tuple[bytes, bytes]:
        """Authenticate and ask whether the account may be used (pam_authenticate(3), pam_acct_mgmt(3)). Blocks; raises nothing.

        :param service: which file of ``/etc/pam.d``. :param name: and ``password``: as the client sent them, without NUL octets.
        :param host: the client's IP address (PAM_RHOST).
        :return: OK and the name as PAM has it now (modules may change it), or another verdict and PAM's words for it.
        """
        handle = c_void_p()
        conversation = _Conversation(self._answering(name, password), None)
        status = self._pam.pam_start(service, name, pointer(conversation), pointer(handle))
        if status != _SUCCESS:
            return FAILED, b"pam_start: %d" % status
        try:
            return self._ask(handle, host)
        finally:
            self._pam.pam_end(handle, status)

    def _ask(self, handle: c_void_p, host: bytes) -> tuple[bytes, bytes]:
        pam = self._pam
        steps: list[Callable[[], int]] = [
            lambda: pam.pam_set_item(handle, _FAIL_DELAY, _NO_DELAY),
            lambda: pam.pam_set_item(handle, _RHOST, c_char_p(host)),
            lambda: pam.pam_set_item(handle, _TTY, c_char_p(b"mailsvc")),
            lambda: pam.pam_authenticate(handle, _FLAGS),
            lambda: pam.pam_acct_mgmt(handle, _FLAGS),
        ]
        status = next((failed for step in steps if (failed := step()) != _SUCCESS), _SUCCESS)
        if status != _SUCCESS:
            return _VERDICTS.get(status, FAILED), pam.pam_strerror(handle, status) or b""
        item = c_char_p()
        pam.pam_get_item(handle, _USER, pointer(item))
        return (OK, item.value) if item.value else (FAILED, b"no PAM_USER")

    def _answering(self, name: bytes, password: bytes) -> Any:
        """Answers prompts; the memory of the answers is PAM's to free, so it comes from malloc."""
        words = {_ECHO_OFF: password, _ECHO_ON: name}

        def converse(count: int, messages: Any, responses: Any, data: int | None) -> int:
            array = self._libc.calloc(count, ctypes.sizeof(_Response))
            if not array:
                return _CONVERSATION_ERROR
            answers = ctypes.cast(array, POINTER(_Response))
            for place in range(count):
                word = words.get(messages[place].contents.style)
                answers[place].text = None if word is None else self._libc.strdup(word)
            responses[0] = array
            return _SUCCESS

        return _Converse(converse)
