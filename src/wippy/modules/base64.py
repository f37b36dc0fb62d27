"""The module `base64`."""

from __future__ import annotations

import binascii
import re
from typing import Any

from wippy.errors import INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module

base64 = Module("base64", classes={"encoding", "deterministic"}, lua="base64.lua")

_WELL_FORMED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_LETTERS = re.compile(rb"[A-Za-z0-9+/\r\n]*")
_BREAKS = b"\r\n"


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise WippyError(INVALID, "string expected")


def first_offence(text: bytes) -> int:
    """Offset (bytes) of what is wrong with a text that is no base64: a foreign byte, misplaced padding, data after
    it, or the beginning of the incomplete last group.
    """
    letters = _LETTERS.match(text)
    at = letters.end() if letters else 0
    read = (at - text.count(b"\r", 0, at) - text.count(b"\n", 0, at)) % 4
    if at == len(text):
        return at - read
    if text[at : at + 1] != b"=" or read < 2:
        return at
    last = at
    at = _behind_breaks(text, at + 1)
    if read == 2:
        if at == len(text):
            return at
        if text[at : at + 1] != b"=":
            return max(last, at - 1)
        at = _behind_breaks(text, at + 1)
    return at


def _behind_breaks(text: bytes, at: int) -> int:
    while at < len(text) and text[at] in _BREAKS:
        at += 1
    return at


@base64.function(single=True)
def encode(call: Call, data: Any) -> bytes:
    """Text in the standard alphabet with padding. Errors: INVALID for what is no string."""
    return binascii.b2a_base64(_bytes(data), newline=False)


@base64.function(single=True)
def decode(call: Call, text: Any) -> bytes:
    """The bytes behind a text; line breaks do not count. Errors: INVALID with the offset of the first bad byte."""
    data = _bytes(text)
    joined = data.translate(None, _BREAKS)
    if not _WELL_FORMED.fullmatch(joined):
        raise WippyError(INVALID, f"illegal base64 data at input byte {first_offence(data)}", context="decode failed")
    return binascii.a2b_base64(joined)
