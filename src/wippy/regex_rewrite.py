"""RE2 notation rewritten for Python's engine: for installations without google-re2.

The result finds the same matches. What it cannot promise is RE2's bound on time, and `\\p{...}` is refused.
"""

from __future__ import annotations

import re
import string

_POSIX = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "ascii": "".join(map(chr, range(128))),
    "blank": "\t ",
    "cntrl": "".join(map(chr, (*range(32), 127))),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": "\t\n\v\f\r ",
    "upper": string.ascii_uppercase,
    "word": string.ascii_letters + string.digits + "_",
    "xdigit": string.hexdigits,
}
_PERL = {"d": string.digits, "w": _POSIX["word"], "s": "\t\n\f\r "}
_CONTROL = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_REPEAT = re.compile(r"\{(\d+)(,(\d*))?\}")
_NAME = re.compile(r"\(\?P?<(\w+)>")
_FLAGS = re.compile(r"\(\?([imsU]*)(-[imsU]+)?([:)])")
_LARGEST_REPEAT = 1000
_POSITIONS = frozenset({"^", "$", r"\Z", r"\A"})


class ExpressionError(ValueError):
    """An invalid expression.

    Attributes:
        reason: what is wrong, in RE2's words.
        fragment: the offending part, or "".
    """

    def __init__(self, reason: str, fragment: str) -> None:
        super().__init__(f"{reason}: `{fragment}`")
        self.reason = reason
        self.fragment = fragment


def _members(chars: str, negated: bool) -> str:
    """The inside of a class that holds these characters, or all others."""
    codes = sorted(set(map(ord, chars)))
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    if negated:
        edges = [-1, *(edge for pair in ranges for edge in pair), 0x110000]
        ranges = [[a + 1, b - 1] for a, b in zip(edges[::2], edges[1::2], strict=True) if a + 1 <= b - 1]
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


class _Rewriter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []
        # One entry for each open group: flags there, and the scoped groups opened for flags in its middle.
        self.flags = [frozenset[str]()]
        self.scoped: list[list[str]] = [[]]
        self.repeatable = False

    def run(self) -> str:
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            if char == "\\":
                self.escape()
            elif char == "[":
                self.bracket()
            elif char == "(":
                self.open()
            elif char == ")":
                self.close()
            elif char in "*+?" or (char == "{" and _REPEAT.match(text, self.at)):
                self.repeat()
            else:
                self.one(char)
        if len(self.flags) > 1:
            raise ExpressionError("missing closing )", text)
        return "".join(self.out) + ")" * len(self.scoped[0])

    def emit(self, piece: str, repeatable: bool = True) -> None:
        self.out.append(piece)
        self.repeatable = repeatable

    def one(self, char: str) -> None:
        self.at += 1
        if char == "|":
            scoped = self.scoped[-1]
            self.emit(")" * len(scoped) + "|" + "".join(scoped), False)
        elif char == "$":
            self.emit("$" if "m" in self.flags[-1] else r"\Z")
        else:
            self.emit(char if char in "^." else re.escape(char))

    def open(self) -> None:
        text, at = self.text, self.at
        if not text.startswith("(?", at):
            self.begin("(", 1, self.flags[-1])
            return
        name = _NAME.match(text, at)
        if name:
            self.begin(f"(?P<{name[1]}>", len(name[0]), self.flags[-1])
            return
        if text.startswith(("(?P<", "(?<"), at) and text[at + 3 : at + 4] not in ("=", "!"):
            raise ExpressionError("invalid named capture", text[at:])
        found = _FLAGS.match(text, at)
        if not found or (found[3] == ")" and not found[1] and not found[2]):
            raise ExpressionError("invalid or unsupported Perl syntax", text[at : at + 3])
        off = frozenset((found[2] or "-")[1:])
        flags = (self.flags[-1] | frozenset(found[1])) - off
        opening = _scope(flags, self.flags[-1])
        if found[3] == ":":
            self.begin(opening, len(found[0]), flags)
            return
        self.flags[-1] = flags
        self.scoped[-1].append(opening)
        self.emit(opening, False)
        self.at += len(found[0])

    def begin(self, opening: str, width: int, flags: frozenset[str]) -> None:
        self.flags.append(flags)
        self.scoped.append([])
        self.emit(opening, False)
        self.at += width

    def close(self) -> None:
        if len(self.flags) == 1:
            raise ExpressionError("unexpected )", self.text)
        self.flags.pop()
        self.emit(")" * (len(self.scoped.pop()) + 1))
        self.at += 1

    def repeat(self) -> None:
        text, start = self.text, self.at
        counted = _REPEAT.match(text, start)
        operator = counted[0] if counted else text[start]
        if not self.repeatable:
            raise ExpressionError("missing argument to repetition operator", operator)
        if counted:
            low = int(counted[1])
            high = int(counted[3]) if counted[3] else low
            if high < low or high > _LARGEST_REPEAT:
                raise ExpressionError("invalid repeat count", operator)
        self.at += len(operator)
        lazy = text.startswith("?", self.at)
        self.at += lazy
        following = text[self.at : self.at + 1]
        if following and (following in "*+?" or (following == "{" and _REPEAT.match(text, self.at))):
            raise ExpressionError("invalid nested repetition operator", text[start : self.at + 1])
        if self.out[-1] in _POSITIONS:  # Python repeats them in a group only
            self.out[-1] = f"(?:{self.out[-1]})"
        self.emit(operator + ("?" if lazy != ("U" in self.flags[-1]) else ""))

    def escape(self) -> None:
        text, at = self.text, self.at
        char = text[at + 1 : at + 2]
        if not char:
            raise ExpressionError("trailing backslash at end of expression", "")
        if char == "Q":
            end = text.find(r"\E", at)
            quoted = text[at + 2 :] if end < 0 else text[at + 2 : end]
            for one in quoted:
                self.emit(re.escape(one))
            self.at = len(text) if end < 0 else end + 2
            return
        if char in "AbBz":
            self.at += 2
            self.emit({"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:(?!\b))"}[char])
            return
        members, self.at = self.member(at)
        self.emit(f"[{members}]" if char.lower() in _PERL else members)

    def member(self, at: int) -> tuple[str, int]:
        """What the escape at `at` stands for, as the inside of a class, and where it ends."""
        text = self.text
        char = text[at + 1 : at + 2]
        if char.lower() in _PERL and char:
            return _members(_PERL[char.lower()], char.isupper()), at + 2
        if char in ("p", "P"):
            raise ExpressionError(
                "Unicode classes need the package google-re2 (pip install 'wippy[re2]')", text[at : at + 3]
            )
        code = None
        found = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})").match(text, at)
        if found:
            code = int(found[1] or found[2], 16)
        else:
            found = re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{2})").match(text, at)
            if found:
                code = int(found[1], 8)
        if found and code is not None and code <= 0x10FFFF:
            return f"\\U{code:08x}", at + len(found[0])
        if char in _CONTROL:
            return re.escape(_CONTROL[char]), at + 2
        if not char or (char.isascii() and char.isalnum()) or not char.isascii():
            raise ExpressionError("invalid escape sequence", text[at : at + 2])
        return "\\" + char, at + 2

    def bracket(self) -> None:
        text, start = self.text, self.at
        at = start + 1
        out = ["["]
        if text.startswith("^", at):
            out.append("^")
            at += 1
        first = True
        while first or not text.startswith("]", at):
            if at >= len(text):
                raise ExpressionError("missing closing ]", text[start:])
            first = False
            posix = re.compile(r"\[:(\^?)(\w+):\]").match(text, at)
            if posix:
                if posix[2] not in _POSIX:
                    raise ExpressionError("invalid character class range", posix[0])
                out.append(_members(_POSIX[posix[2]], bool(posix[1])))
                at = posix.end()
                continue
            begin = at
            piece, at, single = self.bound(at)
            if single and text.startswith("-", at) and text[at + 1 : at + 2] not in ("]", ""):
                last, at, closed = self.bound(at + 1)
                if not closed or _code(piece) > _code(last):
                    raise ExpressionError("invalid character class range", text[begin:at])
                piece = f"{piece}-{last}"
            out.append(piece)
        self.at = at + 1
        self.emit("".join(out) + "]")

    def bound(self, at: int) -> tuple[str, int, bool]:
        """One character of a class as an escape, where it ends, and whether it is a single one."""
        char = self.text[at]
        if char != "\\":
            return f"\\U{ord(char):08x}", at + 1, True
        members, end = self.member(at)
        return members, end, self.text[at + 1].lower() not in _PERL


def _code(escape: str) -> int:
    return int(escape[2:], 16) if escape.startswith("\\U") else ord(escape[-1])


def _scope(flags: frozenset[str], before: frozenset[str]) -> str:
    on = "".join(sorted((flags - before) - {"U"}))
    off = "".join(sorted((before - flags) - {"U"}))
    return f"(?{on}{'-' if off else ''}{off}:"


def rewritten(text: str) -> str:
    """The expression for `re.compile` without flags.

    Raises:
        ExpressionError: it is invalid, or needs what only google-re2 has.
    """
    return _Rewriter(text).run()
