"""Matching whose time grows with the length of the text times that of the expression, whatever the expression is.

Python's engine tries one way after the other and takes for ever where there are very many. This one remembers which
places of the expression have failed at which places of the text. It is slower where the other is fast.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from wippy.regex_rewrite import ExpressionError

MAX_PROGRAM = 20_000
MAX_VISITED = 2_000_000
"""Places (of expression and text) that one search may try."""
AFFORDABLE = 10**8
"""Steps, at worst, that are left to Python's engine."""

_TOKEN = re.compile(
    r"(?P<edge>\(\?a:\\b\)|\(\?a:\(\?!\\b\)\)|\\[AZ]|[$^])"
    r"|\(\?P<(?P<name>\w+)>"
    r"|\(\?(?P<on>[ims]*)(?:-(?P<off>[ims]+))?:"
    r"|(?P<open>\()|(?P<close>\))|(?P<bar>\|)"
    r"|(?:(?P<sign>[*+?])|\{(?P<low>\d+)(?P<comma>,)?(?P<high>\d*)\})(?P<lazy>\??)"
    r"|(?P<atom>\[\^?(?:\\U[0-9a-f]{8}|\\.|[^\]\\])+\]|\\U[0-9a-f]{8}|\\.|.)",
    re.S,
)

_CHAR, _SPLIT, _JUMP, _SAVE, _EDGE, _END = range(6)


class _Members(dict[str, bool]):
    """Which characters an atom takes."""

    def __init__(self, atom: str, flags: str) -> None:
        super().__init__()
        self._matches = re.compile(_prefix(flags) + atom).fullmatch

    def __missing__(self, char: str) -> bool:
        found = self[char] = self._matches(char) is not None
        return found


def _prefix(flags: str) -> str:
    return f"(?{flags})" if flags else ""


_Writer = Callable[[], bool]
"""Writes a part of the program; says whether the part can match without taking text."""

_members = functools.lru_cache(maxsize=1000)(_Members)


class Match:
    """Where a match and its groups stand."""

    __slots__ = ("_edges",)

    def __init__(self, edges: list[int]) -> None:
        self._edges = edges

    def span(self, group: int = 0) -> tuple[int, int]:
        """First character and the one behind the last; (-1, -1) for a group that took no part."""
        first, last = self._edges[2 * group : 2 * group + 2]
        return (first, last) if last >= 0 else (-1, -1)

    def start(self) -> int:
        return self._edges[0]

    def end(self) -> int:
        return self._edges[1]


class _Compiler:
    """Makes the program of an expression in the notation of `regex_rewrite.rewritten`.

    Attributes:
        program: instructions, the first one is where a match begins.
        loops: repetitions without end.
        ways: how many ways alternatives and options give, multiplied.
        nested: whether something repeated holds repetitions or alternatives.
    """

    def __init__(self, text: str) -> None:
        self.program: list[tuple[Any, ...]] = []
        self.loops = 0
        self.ways = 1
        self.nested = False
        self._tokens = list(_TOKEN.finditer(text))
        self._at = 0
        self._groups = 0
        tree = self._alternatives("")
        self._emit(_SAVE, 0)
        tree()
        self._emit(_SAVE, 1)
        self._emit(_END)

    def _emit(self, *instruction: Any) -> int:
        if len(self.program) >= MAX_PROGRAM:
            raise ExpressionError("expression too large", "")
        self.program.append(instruction)
        return len(self.program) - 1

    def _written(self, empty: bool, *instruction: Any) -> bool:
        self._emit(*instruction)
        return empty

    def _alternatives(self, flags: str) -> _Writer:
        branches = [self._sequence(flags)]
        while self._at < len(self._tokens) and self._tokens[self._at]["bar"]:
            self._at += 1
            branches.append(self._sequence(flags))
        self.ways *= len(branches)
        if len(branches) == 1:
            return branches[0]

        def write() -> bool:
            jumps = []
            empty = False
            for branch in branches[:-1]:
                split = self._emit(_SPLIT)
                empty = branch() or empty
                jumps.append(self._emit(_JUMP))
                self.program[split] = (_SPLIT, split + 1, len(self.program))
            empty = branches[-1]() or empty
            for jump in jumps:
                self.program[jump] = (_JUMP, len(self.program))
            return empty

        return write

    def _sequence(self, flags: str) -> _Writer:
        parts: list[_Writer] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token["bar"] or token["close"]:
                break
            self._at += 1
            before = (self.loops, self.ways)
            part = self._part(token, flags)
            following = self._tokens[self._at] if self._at < len(self._tokens) else None
            if following is not None and (following["sign"] or following["low"]):
                self._at += 1
                self.nested = self.nested or before != (self.loops, self.ways)
                part = self._repeated(part, following)
            parts.append(part)

        def write() -> bool:
            empty = True
            for part in parts:
                empty = part() and empty
            return empty

        return write

    def _part(self, token: re.Match[str], flags: str) -> _Writer:
        if token["edge"]:
            matches = re.compile(_prefix(flags) + token["edge"]).match
            return functools.partial(self._written, True, _EDGE, matches)
        if token["atom"]:
            members = _members(token["atom"], flags)
            return functools.partial(self._written, False, _CHAR, members)
        number = 0
        if token["open"] or token["name"]:
            self._groups += 1
            number = self._groups
        else:
            off = token["off"] or ""
            flags = "".join(sorted((set(flags) | set(token["on"])) - set(off)))
        inner = self._alternatives(flags)
        self._at += 1  # the closing bracket
        if not number:
            return inner

        def write() -> bool:
            self._emit(_SAVE, 2 * number)
            empty = inner()
            self._emit(_SAVE, 2 * number + 1)
            return empty

        return write

    def _repeated(self, part: _Writer, token: re.Match[str]) -> _Writer:
        lazy = bool(token["lazy"])
        high: int | None
        if token["sign"]:
            low, high = (1 if token["sign"] == "+" else 0), (1 if token["sign"] == "?" else None)
        else:
            low = int(token["low"])
            high = low if not token["comma"] else int(token["high"]) if token["high"] else None
        if high is None:
            self.loops += 1
        else:
            self.ways = min(self.ways * (high - low + 1), 10**9)

        def fork() -> Callable[[], None]:
            split = self._emit(_SPLIT)

            def close() -> None:
                ways = (split + 1, len(self.program))
                self.program[split] = (_SPLIT, *(reversed(ways) if lazy else ways))

            return close

        def write() -> bool:
            empty = True
            for _ in range(low - 1 if high is None else low):
                empty = part() and empty
            if high is not None:
                closing = []
                for _ in range(high - low):
                    closing.append(fork())
                    part()
                for close in closing:
                    close()
                return empty
            close = fork() if low == 0 else None
            start = len(self.program)
            hollow = part()
            if close is not None and not hollow:
                self._emit(_JUMP, start - 1)
            else:  # whether to go on is asked anew after a round that took no text
                split = self._emit(_SPLIT)
                ways = (start, split + 1)
                self.program[split] = (_SPLIT, *(reversed(ways) if lazy else ways))
            if close is None:
                return hollow and empty
            close()
            return True

        return write


class Guarded:
    """An expression that Python's engine matches where that is affordable.

    Args:
        text: as `regex_rewrite.rewritten` gives it.

    Attributes:
        groups, groupindex: as of a compiled expression of Python.

    Raises:
        re.error, OverflowError, RecursionError: from `re.compile`.
        ExpressionError: it is too large.
    """

    def __init__(self, text: str) -> None:
        self._pattern = re.compile(text)
        self.groups = self._pattern.groups
        self.groupindex = self._pattern.groupindex
        made = _Compiler(text)
        self._program = made.program
        self._loops, self._ways, self._nested = made.loops, made.ways, made.nested

    def search(self, text: str, at: int = 0) -> Any:
        """The first match from a place on, or None.

        Raises:
            ExpressionError: the search would need too much memory.
        """
        if not self._nested and self._ways * max(len(text) - at, 1) ** (self._loops + 1) <= AFFORDABLE:
            return self._pattern.search(text, at)
        return self._search(text, at)

    def _search(self, text: str, at: int) -> Match | None:
        program, size, length = self._program, len(self._program), len(text)
        visited: set[int] = set()
        for begin in range(at, length + 1):
            edges = [-1] * (2 * self.groups + 2)
            stack = [(0, begin)]
            while stack:
                if len(visited) > MAX_VISITED:
                    raise ExpressionError(
                        "too costly for this text without the package google-re2 (pip install 'wippy[re2]')", ""
                    )
                step, place = stack.pop()
                if step < 0:
                    edges[~step] = place
                    continue
                while True:
                    key = place * size + step
                    if key in visited:
                        break
                    visited.add(key)
                    instruction = program[step]
                    kind = instruction[0]
                    if kind == _CHAR:
                        if place >= length or not instruction[1][text[place]]:
                            break
                        place += 1
                        step += 1
                    elif kind == _SPLIT:
                        stack.append((instruction[2], place))
                        step = instruction[1]
                    elif kind == _JUMP:
                        step = instruction[1]
                    elif kind == _SAVE:
                        stack.append((~instruction[1], edges[instruction[1]]))
                        edges[instruction[1]] = place
                        step += 1
                    elif kind == _EDGE:
                        if instruction[1](text, place) is None:
                            break
                        step += 1
                    else:
                        return Match(edges)
        return None
