"""Tokens of a file: lines, words, bytes or UTF-8 characters, in batches."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

LONGEST = 65536


class Scanner:
    """Reads ahead in `file`. A token longer than 64 KiB ends the scan with an error."""

    SPLITS: ClassVar[tuple[str, ...]] = ("lines", "words", "bytes", "runes")

    def __init__(self, file: BinaryIO, split: str) -> None:
        self._file = file
        self._split = split
        self._rest = b""
        self._ended = False

    def batch(self) -> tuple[list[bytes], str | None]:
        """Tokens of the next block, none at the end, and an error text or None."""
        tokens: list[bytes] = []
        while not tokens and not self._ended:
            try:
                block = self._file.read(LONGEST)
            except (OSError, ValueError) as error:
                self._ended = True
                return [], str(error)
            self._ended = not block
            data = self._rest + block
            tokens, self._rest = getattr(self, f"_{self._split}")(data)
            if len(self._rest) >= LONGEST or any(len(token) >= LONGEST for token in tokens):
                self._ended = True
                kept: list[bytes] = []
                for token in tokens:
                    if len(token) >= LONGEST:
                        break
                    kept.append(token)
                return kept, "token too long"
        return tokens, None

    def _lines(self, data: bytes) -> tuple[list[bytes], bytes]:
        lines = data.split(b"\n")
        rest = lines.pop()
        if self._ended and rest:
            lines.append(rest)
            rest = b""
        return [line.removesuffix(b"\r") for line in lines], rest

    def _words(self, data: bytes) -> tuple[list[bytes], bytes]:
        words = data.split()
        if not self._ended and words and not data[-1:].isspace():
            return words, words.pop()
        return words, b""

    def _bytes(self, data: bytes) -> tuple[list[bytes], bytes]:
        return [data[i : i + 1] for i in range(len(data))], b""

    def _runes(self, data: bytes) -> tuple[list[bytes], bytes]:
        rest = b""
        if not self._ended:
            for back in range(1, min(4, len(data) + 1)):
                byte = data[-back]
                if byte >= 0xC0:
                    if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4):
                        data, rest = data[:-back], data[-back:]
                    break
                if byte < 0x80:
                    break
        return [char.encode() for char in data.decode("utf-8", "replace")], rest
