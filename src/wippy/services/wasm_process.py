"""Kind `process.wasm`: a process in WebAssembly."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import posixpath
import re
import threading
from typing import Any

import msgspec

from wippy.errors import INVALID, NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE, WippyError
from wippy.registry.decode import decode
from wippy.registry.entry import Entry
from wippy.services.python_process import guest_code
from wippy.services.site import Site, qualified
from wippy.services.volume_file import volume_file, volume_of
from wippy.units.guests import Ask

_HASH = re.compile(r"sha256:[0-9a-f]{64}\Z")
_POOLS = frozenset(("", "inline", "lazy", "static", "adaptive"))


class Variable(msgspec.Struct):
    """A variable of the environment that the guest sees as `name`."""

    id: str = ""
    name: str = ""
    required: bool = False


class Mount(msgspec.Struct):
    """A volume that the guest sees at the path `guest`."""

    fs: str = ""
    guest: str = ""
    read_only: bool = False


class Wasi(msgspec.Struct):
    """The `wasi` block."""

    args: list[str] = []
    cwd: str = ""
    env: list[Variable] = []
    mounts: list[Mount] = []


class Limits(msgspec.Struct):
    """The `limits` block; milliseconds of wall-clock time, 0 = none."""

    max_execution_ms: int = 0


class Pool(msgspec.Struct):
    """The `pool` block: checked, and of no effect on a process."""

    type: str = ""
    size: int = 0
    workers: int = 0
    buffer: int = 0
    max_size: int = 0


class WasmConfig(msgspec.Struct):
    """Data of a `process.wasm` entry."""

    fs: str = ""
    path: str = ""
    hash: str = ""
    method: str = ""
    wit: str = ""
    transport: str = "payload"
    imports: list[str] = []
    pool: Pool = msgspec.field(default_factory=Pool)
    wasi: Wasi = msgspec.field(default_factory=Wasi)
    limits: Limits = msgspec.field(default_factory=Limits)


class WasmProgram:
    """The compiled file of an entry and what its processes may see."""

    def __init__(self, site: Site, entry: Entry, config: WasmConfig, compiled: Any) -> None:
        self.site = site
        self.entry = entry
        self.config = config
        self.compiled = compiled

    def load(self, pid: str) -> WasmMachine:
        return WasmMachine(self)

    def world(self, args: list[Any], terminal: bool) -> Any:
        """What a call sees. Raises WippyError: NOT_FOUND for a variable or volume that is not there."""
        from wippy.units.wasm.program import World

        wasi = self.config.wasi
        env = []
        for variable in sorted(wasi.env, key=lambda one: one.name):
            value = self.site.read_variable(variable.id)
            if value is not None:
                env.append((variable.name, value))
            elif variable.required:
                raise WippyError(NOT_FOUND, f"required wasi env variable not found: {variable.id}")
        mounts = []
        for mount in sorted(wasi.mounts, key=lambda one: one.guest):
            id = qualified(mount.fs, self.entry)
            volume = self.site.resources.get(id)
            if volume is None or not hasattr(volume, "root"):
                raise WippyError(NOT_FOUND, f"wasi mount filesystem not found: {id}")
            writable = not mount.read_only and bool(volume.mode & 0o200)
            mounts.append((mount.guest, str(volume.root), writable))
        given = wasi.args or ([str(arg) for arg in args] if terminal else [])
        return World([self.entry.id.name, *given], env, mounts, terminal)


class WasmMachine:
    """One process: a fresh instance, driven by a thread of its own so that it stops nobody."""

    def __init__(self, program: WasmProgram) -> None:
        self._program = program
        self._call: Any = None
        self._closed = False

    async def run(self, ask: Ask, args: list[Any], terminal: bool) -> Any:
        program = self._program
        for mount in program.config.wasi.mounts:
            id = qualified(mount.fs, program.entry)
            if not (await asyncio.shield(asyncio.wrap_future(ask("permit", "fs.get", id))))[0]:
                raise WippyError(PERMISSION_DENIED, f"not allowed to access filesystem: {id}")
        limit = program.config.limits.max_execution_ms / 1000 or None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            if not future.done():
                future.set_exception(error) if error is not None else future.set_result(value)

        def work() -> None:
            value, failure = None, None
            try:
                self._call = call = program.compiled.prepare(program.world(args, terminal))
                if not self._closed:
                    passed = [] if terminal and program.config.method == "wasi:cli/run#run" else args
                    value = call.run(passed, limit)
            except BaseException as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the application has ended
                loop.call_soon_threadsafe(settle, value, failure)

        threading.Thread(target=work, name=f"wasm {program.entry.id}", daemon=True).start()
        return await future

    def close(self) -> None:
        self._closed = True
        if self._call is not None:
            self._call.interrupt()


class WasmProcessHandler:
    """Compiles the file when the entry is registered."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, entry: Entry) -> None:
        config = decode(entry, WasmConfig, env=self._site.read_variable, raw=("wit",))
        _validate(entry, config)
        data = volume_file(self._site, entry, config.fs, config.path)
        _verify(entry, config.hash, data)
        for index, mount in enumerate(config.wasi.mounts):
            volume_of(self._site, entry, mount.fs, "wasi", "mounts", index, "fs")
        compiled = await asyncio.get_running_loop().run_in_executor(None, self._compile, entry, config, data)
        runtime, id = self._site.runtime, str(entry.id)
        runtime.guests.put(id, WasmProgram(self._site, entry, config, compiled))
        runtime.code.put_guest(guest_code(entry, config.method, config.wit, None))

    def _compile(self, entry: Entry, config: WasmConfig, data: bytes) -> Any:
        try:
            from wippy.units.wasm.program import Compiled, profile_of
        except ImportError:
            raise entry.error(
                "WebAssembly needs the package wasmtime", hint="pip install 'wippy[wasm]'", kind=UNAVAILABLE
            ) from None
        try:
            profiles = {profile_of(name) for name in config.imports}
        except WippyError as error:
            raise entry.error(error.message, "imports", kind=error.kind) from None
        try:
            return Compiled(data, config.method, config.wit, profiles)
        except WippyError as error:
            raise entry.error(f"{config.path}: {error.message}", "path", kind=error.kind) from None

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._site.runtime.guests.remove(id)
        self._site.runtime.code.remove(id)


def _validate(entry: Entry, config: WasmConfig) -> None:
    def bad(text: str, *keys: str | int) -> WippyError:
        return entry.error(f"invalid configuration: {text}", *keys, kind=INVALID)

    for name in ("fs", "path", "hash", "method"):
        if not getattr(config, name):
            raise bad(f"{name} is required", name)
    if any(not name.strip() for name in config.imports):
        raise bad("import :name cannot be empty", "imports")
    if config.transport not in ("payload", "wasi-http"):
        raise bad("invalid transport type", "transport")
    if config.transport == "wasi-http":
        raise bad("transport wasi-http is for functions behind HTTP endpoints, not for a process", "transport")
    _validate_pool(config.pool, bad)
    if config.limits.max_execution_ms < 0:
        raise bad("limits.max_execution_ms cannot be negative", "limits", "max_execution_ms")
    if config.wasi.cwd and not config.wasi.cwd.startswith("/"):
        raise bad("wasi.cwd must be absolute", "wasi", "cwd")
    names: set[str] = set()
    for variable in config.wasi.env:
        for key in ("id", "name"):
            if not getattr(variable, key):
                raise bad(f"wasi.env[].{key} is required", "wasi", "env")
        if variable.name in names:
            raise bad("wasi.env[].name must be unique", "wasi", "env")
        names.add(variable.name)
    guests: set[str] = set()
    for mount in config.wasi.mounts:
        for key in ("fs", "guest"):
            if not getattr(mount, key):
                raise bad(f"wasi.mounts[].{key} is required", "wasi", "mounts")
        if not mount.guest.startswith("/"):
            raise bad("wasi.mounts[].guest must be absolute", "wasi", "mounts")
        clean = posixpath.normpath(mount.guest)
        if clean in guests:
            raise bad("wasi.mounts[].guest must be unique", "wasi", "mounts")
        guests.add(clean)


def _validate_pool(pool: Pool, bad: Any) -> None:
    if min(pool.size, pool.workers, pool.buffer, pool.max_size) < 0:
        raise bad("pool values cannot be negative", "pool")
    if pool.type not in _POOLS:
        raise bad("invalid pool type", "pool", "type")
    if pool.workers > 0 and pool.size <= 0:
        raise bad("pool.size must be greater than 0 for worker pools", "pool", "size")


def _verify(entry: Entry, expected: str, data: bytes) -> None:
    kind = expected.partition(":")[0]
    found = "sha256:" + hashlib.sha256(data).hexdigest()
    if ":" not in expected:
        cause = f"invalid hash format: {expected} (write sha256: and 64 hexadecimal digits)"
    elif kind != "sha256":
        cause = f"unsupported hash algorithm: {kind}"
    elif not _HASH.match(expected):
        cause = f"invalid hash format: {expected} (write sha256: and 64 hexadecimal digits)"
    elif found != expected:
        cause = f"hash mismatch: expected {expected}, got {found}"
    else:
        return
    raise entry.error(f"hash verification failed: {cause}", "hash", kind=INVALID)
