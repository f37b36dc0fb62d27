"""Kind `process.python`: a process written in Python."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import traceback
import types
from typing import Any

import msgspec

from wippy.errors import INTERNAL, NOT_FOUND, SourceError, WippyError
from wippy.registry.decode import decode
from wippy.registry.entry import Entry
from wippy.services.site import Site
from wippy.units.code import LuaCode
from wippy.units.guests import Ask
from wippy.units.python_process import Process

DOC = "write `async def main(process, *args)`"


class PythonConfig(msgspec.Struct):
    """Data of a `process.python` entry; `source` is text or `file://name.py`."""

    source: str = ""
    method: str = "main"


class PythonProgram:
    """The compiled source of an entry; each process runs it in a module of its own."""

    def __init__(self, site: Site, id: str, file: str, code: types.CodeType, method: str) -> None:
        self._site = site
        self._id = id
        self._file = file
        self._code = code
        self._method = method

    def load(self, pid: str) -> PythonMachine:
        module = types.ModuleType(self._id)
        module.__file__ = self._file
        try:
            exec(self._code, module.__dict__)
        except Exception as error:
            raise WippyError(INTERNAL, f"failed to execute script: {self.told(error)}") from None
        main = getattr(module, self._method, None)
        if not callable(main):
            raise WippyError(NOT_FOUND, f'method "{self._method}" not found in module: {DOC}')
        return PythonMachine(self, pid, self._id, main)

    def told(self, error: BaseException) -> str:
        """Text of an exception with the line of the user's source in front."""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self._file]
        where = f"{self._id}:{lines[-1]}: " if lines else ""
        text = error.message if isinstance(error, WippyError) else f"{type(error).__name__}: {error}"
        return where + text

    def log_failure(self, pid: str, error: BaseException) -> None:
        """The traceback, for whoever looks for the reason."""
        stack = "".join(traceback.format_exception(error)).rstrip()
        self._site.runtime.log("debug", "process", "a Python process failed", {"pid": pid, "stack": stack})


class PythonMachine:
    """One process: its module and its main task."""

    def __init__(self, program: PythonProgram, pid: str, entry: str, main: Any) -> None:
        self._program = program
        self._pid = pid
        self._entry = entry
        self._main = main

    async def run(self, ask: Ask, args: list[Any], terminal: bool) -> Any:
        process = Process(self._pid, self._entry, ask)
        try:
            result = self._main(process, *args)
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError:
            raise
        except WippyError as error:
            self._program.log_failure(self._pid, error)
            raise
        except Exception as error:
            self._program.log_failure(self._pid, error)
            raise WippyError(INTERNAL, self._program.told(error), retryable=None) from error

    def close(self) -> None:
        """Nothing to close: the kernel cancels the task."""


class PythonProcessHandler:
    """Compiles the source when it is registered."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, entry: Entry) -> None:
        id = str(entry.id)
        config = decode(entry, PythonConfig, env=self._site.read_variable)
        if not config.source:
            raise entry.error("source is required", hint="give the code as text or as file://name.py")
        method = config.method or "main"
        file = entry.file_of("source") or id
        try:
            code = compile(config.source, file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            text = (config.source.splitlines() or [""])[line - 1] if line else None
            column = getattr(error, "offset", None)
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise SourceError(
                f"syntax error: {reason}",
                file=file,
                line=line,
                column=column,
                text=text,
                hint=f"this is the source of {id} ({entry.kind})",
            ) from None
        # so that tracebacks show the lines
        linecache.cache[file] = (len(config.source), None, config.source.splitlines(keepends=True), file)
        runtime = self._site.runtime
        runtime.guests.put(id, PythonProgram(self._site, id, file, code, method))
        runtime.code.put_guest(guest_code(entry, method, config.source, file))

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._site.runtime.guests.remove(id)
        self._site.runtime.code.remove(id)


def guest_code(entry: Entry, method: str, source: str, file: str | None) -> LuaCode:
    """What the code store knows of a process that is not Lua."""
    options = entry.meta.get("options")
    options = options if isinstance(options, dict) else None
    host = (options or {}).get("default_host") or entry.meta.get("default_host")
    return LuaCode(
        id=str(entry.id),
        kind=entry.kind,
        source=source,
        file=file,
        method=method,
        options=options,
        default_host=str(host) if host else None,
    )
