"""The module `io`: the terminal, for the process that a terminal host runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading

from wippy.errors import INTERNAL, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module

io = Module("io", classes={"io", "nondeterministic"}, lua="io.lua")
io.lua_function("write(...)", doc="Writes values to standard output, nothing between or after.")
io.lua_function("print(...)", doc="Writes values and a line end, tabs between.")
io.lua_function("eprint(...)", doc="The same on standard error.")
io.lua_function("read(n: number?)", doc="Up to n bytes, as soon as something is there. Error `EOF` at the end.")
io.lua_function("readline()", doc="The next line without its end. Error `EOF` at the end.")
io.lua_function("raw(enable: boolean?)", doc="Raw mode of the terminal; counted.")
io.lua_function("flush()")
io.lua_function("args()", doc="Arguments of the program.")

_rest = b""
_ended = False
_lock = threading.Lock()
_raw_count = 0
_saved: list[object] | None = None


@io.function(single=True)
def _write(call: Call, text: bytes, error: bool) -> bool:
    stream = sys.stderr if error else sys.stdout
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        stream.write(text.decode("utf-8", "replace"))
    else:
        stream.flush()
        buffer.write(text)
    stream.flush()
    return True


def _more(size: int) -> bool:
    global _rest, _ended
    if _ended:
        return False
    chunk = os.read(sys.stdin.fileno(), size)
    if not chunk:
        _ended = True
        return False
    _rest += chunk
    return True


def _read_some(size: int) -> bytes | None:
    global _rest
    with _lock:
        if not _rest and not _more(size):
            return None
        out, _rest = _rest[:size], _rest[size:]
        return out


def _read_line() -> bytes | None:
    global _rest
    with _lock:
        while b"\n" not in _rest:
            if not _more(65536):
                break
        if not _rest:
            return None
        line, _, _rest = _rest.partition(b"\n")
        return line.removesuffix(b"\r")


@io.function()
async def _read(call: Call, size: int) -> bytes:
    return _or_end(await _in_thread(_read_some, size))


@io.function()
async def _readline(call: Call) -> bytes:
    return _or_end(await _in_thread(_read_line))


async def _in_thread(function, *args):  # type: ignore[no-untyped-def]
    """A daemon thread: a read that never returns must not hold the end of the program."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes | None] = loop.create_future()

    def settle(value: bytes | None, error: OSError | None) -> None:
        if not future.done():
            if error is not None:
                future.set_exception(WippyError(INTERNAL, str(error)))
            else:
                future.set_result(value)

    def work() -> None:
        try:
            value, error = function(*args), None
        except (OSError, ValueError) as failed:
            value, error = None, failed if isinstance(failed, OSError) else OSError(str(failed))
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=work, daemon=True, name="terminal-input").start()
    return await future


def _or_end(value: bytes | None) -> bytes:
    if value is None:
        raise WippyError(INTERNAL, "EOF")
    return value


@io.function()
def _raw(call: Call, enable: bool) -> bool:
    global _raw_count, _saved
    try:
        import termios
        import tty
    except ImportError:
        raise WippyError("Unavailable", "raw terminal control unavailable") from None
    if not sys.stdin.isatty():
        raise WippyError(INTERNAL, "stdin is not a terminal")
    fd = sys.stdin.fileno()
    if enable:
        if _raw_count == 0:
            _saved = termios.tcgetattr(fd)
            tty.setraw(fd)
            mode = termios.tcgetattr(fd)
            mode[1] |= termios.OPOST
            termios.tcsetattr(fd, termios.TCSADRAIN, mode)
        _raw_count += 1
    elif _raw_count > 0:
        _raw_count -= 1
        if _raw_count == 0 and _saved is not None:
            termios.tcsetattr(fd, termios.TCSADRAIN, _saved)  # type: ignore[arg-type]
    return True


@io.function(single=True)
def _args(call: Call) -> list[str]:
    return list(call.services.arguments())  # type: ignore[attr-defined]
