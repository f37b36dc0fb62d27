"""Text with escape sequences: its width on the terminal, and cutting and wrapping it by that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

RESET = "\x1b[0m"
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # texts with an end
    r"|\x1b[ -/]*[0-~]"
)
_STYLE = re.compile(r"\x1b\[([0-9;:]*)m")
_JOINER = "\u200d"


def strip(text: str) -> str:
    """The text without escape sequences."""
    return _SEQUENCE.sub("", text) if "\x1b" in text else text


def line_width(line: str) -> int:
    """Columns that one line takes."""
    return cell_len(strip(line))


def width(text: str) -> int:
    """Columns of the widest line."""
    return max(line_width(line) for line in text.split("\n"))


def height(text: str) -> int:
    """Number of lines."""
    return text.count("\n") + 1


def pieces(line: str) -> Iterator[tuple[str, int]]:
    """Escape sequences (width 0) and characters as the eye sees them, with their widths."""
    at = 0
    for match in _SEQUENCE.finditer(line):
        yield from _characters(line[at : match.start()])
        yield match.group(), 0
        at = match.end()
    yield from _characters(line[at:])


def _characters(text: str) -> Iterator[tuple[str, int]]:
    if text.isascii():
        for char in text:
            yield char, cell_len(char)
        return
    cluster = ""
    for char in text:
        if cluster and (cluster[-1] == _JOINER or _attaches(char, cluster)):
            cluster += char
            continue
        if cluster:
            yield cluster, cell_len(cluster)
        cluster = char
    if cluster:
        yield cluster, cell_len(cluster)


def _attaches(char: str, cluster: str) -> bool:
    if "\U0001f1e6" <= char <= "\U0001f1ff":  # letters of flags stand in pairs
        return len(cluster) == 1 and "\U0001f1e6" <= cluster <= "\U0001f1ff"
    return char == _JOINER or "\U0001f3fb" <= char <= "\U0001f3ff" or (char >= " " and cell_len(char) == 0)


def truncate(line: str, columns: int) -> str:
    """The part of a line that fits; escape sequences behind it stay, so that styles end."""
    if line_width(line) <= columns:
        return line
    out, used, full = [], 0, False
    for piece, wide in pieces(line):
        if piece.startswith("\x1b"):
            out.append(piece)
        elif not full:
            if used + wide > columns:
                full = True
            else:
                out.append(piece)
                used += wide
    return "".join(out)


def wrap(text: str, columns: int) -> str:
    """Breaks lines at blanks so that none is wider; words that are wider are cut."""
    return "\n".join(out for line in text.split("\n") for out in _wrap_line(line, columns))


def _wrap_line(line: str, columns: int) -> list[str]:
    if line_width(line) <= columns:
        return [line]
    lines: list[str] = []
    now, used = "", 0  # the line
    blanks = ""  # between it and the word
    word, wide = "", 0

    def place() -> None:
        nonlocal now, used, blanks, word, wide
        if not wide:
            now, word = now + word, ""
            return
        if used + len(blanks) + wide > columns:
            if used:
                lines.append(now)
                now = ""
            now, used = now + word, wide
        else:
            now, used = now + blanks + word, used + len(blanks) + wide
        blanks, word, wide = "", "", 0

    for piece, size in pieces(line):
        if piece == " ":
            if word:
                place()
            blanks += " "
            if not used and len(blanks) > columns:
                blanks = ""
            continue
        if size and wide + size > columns:
            place()
            lines.append(now)
            now, used = "", 0
        word += piece
        wide += size
    if word:
        place()
    lines.append(now)
    return lines


def closed_lines(text: str) -> list[str]:
    """The lines; a style that goes over several is ended and begun again on each."""
    lines = text.split("\n")
    if "\x1b" not in text or len(lines) == 1:
        return lines
    out, open_ = [], ""
    for line in lines:
        before = open_
        for match in _STYLE.finditer(line):
            open_ = "" if match.group(1) in ("", "0") else open_ + match.group()
        out.append(before + line + (RESET if open_ else ""))
    return out
