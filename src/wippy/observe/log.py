"""The log of one application: levels, sampling, one written form, listeners."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from .form import ConsoleForm, Form, JsonForm, ScreenForm, TabForm
from .level import DEBUG, ERROR, INFO, WARN
from .record import Record
from .sampler import Sampler

Listener = Callable[[Record], None]


class Log:
    """Takes records from any thread, writes them, and hands them to its listeners.

    Args:
        form: how a record becomes text; None writes nothing.
        stream: where the text goes.
        level: records below it are dropped.
        sampler: thins out repeated lines; None writes all. Listeners get every record.
        stacks: tracebacks are kept.
    """

    def __init__(
        self,
        form: Form | None = None,
        stream: TextIO | None = None,
        *,
        level: int = INFO,
        sampler: Sampler | None = None,
        stacks: bool = False,
    ) -> None:
        self.level = level
        self.stacks = stacks
        self.counts = {DEBUG: 0, INFO: 0, WARN: 0, ERROR: 0}
        self._form = form
        self._stream = stream
        self._sampler = sampler
        self._lock = threading.RLock()
        self._listeners: tuple[Listener, ...] = ()
        self._hidden = 0
        self._inside = threading.local()

    @classmethod
    def open(
        cls,
        *,
        verbose: bool = False,
        very_verbose: bool = False,
        console: bool = False,
        silent: bool = False,
        encoding: str = "console",
        level: int | None = None,
        start_ns: int | None = None,
    ) -> Log:
        """The log that command line flags and configuration ask for.

        Args:
            verbose: debug level, no sampling.
            very_verbose: the same, with tracebacks.
            console: coloured lines with elapsed seconds on stdout.
            silent: nothing is written.
            encoding: `json` for JSON lines on stdout.
            level: lowest level written; by default it follows from the flags.
            start_ns: wall clock that `console` counts from, nanoseconds since 1970; by default now.
        """
        verbose = verbose or very_verbose
        if level is None:
            level = DEBUG if verbose else INFO
        form: Form | None
        stream = sys.stderr
        if silent:
            form = None
        elif console:
            form, stream = ConsoleForm(start_ns or time.time_ns(), colour=not os.environ.get("NO_COLOR")), sys.stdout
        elif encoding == "json":
            form, stream = JsonForm(), sys.stdout
        elif wants_colour(sys.stderr):
            form = ScreenForm()
        else:
            form = TabForm()
        sampler = None if verbose or console else Sampler()
        return cls(form, stream, level=level, sampler=sampler, stacks=very_verbose)

    def named(self, name: str) -> Logger:
        """A logger that writes here under `name`."""
        return Logger(self, name)

    def enabled(self, level: int) -> bool:
        """True where a record of that level would go anywhere: check it before costly work."""
        return level >= self.level and (self._form is not None or bool(self._listeners))

    def write(
        self, level: int, logger: str, message: str, fields: dict[str, Any] | None = None, *, stack: str = ""
    ) -> None:
        """Logs one record. Never raises for what is in it.

        Args:
            level: DEBUG, INFO, WARN or ERROR.
            logger: dotted name, may be empty.
            message: the text.
            fields: string keys; not changed, and must not be changed by the caller afterwards.
            stack: a traceback; dropped unless the log keeps them.
        """
        if level < self.level:
            return
        self.counts[level] += 1
        if self._form is None and not self._listeners:
            return
        record = Record(level, logger, message, fields or {}, time.time_ns(), stack if self.stacks else "")
        if self._form is not None and not self._hidden:
            self._print(self._form, record)
        if self._listeners:
            self._tell(record)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hands every record to `listener`, in the thread that logs; what it logs itself is not handed on.

        Returns:
            A function that ends it.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return end

    @contextmanager
    def hide(self) -> Iterator[None]:
        """While inside, nothing is written; listeners go on."""
        with self._lock:
            self._hidden += 1
        try:
            yield
        finally:
            with self._lock:
                self._hidden -= 1

    def _print(self, form: Form, record: Record) -> None:
        stream = self._stream
        if stream is None:
            return
        with self._lock:
            if self._sampler is not None and not self._sampler.passes(record):
                return
            try:
                stream.write(form(record))
                stream.flush()
            except UnicodeEncodeError:
                stream.write(form(record).encode("ascii", "backslashreplace").decode("ascii"))
                stream.flush()
            except (OSError, ValueError):
                # Whoever read the log went away: the application goes on without it.
                self._stream = None

    def _tell(self, record: Record) -> None:
        if getattr(self._inside, "telling", False):
            return
        self._inside.telling = True
        try:
            for listener in self._listeners:
                try:
                    listener(record)
                except Exception as error:
                    self._print_failure(listener, error)
        finally:
            self._inside.telling = False

    def _print_failure(self, listener: Listener, error: Exception) -> None:
        if self._form is None or self._hidden:
            return
        fields = {"listener": repr(listener), "error": str(error)}
        self._print(self._form, Record(ERROR, "log", "log listener failed", fields, time.time_ns()))


class Logger:
    """Writes to a log under one name, with fields of its own."""

    __slots__ = ("_fields", "log", "name")

    def __init__(self, log: Log, name: str = "", fields: dict[str, Any] | None = None) -> None:
        self.log = log
        self.name = name
        self._fields = fields or {}

    def named(self, name: str) -> Logger:
        """A logger whose name is this one's, a dot, and `name`."""
        return Logger(self.log, f"{self.name}.{name}" if self.name else name, self._fields)

    def with_fields(self, fields: dict[str, Any]) -> Logger:
        """A logger that adds `fields` to every record."""
        return Logger(self.log, self.name, {**self._fields, **fields})

    def debug(self, message: str, fields: dict[str, Any] | None = None) -> None:
        self._write(DEBUG, message, fields)

    def info(self, message: str, fields: dict[str, Any] | None = None) -> None:
        self._write(INFO, message, fields)

    def warn(self, message: str, fields: dict[str, Any] | None = None) -> None:
        self._write(WARN, message, fields)

    def error(self, message: str, fields: dict[str, Any] | None = None, *, cause: BaseException | None = None) -> None:
        """Logs an error; `cause` becomes the field `error`, its traceback is kept where the log keeps them."""
        stack = ""
        if cause is not None:
            fields = {"error": str(cause) or type(cause).__name__, **(fields or {})}
            if self.log.stacks:
                import traceback

                stack = "".join(traceback.format_exception(cause))
        self._write(ERROR, message, fields, stack)

    def _write(self, level: int, message: str, fields: dict[str, Any] | None, stack: str = "") -> None:
        if self._fields:
            fields = {**self._fields, **fields} if fields else self._fields
        self.log.write(level, self.name, message, fields, stack=stack)


def wants_colour(stream: TextIO) -> bool:
    """True where a terminal shows colours to a person; the variables `NO_COLOR` and `FORCE_COLOR` decide first."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False
