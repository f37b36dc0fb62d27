"""A compiled WebAssembly file, and one call of it."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import wasmtime
from wasmtime import component as wc

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.units.wasm.signature import NUMBERS, Signature, signatures
from wippy.units.wasm.values import BadValue, boolean, integer, lift, lower, number

PROFILES = {
    "wasi1": (),
    "wasi:io": ("wasi:io/error", "wasi:io/streams", "wasi:io/poll"),
    "wasi:poll": ("wasi:io/poll",),
    "wasi:clocks": ("wasi:clocks/", "wasi:io/poll"),
    "wasi:cli": ("wasi:cli/",),
    "wasi:filesystem": ("wasi:filesystem/",),
    "wasi:random": ("wasi:random/",),
}
"""Interfaces that each host profile opens to a component; `wasi1` is for core modules, which always have it."""
ALIASES = {name: "wasi1" for name in ("wasi1", "wasi-preview1", "preview1", "wasi_snapshot_preview1")}


class World(msgspec.Struct, frozen=True):
    """What one call may see of the outside.

    Attributes:
        args: command line.
        env: variables.
        mounts: guest path, folder, whether it can be written.
        terminal: standard input and output are the terminal's.
    """

    args: list[str] = []
    env: list[tuple[str, str]] = []
    mounts: list[tuple[str, str, bool]] = []
    terminal: bool = False


def profile_of(name: str) -> str:
    """The host profile that an item of `imports` names. Raises WippyError: INVALID."""
    plain = name.strip().lower().partition("@")[0]
    if plain in ALIASES:
        return ALIASES[plain]
    if plain in PROFILES:
        return plain
    for profile, interfaces in PROFILES.items():
        if any(plain == one or (one.endswith("/") and plain.startswith(one)) for one in interfaces):
            return profile
    raise WippyError(INVALID, f"unsupported wasm host import: {name}")


class Compiled:
    """A file compiled once; thread-safe.

    Args:
        data: the file.
        method: the export to call.
        wit: signatures of a core module.
        profiles: what a component may import, as `profile_of` gives it.

    Raises:
        WippyError: INVALID for a file that is no WebAssembly or imports what it may not.
    """

    def __init__(self, data: bytes, method: str, wit: str, profiles: set[str]) -> None:
        if data[:4] != b"\0asm":
            raise WippyError(INVALID, "not a WebAssembly file: it does not begin with \\0asm")
        self.is_component = data[4:8] != b"\x01\0\0\0"
        self.method = method
        self._signatures = {} if self.is_component else signatures(wit)
        engine = _engine()
        try:
            if self.is_component:
                made: Any = wc.Component(engine, data)
                self._check_imports(made, engine, profiles)
            else:
                made = wasmtime.Module(engine, data)
        except wasmtime.WasmtimeError as error:
            raise WippyError(INVALID, f"failed to compile wasm module: {_first_line(error)}") from None
        self._code = bytes(made.serialize())

    def _check_imports(self, made: Any, engine: wasmtime.Engine, profiles: set[str]) -> None:
        allowed = [interface for profile in profiles for interface in PROFILES[profile]]
        for name in made.type.imports(engine):
            plain = name.partition("@")[0]
            if not any(plain == one or (one.endswith("/") and plain.startswith(one)) for one in allowed):
                raise WippyError(
                    INVALID,
                    f"the component imports {name}, which no profile in its imports opens; "
                    f"known profiles: {', '.join(sorted(PROFILES))}",
                )

    def prepare(self, world: World) -> Call:
        """A fresh instance. Raises WippyError: INTERNAL."""
        return Call(self, world)

    def signature(self) -> Signature:
        """The signature of the method of a core module. Raises WippyError: INTERNAL."""
        found = self._signatures.get(self.method)
        if found is None:
            raise WippyError(INTERNAL, f"wit has no signature for {self.method!r}")
        return found

    def load(self, engine: wasmtime.Engine) -> Any:
        """The code in another engine."""
        kind = wc.Component if self.is_component else wasmtime.Module
        return kind.deserialize(engine, self._code)


class Call:
    """One instance and its call. The engine is its own, so that it can be interrupted alone."""

    def __init__(self, compiled: Compiled, world: World) -> None:
        self._compiled = compiled
        self.interrupted = False
        self._engine = _engine()
        self._store = wasmtime.Store(self._engine)
        self._store.set_epoch_deadline(1)
        self._store.set_wasi(_wasi(world))
        code = compiled.load(self._engine)
        try:
            if compiled.is_component:
                linker: Any = wc.Linker(self._engine)
                linker.add_wasip2()
            else:
                linker = wasmtime.Linker(self._engine)
                linker.define_wasi()
            self._instance = linker.instantiate(self._store, code)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise self._failed("failed to instantiate wasm module", error) from None

    def interrupt(self) -> None:
        """Ends the call soon, wherever it is; from any thread."""
        self.interrupted = True
        self._engine.increment_epoch()

    def run(self, args: list[Any], limit: float | None = None) -> Any:
        """Calls the method; holds the thread.

        Args:
            args: plain values, one for each parameter.
            limit: seconds after which the call is ended.

        Raises:
            WippyError: INTERNAL `failed to call wasm method: …`.
        """
        timer = threading.Timer(limit, self.interrupt) if limit else None
        what = f"failed to call wasm method: {self._compiled.method}"
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            return self._component(args) if self._compiled.is_component else self._core(args)
        except wasmtime.ExitTrap as error:
            raise WippyError(INTERNAL, f"{what}: wasi exit requested: status {error.code}") from None
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            if self.interrupted:
                reason = f"it took longer than {limit:g} s" if limit else "it was ended"
                raise WippyError(INTERNAL, f"{what}: {reason}", details={"reason": reason}) from None
            raise self._failed(what, error) from None
        except WippyError as error:
            raise WippyError(INTERNAL, f"{what}: {error.message}", details={"reason": error.message}) from None
        finally:
            if timer is not None:
                timer.cancel()

    def _failed(self, what: str, error: Exception) -> WippyError:
        reason = _reason(error)
        return WippyError(INTERNAL, f"{what}: {reason}", details={"reason": reason})

    def _core(self, args: list[Any]) -> Any:
        method = self._compiled.method
        signature = self._compiled.signature()
        function = self._instance.exports(self._store).get(method)
        if not isinstance(function, wasmtime.Func):
            raise WippyError(INTERNAL, f'export "{method}" not found')
        _count(signature.params, args)
        values = [_core_lower(kind, value) for kind, value in zip(signature.params, args, strict=True)]
        result = function(self._store, *values)
        results = [] if result is None else result if isinstance(result, list) else [result]
        if len(results) != len(signature.results):
            raise BadValue(f"wit promises {len(signature.results)} results, the module gives {len(results)}")
        lifted = [_core_lift(kind, value) for kind, value in zip(signature.results, results, strict=True)]
        return None if not lifted else lifted[0] if len(lifted) == 1 else lifted

    def _component(self, args: list[Any]) -> Any:
        function = self._export()
        type_ = function.type(self._store)
        params = [kind for _, kind in type_.params]
        _count(params, args)
        values = [lower(kind, value) for kind, value in zip(params, args, strict=True)]
        result = function(self._store, *values)
        return None if type_.result is None else lift(type_.result, result)

    def _export(self) -> Any:
        method, store = self._compiled.method, self._store
        interface, hash_, name = method.rpartition("#")
        index = None
        if not hash_:
            index = self._instance.get_export_index(store, method)
        else:
            outer = self._instance.get_export_index(store, interface)
            if outer is not None:
                index = self._instance.get_export_index(store, name, outer)
        function = None if index is None else self._instance.get_func(store, index)
        if function is None:
            raise WippyError(INTERNAL, f'export "{method}" not found')
        return function


def _count(params: Any, args: list[Any]) -> None:
    if len(params) != len(args):
        raise BadValue(f"parameter count mismatch: expected {len(params)}, got {len(args)}")


def _core_lower(kind: str, value: Any) -> Any:
    if kind == "bool":
        return int(boolean(value))
    if kind in ("f32", "f64"):
        return number(value, kind)
    if kind not in NUMBERS:
        raise BadValue(f"a core module takes numbers and booleans only, not {kind}")
    wide = integer(value, kind)
    bits = 64 if kind.endswith("64") else 32
    return wide - (1 << bits) if wide >= 1 << (bits - 1) else wide


def _core_lift(kind: str, value: Any) -> Any:
    if kind == "bool":
        return bool(value)
    if kind in ("u32", "u64") and value < 0:
        value += 1 << (32 if kind == "u32" else 64)
    if kind == "u64" and value >= 1 << 63:
        raise BadValue(f"{value} is too large for an integer")
    return value


def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.epoch_interruption = True
    return wasmtime.Engine(config)


def _wasi(world: World) -> wasmtime.WasiConfig:
    wasi = wasmtime.WasiConfig()
    wasi.argv = world.args
    wasi.env = world.env
    for guest, folder, writable in world.mounts:
        wasi.preopen_dir(folder, guest, writable)
    if world.terminal:
        wasi.inherit_stdin()
        wasi.inherit_stdout()
        wasi.inherit_stderr()
    return wasi


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _reason(error: Exception) -> str:
    """The last cause in the engine's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].partition(": ")[2] if lines and lines[-1][:1].isdigit() else lines[-1] if lines else "trap"
