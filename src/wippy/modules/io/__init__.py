"""The module `io`: the terminal, for the process that a terminal host runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from wippy.errors import INTERNAL, UNAVAILABLE, WippyError
from wippy.modules.caller import Call
from wippy.modules.io.terminal import (
    LARGEST_READ,
    NO_END,
    RawHold,
    ScreenHold,
    Waker,
    holds,
    input,
    screens,
    terminal,
    write,
)
from wippy.modules.module import Module

io = Module("io", classes={"io", "nondeterministic"}, lua="io.lua")
io.lua_function("write(...)", doc="Writes values to standard output, nothing between or after.")
io.lua_function("print(...)", doc="Writes values and a line end, tabs between.")
io.lua_function("eprint(...)", doc="The same on standard error.")
io.lua_function("read(n: number?)", doc="Up to n bytes, as soon as something is there. Error `EOF` at the end.")
io.lua_function("readline()", doc="The next line without its end. Error `EOF` at the end.")
io.lua_function("raw(enable: boolean?)", doc="Raw mode of the terminal; counted.")
io.lua_function("flush()", doc="Writes what is held back.")
io.lua_function("args()", doc="Arguments of the program; none outside of a terminal.")


@io.function(single=True)
def _write(call: Call, text: bytes, error: bool) -> bool:
    try:
        write(text, error=error)
    except (OSError, ValueError) as failed:
        raise WippyError(INTERNAL, f"write failed: {failed}") from None
    if b"\x1b[?" in text and not error and terminal.note(text) and call.pid not in screens:
        screens.add(call.pid)
        call.keep(ScreenHold(call.pid))
    return True


@io.function()
async def _read(call: Call, size: int) -> bytes:
    size = min(size, LARGEST_READ)
    return _or_end(await _in_thread(lambda waker: input.read(size, waker)))


@io.function()
async def _readline(call: Call) -> bytes:
    line = _or_end(await _in_thread(input.read_line))
    return line[:-1].removesuffix(b"\r") if line.endswith(b"\n") else line


async def _in_thread(work: Callable[[Waker], bytes | None]) -> bytes | None:
    """A daemon thread: a read that never returns must not hold the end of the program."""
    if input.claimed:
        raise WippyError(UNAVAILABLE, "the input goes to the events of the tty module: call tty.stop first")
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes | None] = loop.create_future()
    waker = Waker()

    def settle(value: bytes | None, error: Exception | None) -> None:
        if not future.done():
            if error is not None:
                future.set_exception(WippyError(INTERNAL, f"read failed: {error}"))
            else:
                future.set_result(value)

    def run() -> None:
        try:
            value, error = work(waker), None
        except Exception as failed:
            value, error = None, failed
        finally:
            waker.close()
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True, name="terminal-input").start()
    try:
        return await future
    except asyncio.CancelledError:
        waker.stop()
        raise


def _or_end(value: bytes | None) -> bytes:
    if not value:
        raise WippyError(INTERNAL, NO_END)
    return value


@io.function()
async def _raw(call: Call, enable: bool) -> bool:
    hold = holds.get(call.pid)
    if enable:
        terminal.hold_raw()
        if hold is None:
            hold = holds[call.pid] = RawHold(call.pid)
            call.keep(hold)
        hold.count += 1
    elif hold is not None and hold.count:
        hold.count -= 1
        terminal.drop_raw()
    return True


@io.function(single=True)
def _args(call: Call) -> list[str]:
    return list(call.services.arguments())
