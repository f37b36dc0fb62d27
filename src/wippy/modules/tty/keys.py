"""Bytes that a terminal sends, as events: keys, mouse, focus, pasted text."""

from __future__ import annotations

import re
from typing import Any

Event = dict[str, Any]
Step = tuple["list[Event]", int]

PASTE_BEGIN, PASTE_END = b"\x1b[200~", b"\x1b[201~"
LONGEST_SEQUENCE = 256
_CSI = re.compile(rb"\x1b\[([0-?]*)([ -/]*)([@-~])")
_CSI_BEGUN = re.compile(rb"\x1b\[[0-?]*[ -/]*\Z")
_TEXT_ENDS = re.compile(rb"\x07|\x1b\\|\x9c")

_LETTERS = {
    **{b"A": "up", b"B": "down", b"C": "right", b"D": "left", b"H": "home", b"F": "end"},
    **{b"P": "f1", b"Q": "f2", b"R": "f3", b"S": "f4", b"M": "enter", b"Z": "tab"},
}
_NUMBERS = {
    **{1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pgup", 6: "pgdown", 7: "home", 8: "end"},
    **{11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5", 17: "f6", 18: "f7", 19: "f8", 20: "f9"},
    **{21: "f10", 23: "f11", 24: "f12"},
}
_CODES = {8: "backspace", 9: "tab", 10: "enter", 13: "enter", 27: "esc", 32: "space", 127: "backspace"}
_BUTTONS = ("left", "middle", "right", "none")
_RELEASED = 3


def key(name: str, *, special: bool, modifiers: int = 0, action: str = "press") -> Event:
    """A key event.

    Args:
        name: the text of the key or its special name.
        special: whether it is a special name.
        modifiers: bits 1 shift, 2 alt, 4 ctrl.
    """
    text = not special and not modifiers & 6
    return {
        "type": "key",
        "key": name,
        "key_type": name if special else "runes" if text else "unknown",
        "action": action,
        "alt": bool(modifiers & 2),
        "ctrl": bool(modifiers & 4),
        "shift": bool(modifiers & 1),
    }


class Parser:
    """Takes bytes in pieces of any size and gives the events that are complete."""

    def __init__(self) -> None:
        self._data = b""
        self._paste: bytearray | None = None

    @property
    def waiting(self) -> bool:
        """Whether something has begun whose end may never come, so that `flush` is due after a while."""
        return bool(self._data) and self._paste is None

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        self._data += data
        return self._events(final=False)

    def flush(self) -> list[Event]:
        """What has begun is taken for what it is: an escape alone is the key."""
        return self._events(final=True)

    def _events(self, final: bool) -> list[Event]:
        out: list[Event] = []
        while self._data:
            if self._paste is not None:
                if not self._pasted(out):
                    break
                continue
            if self._data.startswith(PASTE_BEGIN):
                self._data = self._data[len(PASTE_BEGIN) :]
                self._paste = bytearray()
                continue
            step = _next(self._data, final)
            if step is None:
                break
            out += step[0]
            self._data = self._data[step[1] :]
        return out

    def _pasted(self, out: list[Event]) -> bool:
        """Moves pasted bytes over; whether the end has come."""
        paste = self._paste
        assert paste is not None
        known = max(0, len(paste) - len(PASTE_END) + 1)
        paste += self._data
        self._data = b""
        at = paste.find(PASTE_END, known)
        if at < 0:
            return False
        self._data = bytes(paste[at + len(PASTE_END) :])
        self._paste = None
        text = paste[:at].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        out.append({"type": "paste", "text": text})
        return True


def _next(data: bytes, final: bool) -> Step | None:
    """The events at the beginning of `data` and how many bytes they take; None while more is needed."""
    if data[0] == 0x1B:
        return _escape(data, final)
    return _character(data, final)


def _character(data: bytes, final: bool) -> Step | None:
    first = data[0]
    name = _CODES.get(first)
    if name is not None:
        return [key(name, special=True)], 1
    if first == 0:
        return [key("space", special=True, modifiers=4)], 1
    if first < 0x20:
        return [key(chr(first | 0x40).lower(), special=False, modifiers=4)], 1
    size = 1 if first < 0x80 else 2 if 0xC2 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4
    if 0x80 <= first < 0xC2 or first > 0xF4:
        return [key("\ufffd", special=False)], 1
    try:
        return [key(data[:size].decode("utf-8"), special=False)], size
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and not final:
            return None
        return [key("\ufffd", special=False)], 1


def _escape(data: bytes, final: bool) -> Step | None:
    alone: Step = [key("esc", special=True)], 1
    if len(data) == 1:
        return alone if final else None
    second = data[1:2]
    if second == b"[":
        return _control(data, final)
    if second == b"O":
        return _shifted(data, final)
    if second in (b"]", b"P", b"_", b"^", b"X"):
        return _text(data, final)
    if second == b"\x1b":
        if len(data) == 2 and not final:
            return None
        if data[2:3] not in (b"[", b"O"):
            return alone
    inner = _next(data[1:], final)
    if inner is None:
        return None
    events, size = inner
    for event in events:
        if event["type"] == "key":
            event["alt"] = True
            if event["key_type"] == "runes":
                event["key_type"] = "unknown"
    return events, size + 1


def _alt(data: bytes) -> Step:
    return [key(data[1:2].decode("latin-1"), special=False, modifiers=2)], 2


def _shifted(data: bytes, final: bool) -> Step | None:
    """Sequences that begin with `ESC O`: keys in application mode."""
    if len(data) == 2:
        return _alt(data) if final else None
    name = _LETTERS.get(data[2:3])
    return ([key(name, special=True)], 3) if name else _alt(data)


def _text(data: bytes, final: bool) -> Step | None:
    """Answers of the terminal in the form of a text with an end: nobody has asked, so nobody is told."""
    end = _TEXT_ENDS.search(data, 2)
    if end is not None:
        return [], end.end()
    if final or len(data) > 65536:
        return _alt(data)
    return None


def _control(data: bytes, final: bool) -> Step | None:
    """Sequences that begin with `ESC [`."""
    if data.startswith(b"\x1b[M"):
        return _old_mouse(data, final)
    if data.startswith(b"\x1b[["):
        if len(data) == 3:
            return _alt(data) if final else None
        return ([key(f"f{data[3] - 64}", special=True)] if b"A" <= data[3:4] <= b"E" else []), 4
    match = _CSI.match(data)
    if match is None:
        if _CSI_BEGUN.match(data) and len(data) < LONGEST_SEQUENCE:
            if not final:
                return None
            return _alt(data)
        begun = re.match(rb"\x1b\[[0-?]*[ -/]*", data)
        assert begun is not None
        return ([], begun.end()) if begun.end() > 2 else _alt(data)
    parameters, between, last = match.groups()
    return ([] if between else _sequence(parameters, last)), match.end()


def _sequence(parameters: bytes, last: bytes) -> list[Event]:
    if parameters[:1] == b"<" and last in b"Mm":
        return _mouse(_numbers(parameters[1:]), last == b"m")
    if parameters[:1] in (b"<", b"=", b">", b"?"):
        return []
    numbers = _numbers(parameters)
    modifiers, action = _modifiers(numbers)
    if last == b"I" or (last == b"O" and not parameters):
        return [{"type": "focus", "focused": last == b"I"}]
    if last == b"u":
        return _code(numbers, modifiers, action)
    if last == b"~":
        if numbers[0][0] == 27 and len(numbers) > 2:
            return _code([numbers[2]], modifiers, action)
        name = _NUMBERS.get(numbers[0][0])
        return [key(name, special=True, modifiers=modifiers, action=action)] if name else []
    if last == b"Z":
        return [key("tab", special=True, modifiers=modifiers | 1, action=action)]
    name = _LETTERS.get(last) if last != b"M" else None
    if name is None or numbers[0][0] > 1:
        return []
    return [key(name, special=True, modifiers=modifiers, action=action)]


def _numbers(parameters: bytes) -> list[list[int]]:
    """`1;5:3` as [[1], [5, 3]]; what is no number counts as 0."""
    return [[int(n) if n.isdigit() else 0 for n in part.split(b":")] for part in parameters.split(b";")]


def _modifiers(numbers: list[list[int]]) -> tuple[int, str]:
    if len(numbers) < 2:
        return 0, "press"
    held = numbers[1]
    action = "release" if len(held) > 1 and held[1] == _RELEASED else "press"
    return max(0, held[0] - 1) & 7, action


def _code(numbers: list[list[int]], modifiers: int, action: str) -> list[Event]:
    """A key given by its Unicode value."""
    codes = numbers[0]
    name = _CODES.get(codes[0])
    if name is not None:
        return [key(name, special=True, modifiers=modifiers, action=action)]
    code = codes[1] if len(codes) > 1 and codes[1] and modifiers & 1 else codes[0]
    if not 32 < code < 0x110000 or 0xD800 <= code < 0xF900:
        return []
    text = chr(code)
    if modifiers & 1 and code == codes[0]:
        text = text.upper()
    return [key(text, special=False, modifiers=modifiers, action=action)]


def _mouse(numbers: list[list[int]], released: bool) -> list[Event]:
    if len(numbers) < 3:
        return []
    bits, x, y = (part[0] for part in numbers[:3])
    return _mouse_event(bits, x - 1, y - 1, released)


def _old_mouse(data: bytes, final: bool) -> Step | None:
    if len(data) < 6:
        return ([], len(data)) if final else None
    bits, x, y = (byte - 32 for byte in data[3:6])
    return _mouse_event(bits, x - 1, y - 1, bits & 3 == _RELEASED and not bits & 0x60), 6


def _mouse_event(bits: int, x: int, y: int, released: bool) -> list[Event]:
    number = bits & 3
    if bits & 0x80:
        return []  # buttons beyond the third
    if bits & 0x40:
        if number > 1:
            return []  # sideways
        action, button = "wheel", "wheel_down" if number else "wheel_up"
    else:
        action = "motion" if bits & 0x20 else "release" if released else "press"
        button = _BUTTONS[number]
    return [
        {
            "type": "mouse",
            "action": action,
            "button": button,
            "x": max(x, 0),
            "y": max(y, 0),
            "alt": bool(bits & 8),
            "ctrl": bool(bits & 16),
            "shift": bool(bits & 4),
        }
    ]
