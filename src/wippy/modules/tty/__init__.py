"""The module `tty`: keys, mouse and size of the terminal, and styled text."""

from __future__ import annotations

import asyncio
from typing import Any

from wippy.errors import UNAVAILABLE, WippyError
from wippy.modules.caller import Call
from wippy.modules.io.terminal import input, terminal
from wippy.modules.module import Module
from wippy.modules.tty import ansi, layout
from wippy.modules.tty import reader as readers
from wippy.modules.tty.reader import Reader
from wippy.modules.tty.style import render

tty = Module("tty", classes={"io", "nondeterministic"}, lua="tty.lua")
tty.object("Reader", Reader)
tty.constant("borders", {name.upper(): name for name in ("normal", "rounded", "thick", "double", "hidden")})
tty.constant("align", {"LEFT": 0, "CENTER": 0.5, "RIGHT": 1})

TOPIC = "@tty/events"
LARGEST_BLOCK = 10_000


@tty.function(name="_start")
async def start(call: Call) -> Reader:
    if not readers.available():
        raise WippyError(UNAVAILABLE, "input controller unavailable")
    await asyncio.to_thread(readers.join_latest, 2.0)
    reader = _reader(call)
    reader.start()
    return reader  # closed where the process has ended meanwhile


@tty.function(name="_stop")
async def stop(call: Call) -> bool:
    reader = readers.reader_of(call.pid)
    if reader is not None:
        reader.close()
        call.drop(reader)
    return True


@tty.function(name="_mouse")
async def mouse(call: Call, on: bool) -> bool:
    _reader(call).mouse(on)
    return True


def _reader(call: Call) -> Reader:
    pid, deliver = call.pid, call.services.deliver
    reader = readers.reader_of(pid)
    if reader is None:
        reader = Reader(pid, terminal, input, lambda event: deliver(pid, TOPIC, event))
        call.keep(reader)
    return reader


@tty.function(name="_size", single=True)
async def size(call: Call) -> list[int]:
    return list(terminal.size())


@tty.function(name="_render", single=True)
def render_(call: Call, style: Any, text: str) -> str:
    return render(style or {}, text)  # a table without any setting comes as a list


@tty.function(name="text.width", single=True)
def width(call: Call, text: str) -> int:
    """Columns of the widest line; escape sequences take none, wide characters two."""
    return ansi.width(text)


@tty.function(name="text.height", single=True)
def height(call: Call, text: str) -> int:
    """Number of lines."""
    return ansi.height(text)


@tty.function(name="text.size")
def text_size(call: Call, text: str) -> tuple[int, int]:
    """Width and height."""
    return ansi.width(text), ansi.height(text)


@tty.function(name="text.max_width", single=True)
def max_width(call: Call, texts: list) -> int:
    """The greatest width of a list of texts."""
    return max((ansi.width(_text(text)) for text in texts), default=0)


@tty.function(name="text.max_height", single=True)
def max_height(call: Call, texts: list) -> int:
    """The greatest height of a list of texts."""
    return max((ansi.height(_text(text)) for text in texts), default=0)


@tty.function(name="text.join_horizontal", single=True)
def join_horizontal(call: Call, position: float, *texts: str) -> str:
    """Blocks side by side; lower ones stand at `position`, 0 = top, 1 = bottom."""
    return layout.join_horizontal(position, [_text(text) for text in texts])


@tty.function(name="text.join_vertical", single=True)
def join_vertical(call: Call, position: float, *texts: str) -> str:
    """Blocks one above the other; narrower ones stand at `position`, 0 = left, 1 = right."""
    return layout.join_vertical(position, [_text(text) for text in texts])


@tty.function(name="text.place_horizontal", single=True)
def place_horizontal(call: Call, width: int, position: float, text: str) -> str:
    """A block in so many columns."""
    return layout.place_horizontal(min(width, LARGEST_BLOCK), position, text)


@tty.function(name="text.place_vertical", single=True)
def place_vertical(call: Call, height: int, position: float, text: str) -> str:
    """A block in so many rows."""
    return layout.place_vertical(min(height, LARGEST_BLOCK), position, text)


@tty.function(name="text.place", single=True)
def place(call: Call, width: int, height: int, horizontal: float, vertical: float, text: str) -> str:
    """A block in a box."""
    text = layout.place_horizontal(min(width, LARGEST_BLOCK), horizontal, text)
    return layout.place_vertical(min(height, LARGEST_BLOCK), vertical, text)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


tty.lua_function("start()", doc="Raw mode on, events begin. Errors: ALREADY_EXISTS, UNAVAILABLE, INTERNAL.")
tty.lua_function("stop()", doc="Ends the events and raw mode.")
tty.lua_function("mouse(on: boolean)", doc="Mouse events on or off.")
tty.lua_function("screen_size()", doc="Columns and rows, or nil, nil and an error.")
tty.lua_function("events()", doc="The channel of the events. Errors: ALREADY_EXISTS.")
tty.lua_function("bind(binding: table)", doc="A KeyBinding of `{keys = {...}, help = {key = ..., desc = ...}}`.")
tty.lua_function("style()", doc="A Style without any setting.")
for _signature, _doc in (
    ("matches(event: any)", "Whether an event is one of the keys, while enabled."),
    ("set_enabled(on: boolean)", "Enables or disables it; gives itself."),
    ("is_enabled()", "Whether it is enabled."),
    ("help()", "`{key, desc}`."),
):
    tty.lua_method("KeyBinding", _signature, doc=_doc)
for _name in ("foreground", "background"):
    tty.lua_method("Style", f"{_name}(color: string)", doc="`#RRGGBB` or the number of a colour.")
for _name in ("bold", "italic", "underline", "strikethrough", "faint", "blink", "reverse", "inline"):
    tty.lua_method("Style", f"{_name}(enable: boolean?)")
for _name in ("width", "height", "max_width", "max_height"):
    tty.lua_method("Style", f"{_name}(n: number)")
for _name in ("padding", "margin"):
    tty.lua_method(
        "Style", f"{_name}(...)", doc="All sides; vertical, horizontal; top, sides, bottom; or four, clockwise."
    )
for _name in ("align", "align_vertical"):
    tty.lua_method("Style", f"{_name}(position: number)")
tty.lua_method("Style", "border(name: string, ...)", doc="A border; which sides, as for `padding`, by default all.")
tty.lua_method("Style", "border_foreground(...)", doc="Colours of the sides, as for `padding`.")
tty.lua_method("Style", "border_background(...)", doc="The same of what is behind.")
tty.lua_method("Style", "copy()", doc="Another of the same settings.")
tty.lua_method("Style", "render(...)", doc="The values, blanks between, in this style.")
