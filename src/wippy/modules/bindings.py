"""Carries out module calls: arguments in, handler, values or an error out. Nothing here raises into Lua."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from msgspec.msgpack import Ext

from wippy.errors import CANCELED, INTERNAL, INVALID, ArgumentError, WippyError
from wippy.kernel import codec
from wippy.modules.caller import Call, Services, Unit
from wippy.modules.catalog import Catalog
from wippy.modules.handles import Handles
from wippy.modules.module import Function, gone_text, object_class_of

VALUES, FAILED, RAISED = 0, 1, 2
HOLD, HELD = b"@hold", b"@"


class _Arguments:
    """Packed arguments that wait for the command they belong to: on its way a command is copied several times."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed


log = logging.getLogger("wippy.modules")


class Bindings:
    """The Python end of every module function of one application.

    `module_call` and `module_command` return `(status, packed)`: status 0 with the values, 1 with one error value,
    2 with position (or nil) and text of an error to raise.
    """

    def __init__(self, services: Services, catalog: Catalog | None = None) -> None:
        self.services = services
        self.catalog = catalog or Catalog()
        self.handles = Handles()

    def module_load(self, name: bytes) -> bytes | None:
        """Packed `[spec, chunks]` of a module for the Lua side, None for an unknown name."""
        try:
            return self.catalog.packed(name.decode("utf-8", "replace"))
        except Exception as error:
            return codec.pack([False, f"{type(error).__name__}: {error}"])

    def module_call(self, unit: Unit, fn_id: bytes, packed: bytes) -> tuple[int, bytes]:
        """Runs an in-place function."""
        try:
            if fn_id == HOLD:
                return VALUES, codec.pack([self.handles.add(unit.pid, _Arguments(packed))])
            function = self.catalog.function(fn_id)
            call = Call(self.services, unit, self.handles)
            return self._values(function, call, function.handler(call, *self._arguments(function, call, packed)))  # type: ignore[misc]
        except Exception as error:
            return failure_of(error)

    async def module_command(self, unit: Unit, fn_id: bytes, packed: bytes) -> tuple[int, bytes]:
        """Carries out an effect. Cancelling the task interrupts the operation and gives an error CANCELED."""
        try:
            function = self.catalog.function(fn_id)
            if not function.effect:  # with much to do
                if packed.startswith(HELD):
                    held = self.handles.get(int(packed[len(HELD) :]))
                    self.handles.drop(unit.pid, held)
                    packed = held.packed
                return await asyncio.to_thread(self.module_call, unit, fn_id, packed)
            call = Call(self.services, unit, self.handles)
            result = await function.handler(call, *self._arguments(function, call, packed))  # type: ignore[misc]
            return self._values(function, call, result)
        except asyncio.CancelledError:
            return failure_of(WippyError(CANCELED, "operation canceled"))
        except Exception as error:
            return failure_of(error)

    def release(self, pid: str, *, upgrade: bool = False) -> list[BaseException]:
        """Closes what a unit still holds, the last acquired first. Called when the unit ends; does not wait.

        Args:
            upgrade: the unit goes on with new code and keeps what survives that.
        """
        return self.handles.release(pid, upgrade=upgrade)

    def discard(self, packed: bytes) -> None:
        """Closes the objects among values that nobody has taken. Never raises."""
        try:
            for value in codec.unpack(packed):
                if type(value) is codec.Handle:
                    self.handles.close(value.number)
        except Exception:
            log.exception("what a command has opened could not be closed")

    def _arguments(self, function: Function, call: Call, packed: bytes) -> list[Any]:
        arguments = codec.unpack(packed)
        handle = codec.Handle
        for index, value in enumerate(arguments):
            if type(value) is handle:
                held = self.handles.get(value.number)
                if held is None:
                    gone = gone_text(value.class_id)
                    if gone is not None:
                        raise WippyError(INTERNAL, gone)
                    raise WippyError(INVALID, f"{function.id}: the object has been released with the call that made it")
                arguments[index] = held
        for index in function.takes_bytes:
            if index < len(arguments) and isinstance(arguments[index], str):
                arguments[index] = arguments[index].encode()
        parameters = function.parameters
        while arguments and arguments[-1] is None and len(arguments) <= len(parameters):
            if not parameters[len(arguments) - 1].default:
                break
            arguments.pop()
        while (
            len(arguments) < len(parameters)
            and not parameters[len(arguments)].default
            and not parameters[len(arguments)].rest
        ):
            arguments.append(None)
        for index, value in enumerate(arguments):
            if index < len(parameters) and parameters[index].python is str and isinstance(value, bytes):
                arguments[index] = value.decode("utf-8", "surrogateescape")
        if function.permission is not None:
            at = function.resource_at
            resource = arguments[at] if at is not None and at < len(arguments) else function.resource_text
            if not call.permit(function.permission, str(resource)):
                text = function.denied.replace("{resource}", str(resource))
                if function.denied_kind is None:
                    raise ArgumentError(0, text)
                raise WippyError(function.denied_kind, text)
        return arguments

    def _values(self, function: Function, call: Call, result: Any) -> tuple[int, bytes]:
        values = list(result) if type(result) is tuple else [result] if function.single else [result, None]
        for index, value in enumerate(values):
            if value is not None and type(value) not in _PLAIN:
                held = object_class_of(type(value))
                if held is not None:
                    number = self.handles.add(call.pid, value)
                    parts: list[Any] = [held.id, number]
                    if not function.id.startswith(f"{held.module}."):
                        parts.append(held.module)
                    values[index] = Ext(codec.EXT_HANDLE, codec.pack(parts))
        return VALUES, codec.pack(values)


_PLAIN = frozenset({str, bytes, int, float, bool, list, dict})


def failure_of(error: BaseException) -> tuple[int, bytes]:
    """The reply for an exception: an error value, or a raise for wrong use."""
    if isinstance(error, ArgumentError):
        return RAISED, codec.pack([error.position or None, error.text])
    value = codec.ErrorValue.of(error)
    try:
        return FAILED, _packed_error(value.kind, value.message, value.retryable, value.details, value.context)
    except Exception as second:
        return FAILED, _packed_error(INTERNAL, f"{error} (details lost: {second})", False)


def _packed_error(*parts: Any) -> bytes:
    return codec.pack([Ext(codec.EXT_ERROR, codec.pack(parts))])
