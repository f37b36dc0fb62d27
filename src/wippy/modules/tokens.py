"""Splits bytes that come in blocks into lines, words, bytes or UTF-8 characters."""

from __future__ import annotations

LONGEST = 65536
SPLITS = ("lines", "words", "bytes", "runes")
TOO_LONG = "token too long"


class Tokens:
    """Takes blocks, gives the tokens that are complete. A token of 64 KiB or more ends it.

    Attributes:
        ended: nothing comes any more.
    """

    def __init__(self, split: str) -> None:
        self.ended = False
        self._split = getattr(self, f"_{split}")
        self._rest = b""

    def feed(self, block: bytes) -> tuple[list[bytes], str | None]:
        """Tokens that end in `block`, and what is wrong or None.

        Args:
            block: further bytes; empty at the end of the source.
        """
        self.ended = not block
        tokens, self._rest = self._split(self._rest + block)
        if len(self._rest) < LONGEST and all(len(token) < LONGEST for token in tokens):
            return tokens, None
        self.ended = True
        kept: list[bytes] = []
        for token in tokens:
            if len(token) >= LONGEST:
                break
            kept.append(token)
        return kept, TOO_LONG

    def _lines(self, data: bytes) -> tuple[list[bytes], bytes]:
        lines = data.split(b"\n")
        rest = lines.pop()
        if self.ended and rest:
            lines.append(rest)
            rest = b""
        return [line.removesuffix(b"\r") for line in lines], rest

    def _words(self, data: bytes) -> tuple[list[bytes], bytes]:
        words = data.split()
        if not self.ended and words and not data[-1:].isspace():
            return words, words.pop()
        return words, b""

    def _bytes(self, data: bytes) -> tuple[list[bytes], bytes]:
        return [data[i : i + 1] for i in range(len(data))], b""

    def _runes(self, data: bytes) -> tuple[list[bytes], bytes]:
        rest = b""
        if not self.ended:
            for back in range(1, min(4, len(data) + 1)):
                byte = data[-back]
                if byte >= 0xC0:
                    if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4):
                        data, rest = data[:-back], data[-back:]
                    break
                if byte < 0x80:
                    break
        return [char.encode() for char in data.decode("utf-8", "replace")], rest
