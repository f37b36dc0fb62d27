"""Text in a style: colours, attributes, padding, borders, margins, as text with escape sequences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from wippy.modules.tty import ansi, layout

_ATTRIBUTES = {
    "bold": "1",
    "faint": "2",
    "italic": "3",
    "underline": "4",
    "blink": "5",
    "reverse": "7",
    "strikethrough": "9",
}
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


class Border(NamedTuple):
    """The characters of a border."""

    horizontal: str
    vertical: str
    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str


BORDERS = {
    "normal": Border(*"─│┌┐└┘"),
    "rounded": Border(*"─│╭╮╰╯"),
    "thick": Border(*"━┃┏┓┗┛"),
    "double": Border(*"═║╔╗╚╝"),
    "hidden": Border(*"      "),
}


def color_code(color: str, *, background: bool = False) -> str:
    """The parameters of a colour: `#RRGGBB`, `#RGB` or a number up to 255; empty for anything else."""
    base = 48 if background else 38
    if _HEX.fullmatch(color):
        digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
        red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
        return f"{base};2;{red};{green};{blue}"
    if not color.isascii() or not color.isdigit() or int(color) > 255:
        return ""
    number = int(color)
    if number < 8:
        return str(base - 8 + number)
    return str(base + 52 + number - 8) if number < 16 else f"{base};5;{number}"


def _begin(*codes: str) -> str:
    found = ";".join(code for code in codes if code)
    return f"\x1b[{found}m" if found else ""


def _painted(begin: str, text: str) -> str:
    """Text between a style and its end; a style that ends within it is followed by this one."""
    if not begin or not text:
        return text
    return begin + text.replace(ansi.RESET, ansi.RESET + begin).replace("\x1b[m", "\x1b[m" + begin) + ansi.RESET


def render(style: Mapping[str, Any], text: str) -> str:
    """The text in a style.

    Args:
        style: foreground, background; the attributes; inline; width, height, max_width, max_height; padding and margin
            (top, right, bottom, left); align, align_vertical; border (name), sides (top, right, bottom, left),
            border_foreground, border_background (of the same four). What is missing is not set.
    """
    inline = style.get("inline", False)
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    if inline:
        text = text.replace("\n", "")
    top, right, bottom, left = style.get("padding", (0, 0, 0, 0)) if not inline else (0, 0, 0, 0)
    width = style.get("width", 0)
    if width > 0 and not inline:
        text = ansi.wrap(text, max(width - left - right, 1))
    background = color_code(style.get("background", ""), background=True)
    begin = _begin(
        *(code for name, code in _ATTRIBUTES.items() if style.get(name)),
        color_code(style.get("foreground", "")),
        background,
    )
    blank = _begin(_ATTRIBUTES["reverse"] if style.get("reverse") else "", background)
    lines = [_painted(begin, line) for line in ansi.closed_lines(text)]
    lines = [_painted(blank, " " * left) + line + _painted(blank, " " * right) for line in lines]
    lines = [*[""] * top, *lines, *[""] * bottom]
    free = style.get("height", 0) - len(lines)
    if free > 0:
        above = layout.share(free, style.get("align_vertical", 0))
        lines = [*[""] * above, *lines, *[""] * (free - above)]
    if len(lines) > 1 or width > 0:
        lines = _aligned(lines, 0 if inline else width, style.get("align", 0), blank)
    if not inline:
        lines = _margined(style, _bordered(style, lines))
    if style.get("max_width", 0) > 0:
        lines = [ansi.truncate(line, style["max_width"]) for line in lines]
    if style.get("max_height", 0) > 0:
        lines = lines[: style["max_height"]]
    return "\n".join(lines)


def _aligned(lines: list[str], width: int, position: float, blank: str) -> list[str]:
    wide = max(width, *(ansi.line_width(line) for line in lines))
    out = []
    for line in lines:
        free = wide - ansi.line_width(line)
        left = layout.share(free, position)
        out.append(_painted(blank, " " * left) + line + _painted(blank, " " * (free - left)))
    return out


def _bordered(style: Mapping[str, Any], lines: list[str]) -> list[str]:
    name = style.get("border")
    if name is None:
        return lines
    border = BORDERS.get(name, BORDERS["normal"])
    top, right, bottom, left = style.get("sides", (True, True, True, True))
    fronts, backs = style.get("border_foreground", ("",) * 4), style.get("border_background", ("",) * 4)
    begins = [_begin(color_code(f), color_code(b, background=True)) for f, b in zip(fronts, backs, strict=True)]
    wide = max(ansi.line_width(line) for line in lines)
    lines = [layout.fill(line, wide, 0) for line in lines]
    before = _painted(begins[3], border.vertical) if left else ""
    behind = _painted(begins[1], border.vertical) if right else ""
    out = [before + line + behind for line in lines]
    if top:
        line = (border.top_left if left else "") + border.horizontal * wide + (border.top_right if right else "")
        out.insert(0, _painted(begins[0], line))
    if bottom:
        line = (border.bottom_left if left else "") + border.horizontal * wide + (border.bottom_right if right else "")
        out.append(_painted(begins[2], line))
    return out


def _margined(style: Mapping[str, Any], lines: list[str]) -> list[str]:
    top, right, bottom, left = style.get("margin", (0, 0, 0, 0))
    if left or right:
        wide = max(ansi.line_width(line) for line in lines)
        lines = [" " * left + layout.fill(line, wide, 0) + " " * right for line in lines]
    blank = " " * max(ansi.line_width(line) for line in lines)
    return [*[blank] * top, *lines, *[blank] * bottom]
