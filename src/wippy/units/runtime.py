"""What the workers of one application share: code, router, clock, module bindings, security."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from wippy.errors import WippyError
from wippy.kernel import codec
from wippy.modules.bindings import Bindings
from wippy.units.clock import Clock
from wippy.units.code import CodeStore
from wippy.units.dead_letters import DeadLetters, Letter
from wippy.units.frame import Frame, Scopes, frame_of
from wippy.units.guests import Guests
from wippy.units.router import Router


class LiveUnit(msgspec.Struct, frozen=True):
    """The caller of a module function, as modules see it."""

    pid: str
    entry: str
    frame: Frame
    clock: Clock
    workflow: bool = False

    def now_ns(self) -> int:
        return self.clock.time_ns()

    def entropy(self, size: int) -> bytes:
        return os.urandom(size)


class Runtime:
    """Shared by all hosts of an application.

    Args:
        permitted: (frame, action, resource, meta) -> whether it is allowed.
        log: (level, logger name, message, fields) -> None; from any thread.
        strict: deny where actor or scope is missing.
        scopes: by the numbers that frames carry.
    """

    def __init__(
        self,
        router: Router,
        code: CodeStore,
        bindings: Bindings,
        clock: Clock,
        permitted: Callable[[Frame, str, str, dict[str, Any] | None], bool],
        log: Callable[[str, str, str, dict[str, Any]], None],
        strict: bool = False,
        scopes: Scopes | None = None,
    ) -> None:
        self.router = router
        self.code = code
        self.bindings = bindings
        self.clock = clock
        self.permitted = permitted
        self.log = log
        self.strict = strict
        self.scopes = scopes or Scopes()
        self.guests = Guests(router.request)
        self.dead_letters = DeadLetters(log)
        router.dead = self.dead_letters.add
        self.fatal: Callable[[str], None] = lambda text: None
        """Told that the application cannot go on, and why; from any thread."""
        self.started_ns = time.time_ns()

    def unit(self, pid: str, entry: str, blob: bytes | str) -> LiveUnit:
        """The unit behind a command."""
        return LiveUnit(pid, entry, frame_of(blob), self.clock)

    def host_functions(self) -> dict[str, Callable[..., Any]]:
        """The host table of a VM, but for what is the worker's own. Nothing in it raises."""
        router, code, bindings, clock = self.router, self.code, self.bindings, self.clock
        names = router.names

        def code_of(id: bytes) -> Any:
            try:
                return code.packed(id.decode("utf-8", "replace"))
            except WippyError as error:
                return None, error.kind.encode(), error.message.encode()
            except Exception as error:
                return None, b"Internal", f"{type(error).__name__}: {error}".encode()

        def module_call(fn_id: bytes, packed: bytes, pid: bytes, entry: bytes, blob: bytes) -> Any:
            try:
                unit = LiveUnit(pid.decode(), entry.decode(), frame_of(blob), clock)
                return bindings.module_call(unit, fn_id, packed)
            except BaseException as error:
                return 1, codec.pack([codec.ErrorValue.of(error)])

        def permit(blob: bytes, action: bytes, resource: bytes, meta: bytes) -> bool:
            try:
                attributes = codec.unpack(meta)[0] if meta else None
                return self.permitted(frame_of(blob), action.decode(), resource.decode("utf-8", "replace"), attributes)
            except BaseException as error:
                self._complain("a permission check failed", error)
                return False

        def expression_found(source: bytes, text: bytes) -> bool | None:
            """Whether a regular expression is found in a text; None for an invalid one."""
            from wippy.regex import compile_expression

            try:
                return compile_expression(source).found(text)
            except Exception:
                return None

        def release(pid: bytes, upgrade: bool = False) -> None:
            try:
                self.guests.release(pid.decode())
                for error in bindings.release(pid.decode(), upgrade=upgrade):
                    self._complain("a resource could not be released", error)
            except BaseException as error:
                self._complain("resources could not be released", error)

        def print_line(entry: bytes, pid: bytes, line: int, text: bytes) -> None:
            try:
                where = entry.decode("utf-8", "replace")
                self.log(
                    "info",
                    "",
                    text.decode("utf-8", "replace"),
                    {"pid": pid.decode(), "location": f"{where}:{line}"},
                )
            except BaseException:
                pass

        def dead_letters(count: int, *letter: bytes) -> None:
            try:
                topic, sender, to, reason = (text.decode("utf-8", "replace") for text in letter)
                self.dead_letters.add(Letter(topic, sender, to, reason), count)
            except BaseException:
                pass

        return {
            "dead_letters": dead_letters,
            "chunk": code.chunk,
            "guest_load": self.guests.load,
            "chunk_types": code.chunk_types,
            "expression_found": expression_found,
            "code": code_of,
            "module_call": module_call,
            "module_load": bindings.module_load,
            "permit": permit,
            "release": release,
            "print": print_line,
            "name_register": names.register,
            "name_holder": names.holder,
            "name_unregister": names.unregister,
            "names_release": names.release,
            "now_ns": clock.time_ns,
            "monotonic_ns": clock.monotonic_ns,
            "entropy": os.urandom,
            "started_ns": lambda: self.started_ns,
        }

    def _complain(self, what: str, error: BaseException) -> None:
        self.log("error", "runtime", what, {"error": f"{type(error).__name__}: {error}"})
